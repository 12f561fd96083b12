"""Many closed active contours at once, in millimetres, each on its own plane (Eq. 4 and 5).

∂C/∂t = α·C″ − β·C⁗ − γ·∇E_ext (Kass, Witkin and Terzopoulos 1988, doi:10.1007/BF00133570), stepped
semi-implicitly: the image's force is taken where the contour is, the internal force where it will
be. What differs from the original is told in ``docs/contours.md``.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from canalis.refine.checks import Check, checked_rows, quality_reasons
from canalis.refine.curves import mean_distance
from canalis.refine.energies import Energy
from canalis.refine.forces import Fields, Pull, prepared_fields
from canalis.refine.inputs import Checked, checked_input
from canalis.refine.internal import internal_step, tube_slices
from canalis.refine.normals import LEAST_NEARNESS_MM
from canalis.refine.rows import Rows
from canalis.refine.settings import Guides, Snakes, SnakeSettings, Used
from canalis.refine.tables import windows_round
from canalis.volume import ScanWarning

SETTLED = "settled"
COARSE = 5.0  # the nearest-pixel stage ends when points move this many times faster than "settled"
COARSE_SHARE = 0.9  # of all iterations that the nearest-pixel stage may take
NARROWING = 0.92  # by which bone_edge's search narrows in each step
BORNE = 0.8  # share of a contour on a bone edge from which its neighbours cannot have led it astray
ELSEWHERE_MM = 0.8  # on average, between a plane of a tube and the same plane on its own
WINDOW_MARGIN_MM = 2.0  # read beyond the limit, for edges that the limit keeps points from


@dataclass(slots=True, eq=False)
class _Outcome:
    """What is known of every plane so far."""

    reasons: list[str]
    curves: NDArray[np.complex64]
    iterations: NDArray[np.intp]
    energy: NDArray[np.float64]
    support: NDArray[np.float64]
    history: list[NDArray[np.float64]] = field(default_factory=list)

    def record(self, rows: Rows, reasons: list[str]) -> None:
        self.curves[rows.planes] = rows.curves
        self.iterations[rows.planes] = rows.iterations
        for plane, reason in zip(rows.planes, reasons, strict=True):
            self.reasons[plane] = reason


def snake(
    images: ArrayLike,
    spacing_mm: ArrayLike,
    contours_mm: ArrayLike,
    energy: Energy,
    settings: SnakeSettings | None = None,
    *,
    guides: Guides | None = None,
) -> Snakes:
    """Move closed contours onto the edges of their images, many at once.

    Parameters
    ----------
    images : array of shape (K, H, W)
        HU, or any finite intensities; each plane its own image.
    spacing_mm : array of shape (2,)
        Distance between rows and between columns.
    contours_mm : array of shape (K, N, 2)
        Start contours, N ≥ 8 points each, (row, column) mm from the centre of pixel (0, 0), either
        way round, not closed by a doubled point.
    energy : Energy
        Weights of Eq. 4's terms.
    settings : SnakeSettings, optional
        How to step, what holds, when to stop.
    guides : Guides, optional
        Weights and limits by point, the network's probability, the planes' frames.

    Returns
    -------
    Snakes
        Contours in the order given. One that did not settle is the start contour again, with a
        warning, unless ``settings.fall_back`` is False.

    Raises
    ------
    MeasurementError
        If shapes do not fit, the image or a contour is not finite, a contour has fewer than eight
        points or no area, or leaves its image.

    References
    ----------
    .. [1] Kass M, Witkin A, Terzopoulos D. Snakes: active contour models. IJCV 1988;1:321-331.
       doi:10.1007/BF00133570

    Examples
    --------
    A dark disc of radius 8 mm on pixels of 0.5 x 0.8 mm, found from a circle of radius 5 mm:

    >>> import numpy as np
    >>> from canalis.refine import Energy, snake
    >>> rows, columns = np.meshgrid(0.5 * np.arange(80), 0.8 * np.arange(50), indexing="ij")
    >>> image = np.where(np.hypot(rows - 20, columns - 20) < 8, 30.0, 800.0)
    >>> turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    >>> start = np.stack([20 + 5 * np.cos(turn), 20 + 5 * np.sin(turn)], axis=-1)
    >>> found = snake(image[None], (0.5, 0.8), start[None], Energy(bone_edge=1.0, tension=0.2))
    >>> found.reasons
    ('settled',)
    >>> bool(abs(np.hypot(*(found.contours_mm[0] - 20).T).mean() - 8) < 0.2)
    True
    """
    settings = settings or SnakeSettings()
    guides = guides or Guides()
    checked = checked_input(images, spacing_mm, contours_mm, energy=energy, settings=settings, guides=guides)
    farthest = np.inf if checked.limits_mm is None else float(checked.limits_mm.max())
    windows = windows_round(
        checked.start,
        shape=(checked.images.shape[1], checked.images.shape[2]),
        spacing_mm=checked.spacing_mm,
        margin_mm=farthest + WINDOW_MARGIN_MM,
    )
    fields = prepared_fields(
        checked.images,
        checked.spacing_mm,
        checked.start,
        energy=energy,
        windows=windows,
        probability=checked.probability,
    )
    outcome = _evolved(checked, fields, energy, settings)
    if energy.tie and energy.bone_edge:
        _doubt(outcome, checked, np.asarray(contours_mm), energy, settings, guides)
    return _answer(outcome, np.asarray(contours_mm, dtype=np.float64), settings, guides, energy)


def _evolved(checked: Checked, fields: Fields, energy: Energy, settings: SnakeSettings) -> _Outcome:
    """Both stages: nearest pixels until nearly settled, then bilinear until settled."""
    rows = _first_rows(checked, settings)
    planes = len(rows.planes)
    outcome = _Outcome(
        reasons=[""] * planes,
        curves=rows.curves.copy(),
        iterations=np.zeros(planes, np.intp),
        energy=np.zeros(planes),
        support=np.zeros(planes),
    )
    nearness = max(energy.reach_mm / 2, LEAST_NEARNESS_MM)
    coarse = _Stage(fields, energy, settings, outcome, nearness_mm=nearness, linear=False)
    rows = coarse.run(rows)
    rows.step = np.full(len(rows.planes), settings.step)
    fine = _Stage(fields, energy, settings, outcome, nearness_mm=LEAST_NEARNESS_MM, linear=True)
    fine.run(rows)
    return outcome


def _first_rows(checked: Checked, settings: SnakeSettings) -> Rows:
    planes = len(checked.start)
    resting = settings.rest == "start"
    return Rows(
        planes=np.arange(planes),
        tubes=checked.tubes,
        moved=np.zeros_like(checked.start) if resting else checked.start.copy(),
        rest=checked.start.copy() if resting else None,
        start=checked.start.copy(),
        limits_mm=None if checked.limits_mm is None else checked.limits_mm.copy(),
        weights=None if checked.point_weights is None else checked.point_weights.copy(),
        step=np.full(planes, settings.step),
        undone=np.zeros(planes, np.intp),
        iterations=np.zeros(planes, np.intp),
        energy=np.full(planes, np.inf),
        motion=np.zeros(checked.start.shape, np.float32),
    )


@dataclass(slots=True, eq=False)
class _Stage:
    """Steps and checks until every contour has settled or failed."""

    fields: Fields
    energy: Energy
    settings: SnakeSettings
    outcome: _Outcome
    nearness_mm: float
    linear: bool

    def pull_on(self, rows: Rows) -> Pull:
        return Pull(
            self.fields,
            self.energy,
            rows.planes,
            rows.moved.shape[1],
            rows.weights,
            nearness_mm=self.nearness_mm,
            linear=self.linear,
        )

    def run(self, rows: Rows) -> Rows:
        """Return the rows to go on with in the next stage; those that ended for good are recorded."""
        settings = self.settings
        settled = rows.some(np.zeros(len(rows.planes), bool))
        last = settings.max_iterations if self.linear else int(COARSE_SHARE * settings.max_iterations)
        while len(rows.planes):
            before = rows.curves.copy()
            pull = self.pull_on(rows)
            steps = int(max(1, min(settings.check_every, last - rows.iterations.min())))
            self._advance(rows, pull, steps)
            check = checked_rows(rows, pull, before=before, steps=steps, settings=settings)
            self._note(rows, check)
            done, failed = self._ended(rows, check, last)
            if failed.any():
                lost = rows.some(failed)
                self.outcome.record(lost, [r for r, bad in zip(check.reasons, failed, strict=True) if bad])
            if done.any() and self.linear:
                self._judge(rows, pull, done)
            elif done.any():
                settled = settled.joined(rows.some(done))
            if (done | failed).any():
                rows = rows.some(~(done | failed))
        return settled

    def _advance(self, rows: Rows, pull: Pull, steps: int) -> None:
        """Eq. 5, some steps of it."""
        if self.energy.tie:  # a tube moves as one
            for tube in tube_slices(rows.tubes):
                rows.step[tube] = rows.step[tube].min()
        internal = internal_step(
            self.energy,
            points=rows.moved.shape[1],
            spacing_mm=rows.spacing_mm,
            step=rows.step,
            tubes=rows.tubes,
        )
        time_step = rows.step[:, None].astype(np.float32)
        home = None  # what attachment adds where the internal force has no rest shape
        if self.energy.attachment and rows.rest is None:
            home = np.float32(self.energy.attachment) * time_step * rows.start
        for _ in range(steps):
            force = pull.force(rows.curves)
            if force is not None:
                parts = force.view(np.float32)
                parts *= time_step
                rows.moved += force
            if home is not None:
                rows.moved += home
            rows.moved = internal(rows.moved)
            rows.hold()
            pull.nearness_mm = self.nearness_mm = max(self.nearness_mm * NARROWING, LEAST_NEARNESS_MM)
        rows.iterations += steps

    def _judge(self, rows: Rows, pull: Pull, done: NDArray[np.bool_]) -> None:
        """Look once more at contours that settled, and record them."""
        reasons, support = quality_reasons(rows, pull, self.settings)
        self.outcome.record(rows.some(done), [reasons[row] or SETTLED for row in np.flatnonzero(done)])
        self.outcome.support[rows.planes[done]] = support[done]

    def _note(self, rows: Rows, check: Check) -> None:
        self.outcome.energy[rows.planes] = check.energy
        self.outcome.history.append(self.outcome.energy.copy())

    def _ended(self, rows: Rows, check: Check, last: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which rows go on to the next stage, and which have failed."""
        slow = self.settings.settled_mm * (1.0 if self.linear else COARSE)
        searching = self.nearness_mm > LEAST_NEARNESS_MM
        out_of_time = rows.iterations >= last
        failed = np.array([bool(reason) for reason in check.reasons])
        done = (check.speed_mm <= slow) & ~failed & (not searching)
        if self.linear:
            for row in np.flatnonzero(out_of_time & ~done & ~failed):
                check.reasons[row] = (
                    f"still moving {check.speed_mm[row]:.3f} mm per unit of time "
                    f"after {rows.iterations[row]} steps"
                )
            failed |= out_of_time & ~done
        else:
            done |= out_of_time & ~failed
        if self.energy.tie:  # a tube ends as one
            for tube in tube_slices(rows.tubes):
                if not (done | failed)[tube].all():
                    done[tube], failed[tube] = False, False
        return done, failed


