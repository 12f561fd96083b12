"""NIfTI files keep their voxels, their order, and their places."""

import itertools

import nibabel
import numpy as np
import pytest

from canalis.errors import GeometryError, ReadError
from canalis.read import read_volume
from canalis.read.nifti import read_label_map

SHAPE = (9, 7, 8)  # i, j, k of the file
TURN = np.linalg.qr(np.array([[0.9, 0.2, 0.1], [-0.3, 1.0, 0.2], [0.1, -0.2, 1.1]]))[0]


def affine_of(order=(0, 1, 2), signs=(1, 1, 1)):
    """Oblique RAS affine of axes in an order, each with its own spacing and direction."""
    affine = np.eye(4)
    affine[:3, :3] = (TURN * np.array(signs) * [0.6, 0.7, 1.25])[:, list(order)]
    affine[:3, 3] = (12.0, -31.0, 404.0)
    return affine


def values():
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 200


def write(path, array, affine, slope_inter=None, unit="mm"):
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(unit)
    if slope_inter:
        image.header.set_slope_inter(*slope_inter)
    nibabel.save(image, path)
    return path


ORDERS = list(itertools.permutations(range(3)))
SIGNS = list(itertools.product([1, -1], repeat=3))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("signs", SIGNS)
def test_every_voxel_keeps_its_index_and_its_place(tmp_path, order, signs):
    path = write(tmp_path / "ct.nii", values(), affine_of(order, signs))
    volume = read_volume(path)
    assert np.array_equal(volume.hu, values().T)
    theirs = nibabel.load(path).affine  # float32 in the file
    for i, j, k in [(0, 0, 0), (8, 0, 3), (2, 6, 7)]:
        right, front, up = nibabel.affines.apply_affine(theirs, (i, j, k))
        assert volume.to_lps([k, j, i]) == pytest.approx((-right, -front, up), abs=1e-9)


def test_a_label_map_goes_back_with_the_files_own_affine(tmp_path):
    path = write(tmp_path / "ct.nii.gz", values(), affine_of((2, 0, 1), (-1, 1, -1)))
    volume = read_volume(path)
    lps_to_ras = np.diag([-1.0, -1, 1, 1])
    again = lps_to_ras @ volume.affine[:, [2, 1, 0, 3]]
    assert np.array_equal(again, nibabel.load(path).affine)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, ">i2"])
def test_stored_types_are_read_as_their_numbers(tmp_path, dtype):
    array = np.abs(values()).astype(dtype) if np.dtype(dtype).itemsize > 1 else (values() % 250).astype(dtype)
    path = tmp_path / "ct.nii.gz"
    nibabel.save(nibabel.Nifti1Image(array, affine_of(), dtype=np.dtype(dtype)), path)
    volume = read_volume(path)
    assert volume.hu.dtype == (np.float32 if np.dtype(dtype).kind == "f" else np.int16)
    assert np.array_equal(volume.hu, array.T)


def test_nifti_2_and_scaled_numbers_are_read(tmp_path):
    nibabel.save(nibabel.Nifti2Image(values(), affine_of()), tmp_path / "two.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "two.nii.gz").hu, values().T)
    image = nibabel.Nifti1Image(values(), affine_of())
    image.header.set_slope_inter(0.5, 10.25)
    nibabel.save(image, tmp_path / "scaled.nii")
    assert np.allclose(read_volume(tmp_path / "scaled.nii").hu, values().T * 0.5 + 10.25)
    image = nibabel.Nifti1Image(values(), affine_of())
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, tmp_path / "shifted.nii")
    shifted = read_volume(tmp_path / "shifted.nii")
    assert shifted.hu.dtype == np.int16
    assert np.array_equal(shifted.hu, values().T - 1024)


def test_lengths_in_other_units_become_millimetres(tmp_path):
    path = write(tmp_path / "ct.nii", values(), affine_of(), unit="micron")
    assert read_volume(path).spacing_mm == pytest.approx((0.00125, 0.0007, 0.0006), rel=1e-5)


