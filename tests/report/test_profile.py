import re
from dataclasses import replace

import numpy as np

from canalis.report.profile import BOTTOM, RESIDUAL, THICKNESS, draw_profile


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


def residual_curves(svg):
    """Return the stretches of the curve of the residual AP, each (n, 2)."""
    found = re.findall(
        rf'<polyline points="([^"]+)" fill="none"[^>]+ stroke="{RESIDUAL}" stroke-width="0.55"', svg
    )
    return [np.array([[float(v) for v in point.split(",")] for point in points.split()]) for points in found]


def names_of(svg):
    """Return where each level's name stands across the page."""
    found = re.findall(r'<text x="([^"]+)"[^>]+font-weight="600"[^>]*>([CT][0-9])</text>', svg)
    return {name: float(x) for x, name in found}


def test_levels_whose_stretch_of_the_profile_lacks_move_no_other_level(neck):
    whole = neck.measurements
    seen = [i for i, sample in enumerate(whole.profile) if sample.level in ("C2", "C2/3", "C3", "C3/4")]
    hidden = replace(whole, profile=tuple(whole.profile[i] for i in seen))  # C4 and below are nearest to one
    (before,), (after,) = (residual_curves(draw_profile(m).to_svg()) for m in (whole, hidden))
    first = np.abs(before[:, 0] - after[0, 0]).argmin()
    np.testing.assert_allclose(after, before[first : first + len(after)], atol=0.5)
    assert names_of(draw_profile(hidden).to_svg()) == names_of(draw_profile(whole).to_svg())


def test_one_level_alone_is_named_at_its_own_place(neck):
    whole = neck.measurements
    (c3,) = (plane for plane in whole.planes if plane.part == "body" and plane.level == "C3")
    samples = tuple(s for s in whole.profile if s.level in ("C2", "C2/3", "C3"))
    svg = draw_profile(replace(whole, planes=(c3,), profile=samples)).to_svg()
    along = np.array([s.along_mm for s in samples])
    at = min(samples, key=lambda s: np.linalg.norm(np.array(s.center_lps_mm) - c3.center_lps_mm)).along_mm
    share = (at - along[0]) / (along[-1] - along[0])
    assert share > 0.7
    assert abs(names_of(svg)["C3"] - 178 * share) < 4
