"""How blurred a network's edge is, on edges of known blur, and what becomes of its interval."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from canalis.measurement.canal import edge_blur_mm, find_canal_edges
from canalis.measurement.edges import EDGE_BLUR_MM
from canalis.measurement.frame import MovingFrame
from canalis.measurement.ossification import find_mass_edges, mass_blur_mm
from canalis.measurement.sections import Sections, section_ticks
from canalis.measurement.uncertainty import Resolution, confidence, edge_error_mm, length_interval_mm


def sections_with(front_blur_mm: float, rear_blur_mm: float) -> Sections:
    """One canal of 13 mm AP whose edge probabilities are those of two blurs."""
    ticks = section_ticks(0.25)
    share = special.ndtr((ticks + 6.0) / front_blur_mm) * special.ndtr((7.0 - ticks) / rear_blur_mm)
    share = np.clip(share, 0.5 / 255, 1 - 0.5 / 255)
    field = np.where(np.abs(ticks)[None, :] < 9, EDGE_BLUR_MM * special.ndtri(share)[:, None], -1.0)
    frame = MovingFrame.__new__(MovingFrame)  # edges are read off the grid; no plane's place is asked for
    whole = np.ones(1, dtype=bool)
    return Sections(frame, ticks, ticks, field[None].astype(np.float32), None, None, None, whole)


@pytest.mark.parametrize(("front", "rear"), [(0.5, 0.5), (0.4, 1.0), (1.2, 1.2)])
def test_the_blur_of_both_ends_is_found(front: float, rear: float) -> None:
    sections = sections_with(front, rear)
    canal = find_canal_edges(sections)
    assert canal.ap_mm[0, canal.midline] == pytest.approx(13.0, abs=0.02)
    assert edge_blur_mm(sections, canal)[0] == pytest.approx((front + rear) / 2, rel=0.03)


def test_an_empty_section_is_as_blurred_as_can_be() -> None:
    sections = sections_with(0.5, 0.5)
    empty = Sections(sections.frame, sections.back_mm, sections.left_mm, sections.canal * 0 - 1, None, None,
                     None, np.zeros(1, dtype=bool))  # fmt: skip
    assert edge_blur_mm(empty, find_canal_edges(empty))[0] == 3.0


def test_a_softer_edge_widens_the_interval_and_lowers_the_confidence() -> None:
    where = Resolution(pixel_mm=0.4, gap_mm=1.0, slant=0.1)
    sharp, soft = (length_interval_mm(edge_error_mm(where, soft=True, blur_mm=b)) for b in (0.4, 0.9))
    drawn = length_interval_mm(edge_error_mm(where, soft=False, blur_mm=0.9))
    assert drawn < sharp < soft
    assert confidence(drawn) > confidence(sharp) > confidence(soft)


@pytest.mark.parametrize("blur", [0.5, 1.1])
def test_the_blur_of_the_back_of_a_mass_is_found_on_its_thickest_line(blur: float) -> None:
    sections = sections_with(0.5, 0.5)
    ticks = sections.back_mm
    field = np.full_like(sections.canal, -1.0)
    field[0, :, np.abs(ticks) < 3] = EDGE_BLUR_MM * (-1.0 - ticks) / blur
    with_mass = replace(sections, ossification=field)
    mass = find_mass_edges(with_mass, find_canal_edges(with_mass))
    assert mass.greatest_mm[0] == pytest.approx(5.0, abs=0.05)
    assert mass_blur_mm(with_mass, mass)[0] == pytest.approx(blur, rel=0.03)


def test_without_a_mass_its_blur_is_as_great_as_can_be() -> None:
    sections = sections_with(0.5, 0.5)
    assert mass_blur_mm(sections, find_mass_edges(sections, find_canal_edges(sections)))[0] == 3.0


def test_a_softer_back_widens_a_length_from_the_wall_to_it() -> None:
    assert length_interval_mm(0.3) == length_interval_mm(0.3, 0.3) < length_interval_mm(0.3, 0.5)
