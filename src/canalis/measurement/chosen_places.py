"""Places chosen among many are less sure than others: the narrowest, and the worst (docs/decisions/0090)."""

from dataclasses import replace

from canalis.measurement.measurements import Narrowest, Ossification, PlaneMeasurement
from canalis.measurement.uncertainty import narrowest_interval_mm


def with_narrowest(
    planes: tuple[PlaneMeasurement, ...], *, soft: bool
) -> tuple[tuple[PlaneMeasurement, ...], Narrowest]:
    """Return the least residual AP of all planes, and the planes with its interval where places were chosen.

    Parameters
    ----------
    planes : tuple of PlaneMeasurement
        As measured.
    soft : bool
        As in :func:`canalis.measurement.uncertainty.edge_error_mm`.

    Returns
    -------
    planes : tuple of PlaneMeasurement
        That of the least and the worst place wider in their intervals of residual AP: either is chosen for
        being narrow, and a number stands with one error everywhere.
    narrowest : Narrowest
        None throughout where no plane has a residual AP.
    """
    held = [plane for plane in planes if plane.residual_ap_mm is not None]
    if not held:
        return planes, Narrowest(None, None, None, None)
    least = min(held, key=lambda plane: (plane.residual_ap_mm or 0.0, plane.part == "worst"))
    planes = tuple(
        _as_chosen(plane, soft=soft) if plane is least or plane.part == "worst" else plane for plane in planes
    )
    half = _as_chosen(least, soft=soft).uncertainty.get("residual_ap_mm")
    return planes, Narrowest(least.residual_ap_mm, half, least.level, least.part)


def _as_chosen(plane: PlaneMeasurement, *, soft: bool) -> PlaneMeasurement:
    half = plane.uncertainty.get("residual_ap_mm")
    if half is None:
        return plane
    wider = {"residual_ap_mm": narrowest_interval_mm(half, soft=soft)}
    return replace(plane, uncertainty=plane.uncertainty | wider)


def with_greatest(
    planes: tuple[PlaneMeasurement, ...], ossification: Ossification
) -> tuple[PlaneMeasurement, ...]:
    """Return planes whose worst place is no surer of its thickness than the neck is of its greatest.

    Parameters
    ----------
    planes : tuple of PlaneMeasurement
        As measured.
    ossification : Ossification
        Of the whole neck.
    """
    greatest = ossification.uncertainty.get("max_thickness_mm", 0.0)

    def no_surer(plane: PlaneMeasurement) -> PlaneMeasurement:
        half = plane.uncertainty.get("ossification_thickness_mm")
        if plane.part != "worst" or half is None:
            return plane
        wider = {"ossification_thickness_mm": max(half, greatest)}
        return replace(plane, uncertainty=plane.uncertainty | wider)

    return tuple(map(no_surer, planes))
