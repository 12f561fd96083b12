import re

import numpy as np

from canalis.report.profile import BOTTOM, THICKNESS, draw_profile


def points_of(svg, shape):
    """Return the points of the one shape that a pattern tells, (n, 2)."""
    (points,) = re.findall(shape, svg)
    return np.array([[float(v) for v in point.split(",")] for point in points.split()])


def test_thickness_has_a_band_where_there_is_a_mass_and_none_where_there_is_none(neck):
    svg = draw_profile(neck.measurements).to_svg()
    curve = points_of(svg, rf'<polyline points="([^"]+)" fill="none"[^>]+ stroke="{THICKNESS}"')
    band = points_of(svg, rf'<polygon points="([^"]+)" fill="{THICKNESS}"')
    upper, lower = band[: len(curve)], band[len(curve) :][::-1]
    held = curve[:, 1] < BOTTOM
    assert 20 <= held.sum() <= len(held) - 20
    np.testing.assert_allclose(upper[~held], curve[~held])
    np.testing.assert_allclose(lower[~held], curve[~held])
    assert (upper[held, 1] < curve[held, 1] - 0.2).all()
