import numpy as np

from canalis.measurement.planes import Plane, sample_hu, sample_plane, unit
from canalis.volume import Volume


def sloping_volume():
    """HU = 2x + 3y + 5z of the LPS place, on an oblique anisotropic grid."""
    turn = np.deg2rad(17)
    axes = np.array([[0, 0, 1.0], [np.sin(turn), np.cos(turn), 0], [np.cos(turn), -np.sin(turn), 0]]).T
    affine = np.eye(4)
    affine[:3, :3] = axes * [1.5, 0.7, 0.9]
    affine[:3, 3] = [-30, -25, 40]
    index = np.moveaxis(np.indices((40, 60, 50)), 0, -1)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    return Volume((places @ [2.0, 3.0, 5.0]).astype(np.float32), affine)


def plane_at(center):
    normal = unit(np.array([0.1, 0.2, 1.0]))
    back = np.array([0.2, 1.0, 0.0])
    return Plane(np.array(center, dtype=float), normal, unit(back - (back @ normal) * normal))


def test_left_in_a_plane_is_the_patients_left():
    assert plane_at([0, 0, 0]).left_lps[0] > 0.9


def test_a_picture_on_a_plane_shows_each_place_at_its_own_value():
    volume = sloping_volume()
    center = volume.to_lps(np.array([20.0, 30.0, 25.0]))
    picture = sample_plane(volume, plane_at(center), half_width_mm=6, anterior_mm=5, posterior_mm=8)
    rows, columns = np.indices(picture.hu.shape)
    places = picture.to_lps(np.stack([rows, columns], axis=-1))
    assert np.allclose(picture.hu, places @ [2.0, 3.0, 5.0], atol=1e-2)
    assert np.allclose(picture.to_pixel(places)[..., 0], rows)
    assert np.allclose(picture.to_pixel(places)[..., 1], columns)


def test_outside_the_scan_a_picture_shows_air():
    volume = sloping_volume()
    assert sample_hu(volume, np.array([[500.0, 0.0, 0.0]])) == -1024
