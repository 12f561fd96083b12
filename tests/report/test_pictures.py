import base64
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest

from canalis.measurement.planes import plane_of, sample_plane
from canalis.report.drawing import grey_to_png, window_to_grey
from canalis.report.pictures import draw_axial, draw_sagittal, draw_thumbnail
from canalis.report.reformat import sample_sagittal
from canalis.volume import ScanWarning, Volume


def decoded(svg):
    """Return the grey pixels of a drawing's image: the PNG filter undone."""
    data = base64.b64decode(re.search(r"base64,([^\"]+)", svg)[1])
    columns, rows = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start], "big")
    lines = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8)
    lines = lines.reshape(rows, columns + 1)
    assert (lines[:, 0] == 2).all()
    return np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8)


def lines_named(svg, name):
    """Return the points of every line of a class."""
    found = re.findall(rf'<poly(?:line|gon) class="{name}" points="([^"]+)"', svg)
    return [np.array([step.split(",") for step in points.split()], dtype=float) for points in found]


def text_at(svg, words):
    found = re.search(rf'<text x="([-\d.]+)" y="([-\d.]+)"[^>]*>{re.escape(words)}</text>', svg)
    return float(found[1]), float(found[2])


@pytest.fixture(scope="module")
def worst(neck):
    return neck.measurements.planes[-1]


@pytest.fixture(scope="module")
def sagittal(neck):
    return draw_sagittal(neck.volume, neck.segmentation.mask, neck.measurements).to_svg()


def test_grey_survives_the_png():
    grey = np.random.default_rng(3).integers(0, 256, (17, 23), dtype=np.uint8)
    svg = "base64," + base64.b64encode(grey_to_png(grey)).decode() + '"'
    assert np.array_equal(decoded(svg), grey)


def test_the_window_is_black_below_white_above_and_grey_between():
    grey = window_to_grey(np.array([-1000, -450, 450, 1350, 3000], np.float32))
    assert grey.tolist() == [0, 0, 127, 255, 255]


def test_the_patients_left_is_on_the_right_of_an_axial_picture(neck, worst):
    hu = np.array(neck.volume.hu)
    plane = plane_of(worst)
    index = neck.volume.to_index(plane.to_lps(np.array(18.0), np.array(-15.0))).round().astype(int)
    hu[index[0] - 1 : index[0] + 2, index[1] - 2 : index[1] + 3, index[2] - 2 : index[2] + 3] = 3000
    marked = Volume(hu, neck.volume.affine)
    svg = draw_axial(marked, neck.segmentation.mask, worst, lines=False).to_svg()
    grey = decoded(svg)
    row, column = np.unravel_index(grey.argmax(), grey.shape)
    assert column * 0.25 == pytest.approx(30 + 18, abs=2)
    assert row * 0.25 == pytest.approx(26 - 15, abs=2)
    assert text_at(svg, "L")[0] > 50
    assert text_at(svg, "R")[0] < 10


def test_front_is_up_in_an_axial_picture_and_on_the_left_in_the_midsagittal(neck, worst, sagittal):
    grey = decoded(draw_axial(neck.volume, neck.segmentation.mask, worst, lines=False).to_svg()).astype(int)
    body, cord = grey[26 * 4 - 60 : 26 * 4 - 40, 110:130].mean(), grey[26 * 4 : 26 * 4 + 12, 110:130].mean()
    assert body > cord + 30
    assert text_at(sagittal, "A")[0] < text_at(sagittal, "P")[0]
    names = [text_at(sagittal, level)[1] for level in ("C2", "C3", "C4", "C5", "C6", "C7", "T1")]
    assert names == sorted(names)


def test_rulers_lie_end_to_end_on_one_line_and_have_their_lengths(neck, worst):
    svg = draw_axial(neck.volume, neck.segmentation.mask, worst, lines=True).to_svg()
    (thick,), (free,) = lines_named(svg, "ossification_thickness_mm"), lines_named(svg, "residual_ap_mm")
    assert np.linalg.norm(thick[1] - thick[0]) == pytest.approx(worst.ossification_thickness_mm, abs=0.05)
    assert np.linalg.norm(free[1] - free[0]) == pytest.approx(worst.residual_ap_mm, abs=0.05)
    assert thick[1] == pytest.approx(free[0], abs=0.03)
    assert thick[:, 0] == pytest.approx([30 + 1.5 + 0.125] * 2, abs=0.05)  # 1.5 mm to the patient's left
    assert text_at(svg, "5.4\u00a0±\u00a00.5\u00a0mm")[1] < text_at(svg, "7.8\u00a0±\u00a00.5\u00a0mm")[1]


