"""Whether the truth of a neck is what was asked for."""

from typing import Final

from canalis.errors import MeasurementError
from canalis.measurement.measurements import Measurements, Ossification
from canalis.phantom.ossification import Wanted

TOLERANCE_MM: Final = 0.1  # between the thickness asked for and that of the truth


def has_wanted_type(truth: Measurements, wanted: Wanted) -> bool:
    """Return whether the OPLL has the type and covers the bodies that are wanted.

    Parameters
    ----------
    truth : Measurements
        Of a phantom, or of a scan with planted OPLL.
    wanted : Wanted
        What was asked for. Bodies of a localized mass are those above its disc.
    """
    found = truth.ossification
    bodies = {level for span in wanted.levels for level in span}
    return (wanted.type is None or found.type == wanted.type) and (
        not bodies or _bodies(found, wanted) == bodies
    )


def check_asked(truth: Measurements, wanted: Wanted, seed: int) -> None:
    """Refuse a neck whose OPLL is not what was asked for.

    Parameters
    ----------
    truth : Measurements
        Of a phantom, or of a scan with planted OPLL.
    wanted : Wanted
        What was asked for.
    seed : int
        Named in the message.

    Raises
    ------
    MeasurementError
        If type, bodies or greatest thickness are others.
    """
    found = truth.ossification
    thickest = found.max_thickness_mm or 0.0
    if not has_wanted_type(truth, wanted):
        where = ", ".join(found.levels or found.discs)
        told = f"{found.type} of {where}, {thickest:.1f} mm thick" if found.present else "none of 1 mm"
        raise MeasurementError(
            f"Expected OPLL of the type and levels asked for, found {told}, on the neck of seed {seed}: "
            "masses taper at their ends, and those that touch are one. Give a greater --thickness-mm, other "
            "--levels or another --seed."
        )
    wanted_mm = wanted.thickness_mm
    if found.present and wanted_mm is not None and wanted_mm - thickest > TOLERANCE_MM:
        raise MeasurementError(
            f"Expected OPLL {wanted_mm:g} mm thick, found room for {thickest:.1f} mm in the canal of seed "
            f"{seed} there. Give a lesser --thickness-mm, other --levels or another --seed."
        )


def _bodies(found: Ossification, wanted: Wanted) -> set[str]:
    if wanted.type == "localized":
        return {disc.split("/")[0] for disc in found.discs}
    return set(found.levels)
