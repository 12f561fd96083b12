import numpy as np
import pytest
from scipy import ndimage

from canalis.measurement import measure_segmentation
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Mask

UNNAMED = LevelNaming(sure=False, source=None, reason="Neither end was seen.")


@pytest.mark.parametrize("seed", range(6))
def test_labels_that_make_no_neck_are_measured_or_refused_but_never_crash(seed):
    rng = np.random.default_rng(seed)
    shape, spacing = tuple(int(n) for n in rng.integers(12, 40, 3)), rng.uniform(0.4, 3.0, 3)
    labels = np.zeros(shape, np.uint8)
    for label, share in ((1, 0.7), (int(rng.choice([2, 3, 4, 12])), 0.8)):
        blobs = ndimage.gaussian_filter(rng.standard_normal(shape), 2.5)
        labels[blobs > np.quantile(blobs, share)] = label
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]]) * spacing
    measured = measure_segmentation(Segmentation(Mask(labels, affine), UNNAMED), None)
    assert measured.status in ("partial", "refused")
    for plane in measured.planes:
        assert (plane.canal_ap_mm is None) == ("canal_ap_mm" in plane.reasons)


def test_a_ratio_whose_interval_holds_a_surgeons_cut_says_so(make_neck, plans):
    plan, growth, top = plans
    measured = measure_segmentation(*make_neck(plan(growths=(growth(top(1), top(2) + 10, 6.5),), tilt_deg=7)))
    said = [warning for warning in measured.warnings if warning.code == "ratio-near-cut"]
    assert "50 %" in said[0].message