def _doubt(
    outcome: _Outcome,
    checked: Checked,
    starts: NDArray[np.float64],
    energy: Energy,
    settings: SnakeSettings,
    guides: Guides,
) -> None:
    """Let no plane of a tube pass that settles elsewhere without its neighbours (decision 35)."""
    settled = np.array([reason == SETTLED for reason in outcome.reasons])
    which = np.flatnonzero(settled & (outcome.support < BORNE))
    if not len(which):
        return
    alone = snake(
        checked.images[which], checked.spacing_mm, starts[which], replace(energy, tie=0.0),
        replace(settings, least_support=SnakeSettings().least_support, fall_back=False),
        guides=guides.alone(which),
    )  # fmt: skip
    elsewhere = mean_distance(alone.snakes_mm @ np.array([1, 1j]), outcome.curves[which])
    for plane, apart, sound in zip(which, elsewhere, alone.converged, strict=True):
        if sound and apart > ELSEWHERE_MM:
            outcome.reasons[plane] = f"without its neighbours it settles {apart:.1f} mm elsewhere on average"


def _answer(
    outcome: _Outcome,
    start: NDArray[np.float64],
    settings: SnakeSettings,
    guides: Guides,
    energy: Energy,
) -> Snakes:
    """Put the start contour in the place of every snake that did not settle."""
    snakes = np.stack([outcome.curves.real, outcome.curves.imag], axis=-1).astype(np.float64)
    converged = np.array([reason == SETTLED for reason in outcome.reasons])
    back = ~converged & settings.fall_back
    contours = np.where(back[:, None, None], start, snakes)
    used: tuple[Used, ...] = tuple("start" if b else "snake" for b in back)
    warnings = tuple(
        ScanWarning(
            "contour-not-settled", f"The active contour of plane {plane} {_told(reason, used[plane])}."
        )
        for plane, reason in enumerate(outcome.reasons)
        if reason != SETTLED
    )
    return Snakes(
        contours_mm=contours,
        used=used,
        converged=converged,
        iterations=outcome.iterations,
        reasons=tuple(outcome.reasons),
        snakes_mm=snakes,
        energy_history=np.array(outcome.history),
        support=outcome.support if energy.bone_edge else None,
        points_lps_mm=None if guides.frames is None else guides.frames.to_lps(contours),
        warnings=warnings,
    )


def _told(reason: str, used: Used) -> str:
    outcome = "its start outline is used" if used == "start" else "it is used all the same"
    return f"did not settle ({reason}); {outcome}"