def test_acquisition_tells_what_was_read(tmp_path):
    acquisition = read_volume(write(tmp_path / "ct.nii", values(), affine_of())).acquisition
    assert (acquisition.kind, acquisition.slices, acquisition.series_hash) == ("nifti", 8, None)
    assert acquisition.spacing_mm == pytest.approx((1.25, 0.7, 0.6), rel=1e-5)


def test_slices_lie_along_the_body_whatever_axis_the_file_keeps_them_on(tmp_path):
    affine = affine_of()[:, [2, 0, 1, 3]]
    path = write(tmp_path / "ct.nii", np.moveaxis(values(), 2, 0), affine)
    volume = read_volume(path)
    assert volume.shape[2] == volume.acquisition.slices == 8
    assert volume.acquisition.spacing_mm == pytest.approx((1.25, 0.7, 0.6), rel=1e-5)


def test_a_file_that_states_no_orientation_is_warned_of(tmp_path):
    image = nibabel.Nifti1Image(values(), None)
    nibabel.save(image, tmp_path / "ct.nii")
    (warning,) = read_volume(tmp_path / "ct.nii").acquisition.warnings
    assert warning.code == "orientation-unknown"


def test_a_sheared_stack_is_straightened(tmp_path):
    affine = np.diag([0.6, 0.7, 1.25, 1.0])
    affine[1, 2] = 0.35  # half a row a slice
    array = np.repeat(values()[:, :, :1], 8, axis=2)
    volume = read_volume(write(tmp_path / "ct.nii", array, affine))
    assert [w.code for w in volume.acquisition.warnings] == ["gantry-tilt"]
    assert volume.shape == (8, 7 + 4, 9)
    at = volume.to_lps([6, 5, 4])
    right, front, up = -at[0], -at[1], at[2]
    k = up / 1.25
    j, i = (front - 0.35 * k) / 0.7, right / 0.6
    assert k == pytest.approx(6)
    between = array[int(i), int(j), 6] + (j - int(j)) * (
        array[int(i), int(j) + 1, 6] - array[int(i), int(j), 6]
    )
    assert volume.hu[6, 5, 4] == pytest.approx(between, abs=0.51)


def test_voxels_that_hold_no_number_are_air_and_said(tmp_path):
    array = values().astype(np.float32)
    array[3, 2, 1] = np.nan
    array[3, 2, 2] = np.inf
    volume = read_volume(write(tmp_path / "ct.nii.gz", array, affine_of()))
    assert volume.hu[1, 2, 3] == volume.hu[2, 2, 3] == -1000
    assert [w.code for w in volume.acquisition.warnings] == ["not-a-number"]


def test_a_file_of_no_numbers_is_refused(tmp_path):
    path = write(tmp_path / "ct.nii.gz", np.full(SHAPE, np.nan, np.float32), affine_of())
    with pytest.raises(ReadError, match=r"no number in any voxel \(all NaN\)"):
        read_volume(path)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_a_truncated_file_is_refused(tmp_path, name):
    path = write(tmp_path / name, np.random.default_rng(1).integers(0, 2000, SHAPE, np.int16), affine_of())
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ReadError, match="truncated or damaged"):
        read_volume(path)


def test_damaged_gzip_is_refused(tmp_path):
    array = np.random.default_rng(1).integers(0, 2000, (40, 41, 42), np.int16)
    path = write(tmp_path / "ct.nii.gz", array, affine_of())
    data = bytearray(path.read_bytes())
    data[90000:90020] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(ReadError, match="truncated or damaged"):
        read_volume(path)


def test_images_that_are_not_one_ct_are_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6, 2), np.int16), affine_of()), tmp_path / "four.nii")
    with pytest.raises(ReadError, match=r"three-dimensional CT, found a NIfTI image of shape \(4, 5, 6, 2\)"):
        read_volume(tmp_path / "four.nii")
    rgb = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, affine_of()), tmp_path / "rgb.nii")
    with pytest.raises(ReadError, match="Expected one number a voxel"):
        read_volume(tmp_path / "rgb.nii")


def test_an_affine_that_is_not_finite_is_refused(tmp_path):
    path = write(tmp_path / "ct.nii", values(), affine_of())
    data = bytearray(path.read_bytes())
    data[280:284] = np.array(np.nan, "<f4").tobytes()  # srow_x[0]
    path.write_bytes(data)
    with pytest.raises(GeometryError, match="finite affine"):
        read_volume(path)


