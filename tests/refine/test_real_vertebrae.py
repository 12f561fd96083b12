"""Real vertebrae, dressed as CT, where their ring of bone is closed."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import find_contours

from canalis.refine import refine_outlines

from .planes import boundary_distances_mm

WANTED = 6
POINTS = 128
SIDE_MM = 44.0


def closed_slices(path):
    """Axial slices (image, true outline, pixel) whose bone closes a hole of a canal's size."""
    labels = nib.load(path)
    pixel = float(labels.header.get_zooms()[0])
    bone = np.asarray(labels.dataobj).astype(np.uint8)
    bone = (((bone >= 3) & (bone <= 7)).transpose(2, 1, 0))[::4]
    found = []
    for plane in bone[bone.any(axis=(1, 2))]:
        parts, count = ndimage.label(ndimage.binary_fill_holes(plane) & ~plane)
        if not count:
            continue
        sizes = np.bincount(parts.ravel())[1:] * pixel**2
        if not 120 < sizes.max() < 600:
            continue
        hole = parts == sizes.argmax() + 1
        middle, half = np.round(ndimage.center_of_mass(hole)).astype(int), round(SIDE_MM / 2 / pixel)
        cut = tuple(slice(m - half, m + half) for m in middle)
        found.append((dressed(plane[cut], pixel, seed=len(found)), outline_of(hole[cut], pixel), pixel))
    return found[:: max(len(found) // WANTED, 1)][:WANTED]


def dressed(bone, pixel, *, seed):
    """A slice of CT: cortex, marrow and soft tissue, blurred to 0.8 mm, with noise of 30 HU."""
    deep = ndimage.distance_transform_edt(bone, sampling=pixel)
    hu = np.where(deep > 1.0, 320.0, np.where(deep > 0, 1150.0, 45.0))
    hu = ndimage.gaussian_filter(hu, 0.8 / 2.355 / pixel)
    grain = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=hu.shape), 0.35 / pixel)
    return (hu + grain * 30.0 / grain.std()).astype(np.float32)


def outline_of(hole, pixel):
    line = max(find_contours(ndimage.gaussian_filter(hole.astype(float), 0.7), 0.5), key=len)[:-1] * pixel
    return line[np.linspace(0, len(line), POINTS, endpoint=False).astype(int)]


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["sub-gl003_dir-ax_seg-vert_msk.nii.gz", "sub-gl017_seg-vert_msk.nii.gz"], ids=["gl003", "gl017"]
)
def test_outlines_a_millimetre_off_come_onto_real_bone(real_data, name):
    slices = closed_slices(real_data("verse") / name)
    assert len(slices) == WANTED
    rng = np.random.default_rng(2_000_200)
    truth = np.stack([outline for _, outline, _ in slices])
    turn = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    moved = []
    for outline in truth:
        a, b = rng.normal(size=(2, 6))
        move = sum(a[w] * np.cos(w * turn) + b[w] * np.sin(w * turn) for w in range(6))
        away = outline - outline.mean(axis=0)
        size = np.linalg.norm(away, axis=-1, keepdims=True)
        moved.append(outline + away / size * (1.5 * move / np.abs(move).max())[:, None])
    pixel = slices[0][2]
    found = refine_outlines(np.stack([image for image, _, _ in slices]), (pixel, pixel), np.stack(moved))
    before = np.mean([boundary_distances_mm(m, t).mean() for m, t in zip(moved, truth, strict=True)])
    after = np.mean(
        [boundary_distances_mm(c, t).mean() for c, t in zip(found.contours_mm, truth, strict=True)]
    )
    assert before > 0.4
    assert after < 0.25
    assert found.converged.sum() >= WANTED - 1