def test_the_bare_picture_shows_the_same_pixels_without_lines(neck, worst):
    mask = neck.segmentation.mask
    drawn, bare = (draw_axial(neck.volume, mask, worst, lines=lines).to_svg() for lines in (True, False))
    assert np.array_equal(decoded(drawn), decoded(bare))
    assert not lines_named(bare, "canal|ossification|residual_ap_mm")
    assert lines_named(drawn, "ossification")


def test_ossification_is_an_outline_and_never_filled(neck, worst, sagittal):
    axial = draw_axial(neck.volume, neck.segmentation.mask, worst, lines=True).to_svg()
    for svg in (axial, sagittal):
        shapes = re.findall(r"<poly[^>]+>", svg)
        assert shapes
        assert all('fill="none"' in shape for shape in shapes)


def test_the_scale_bar_is_as_long_as_it_says(neck, worst, sagittal):
    for svg in (draw_axial(neck.volume, neck.segmentation.mask, worst, lines=False).to_svg(), sagittal):
        (bar,) = lines_named(svg, "scale-bar")
        assert np.ptp(bar[:, 0]) == pytest.approx(10)
        assert "10 mm" in svg


def test_outlines_come_from_the_label_map_where_none_were_measured(neck, worst):
    bare = replace(worst, outlines_lps_mm={})
    svg = draw_thumbnail(neck.volume, neck.segmentation.mask, bare).to_svg()
    (canal,) = lines_named(svg, "canal")
    assert np.ptp(canal[:, 0]) == pytest.approx(24.4, abs=1.0)
    assert np.ptp(canal[:, 1]) == pytest.approx(13.2, abs=1.0)


def test_the_midsagittal_picture_keeps_millimetres_and_straight_lines(neck):
    image = sample_sagittal(neck.volume, neck.measurements)
    first, last = (np.array(end) for end in neck.measurements.alignment.k_line_lps_mm)
    along = np.linspace(first, last, 9)
    drawn = image.to_picture(along)
    assert np.abs(np.diff(drawn, n=2, axis=0)).max() < 1e-9
    sideways = np.cross(image.back_lps, image.down_lps)
    seen = np.linalg.norm((last - first) - ((last - first) @ sideways) * sideways)
    assert np.linalg.norm(drawn[-1] - drawn[0]) == pytest.approx(seen)


def test_each_pixel_of_the_midsagittal_picture_shows_the_place_it_says(neck):
    image = sample_sagittal(neck.volume, neck.measurements)
    rows, columns = np.indices(image.hu.shape)
    seen = image.to_picture(image.surface_lps)
    assert np.allclose(seen[..., 0], (columns + 0.5) * image.pixel_mm, atol=1e-6)
    assert np.allclose(seen[..., 1], (rows + 0.5) * image.pixel_mm, atol=1e-6)
    line = np.array(neck.measurements.centerline_lps_mm)
    nearest = [np.linalg.norm(image.surface_lps - point, axis=-1).min() for point in line[5:-5:20]]
    assert max(nearest) < image.pixel_mm


def test_the_midsagittal_picture_goes_no_further_than_the_scan(neck):
    image = sample_sagittal(neck.volume, neck.measurements)
    index = neck.volume.to_index(image.surface_lps)[..., 0]
    assert index.min() >= -0.5
    assert index.max() <= neck.volume.shape[0] - 0.5


def test_a_plane_and_its_picture_agree_on_where_the_center_is(neck, worst):
    image = sample_plane(neck.volume, plane_of(worst))
    assert image.to_lps(image.to_pixel(np.array(worst.center_lps_mm))) == pytest.approx(worst.center_lps_mm)


def test_no_k_line_is_drawn_where_contrast_kept_it_from_being_given(neck):
    warning = ScanWarning("contrast-in-canal", "The canal holds contrast.")
    unknown = replace(neck.measurements.alignment, k_line=None, k_line_distance_mm=None)
    for warnings, lines in (((), 1), ((warning,), 0)):
        measurements = replace(neck.measurements, alignment=unknown, warnings=warnings)
        svg = draw_sagittal(neck.volume, neck.segmentation.mask, measurements).to_svg()
        assert len(lines_named(svg, "k-line")) == lines