def damaged(path, **fields):
    """A file whose header holds other values in some fields."""
    image = nibabel.Nifti1Image(values(), affine_of())
    image.set_sform(None, code=0)
    image.set_qform(affine_of(), code=1)
    nibabel.save(image, path)
    header = np.frombuffer(bytearray(path.read_bytes()), image.header.structarr.dtype, 1).copy()
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.tobytes() + path.read_bytes()[348:])
    return path


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"xyzt_units": 7}, ReadError, "found unit code 7"),
        ({"quatern_b": 3, "quatern_c": 3}, GeometryError, "Expected a rotation"),
        ({"pixdim": [3, 0.6, 0.7, 1.25, 0, 0, 0, 0]}, GeometryError, "qfac"),
        ({"scl_slope": 1, "scl_inter": np.nan}, ReadError, "finite intercept .* found nan"),
        (
            {"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]},
            ReadError,
            r"memory, found .* \(30000, 30000, 30000\)",
        ),
        ({"vox_offset": np.inf}, ReadError, "truncated or damaged"),
        ({"vox_offset": 1e30}, ReadError, "truncated or damaged"),
    ],
)
def test_a_damaged_header_is_refused_in_one_line(tmp_path, fields, error, said):
    path = damaged(tmp_path / "ct.nii", **fields)
    for read in (read_volume, read_label_map):
        with pytest.raises(error, match=said) as raised:
            read(path)
        assert "\n" not in str(raised.value)


def test_a_qfac_of_nought_counts_as_one(tmp_path):
    plain = read_volume(damaged(tmp_path / "one.nii"))
    nought = read_volume(damaged(tmp_path / "ct.nii", pixdim=[0, 0.6, 0.7, 1.25, 0, 0, 0, 0]))
    assert np.allclose(nought.affine, plain.affine)


def test_a_unit_of_time_does_not_matter(tmp_path):
    volume = read_volume(damaged(tmp_path / "ct.nii", xyzt_units=2 + 56))
    assert volume.spacing_mm == pytest.approx((1.25, 0.7, 0.6), rel=1e-5)


def test_a_header_without_its_voxels_is_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(values(), affine_of()), tmp_path / "ct.hdr")
    with pytest.raises(ReadError, match="holds only a header"):
        read_volume(tmp_path / "ct.hdr")


def test_two_files_in_a_folder_are_refused(tmp_path):
    for name in ("a.nii", "b.nii.gz"):
        write(tmp_path / name, values(), affine_of())
    with pytest.raises(ReadError, match=r"found 2 NIfTI files \(file 1 of 2, file 2 of 2\)"):
        read_volume(tmp_path)


def test_a_label_map_is_read_on_its_own_grid(tmp_path):
    labels = (values() % 20).astype(np.uint8)
    path = write(tmp_path / "labels.nii.gz", labels, affine_of())
    mask = read_label_map(path)
    assert np.array_equal(mask.labels, labels.T)
    assert mask.geometry_equal(read_volume(write(tmp_path / "ct.nii", values(), affine_of())))
    floats = write(tmp_path / "floats.nii.gz", labels.astype(np.float32), affine_of())
    assert np.array_equal(read_label_map(floats).labels, labels.T)


def test_what_is_no_label_map_is_refused(tmp_path):
    with pytest.raises(ReadError, match="found no file there"):
        read_label_map(tmp_path / "nowhere.nii")
    for array in (values(), np.full(SHAPE, 1.5, np.float32), np.full(SHAPE, np.nan, np.float32)):
        with pytest.raises(ReadError, match="whole numbers from 0 to 255"):
            read_label_map(write(tmp_path / "ct.nii", array, affine_of()))
    (tmp_path / "text.nii").write_text("not an image")
    with pytest.raises(ReadError, match="truncated or damaged"):
        read_label_map(tmp_path / "text.nii")


def test_gzip_is_unpacked_into_place_and_tells_of_progress(tmp_path):
    path = write(tmp_path / "ct.nii.gz", values(), affine_of())
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    seen = []
    read_volume(path, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("Reading", values().nbytes, values().nbytes)
