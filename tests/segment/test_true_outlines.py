"""What the rules after the network do to outlines that are right: as good as nothing."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from canalis.measurement import measure_segmentation
from canalis.phantom import Phantom, make_phantom
from canalis.phantom.ossification import Wanted
from canalis.segment import passes, segment
from canalis.segment.classes import Fine
from canalis.segment.fcn import CANAL_CLASSES, FineMap, grid_around
from canalis.segment.grids import Grid, look_up, resample_hu
from canalis.train.truth import fine_classes
from canalis.volume import Volume

SOFT_PIXELS = (0.0, 0.6, 0.6)  # beside the smoothing by resampling: about as soft as a network's edge


def true_map(phantom: Phantom, grid: Grid) -> FineMap:
    structure = phantom.structure
    affine = phantom.volume.affine
    classes = fine_classes(look_up(structure, affine, grid.affine, grid.shape))

    def soft(these: tuple[Fine, ...]) -> np.ndarray:
        inside = Volume(
            np.where(np.isin(fine_classes(structure), these), np.int16(1020), np.int16(0)), affine
        )
        return np.rint(gaussian_filter(resample_hu(inside, grid) / 4.0, SOFT_PIXELS)).astype(np.uint8)

    canal = soft(CANAL_CLASSES)
    inside = np.isin(classes, CANAL_CLASSES)
    classes[(canal >= 128) & ~inside] = Fine.RESIDUAL_CANAL
    classes[(canal < 128) & inside] = Fine.OUTSIDE
    return FineMap(grid, classes, canal, soft((Fine.OSSIFICATION,)))


@pytest.fixture(scope="module")
def neck() -> Phantom:
    return make_phantom(2_000_007, wanted=Wanted(present=True, thickness_mm=5.0))


def test_a_true_outline_keeps_its_place(neck: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        passes, "segment_finely", lambda volume, tube, *a, **k: true_map(neck, grid_around(volume, tube))
    )
    found = measure_segmentation(segment(neck.volume), neck.volume)
    truth = {(plane.level, plane.part): plane for plane in neck.truth.planes}
    errors = {
        (plane.level, plane.part): plane.canal_ap_mm - true.canal_ap_mm
        for plane in found.planes
        if plane.part in ("body", "disc") and plane.canal_ap_mm is not None
        for true in [truth[plane.level, plane.part]]
        if true.canal_ap_mm is not None
    }
    assert len(errors) >= 12
    for part in ("body", "disc"):
        of_part = np.array([error for (_, which), error in errors.items() if which == part])
        assert abs(of_part.mean()) < 0.12, errors
        assert np.abs(of_part).max() < 0.5, errors
