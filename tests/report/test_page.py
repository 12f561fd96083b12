import base64
import re
from dataclasses import replace

import pytest

from canalis.measurement.measurements import (
    PLANE_NUMBERS,
    Alignment,
    Apart,
    Mass,
    Measurements,
    Narrowest,
    Ossification,
)
from canalis.measurement.withheld import without_ossification_sizes
from canalis.report.page import make_page
from canalis.segment.segmentation import LevelNaming
from canalis.volume import ScanWarning


@pytest.fixture(scope="module")
def page(neck):
    return page_of(neck)


def page_of(neck, measurements=None):
    return make_page(
        measurements=measurements or neck.measurements,
        mask=neck.segmentation.mask,
        volume=neck.volume,
        software=neck.software,
    )


def words_of(page):
    """Return what a reader sees: no styles, pictures or tags, every run of space one space."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("\u00a0", " ").split())


def test_the_page_goes_in_the_order_a_surgeon_reads(page):
    marks = [
        "Measured.", "Supine CT. Research use. Not a medical device.", "Counted down from the dens", "<h1>",
        'class="sagittal"', 'class="drawn"', 'class="bare"', 'class="profile"', 'class="strip"',
        "Every plane", "Why this type", "What lies apart", "Warnings", "Methods and limits",
    ]  # fmt: skip
    places = [page.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_page_asks_for_nothing_outside_itself(page):
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,)", page)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    assert len(page) < 2_000_000


def test_a_picture_holds_its_pixels_and_nothing_else(page):
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == 3 + 7  # midsagittal, two axial, a thumbnail a level
    for picture in pictures:
        data, kinds, at = base64.b64decode(picture), [], 8
        while at < len(data):
            kinds.append(data[at + 4 : at + 8])
            at += 12 + int.from_bytes(data[at : at + 4], "big")
        assert kinds == [b"IHDR", b"IDAT", b"IEND"]


def test_the_headline_says_extent_narrowest_ratio_and_k_line(page):
    assert (
        "Continuous OPLL (near segmental) from C3 to C5, up to 5.4 ± 0.5 mm thick; narrowest residual AP "
        "7.8 ± 0.5 mm at C4; greatest occupying ratio 41 % (95 % interval 37–45) at C4; K-line negative "
        "(−1.4 ± 0.9 mm)."
    ) in words_of(page)


def test_levels_that_are_not_sure_are_red_and_say_so(neck, page):
    assert 'class="levels unsure"' not in page
    unsure = replace(
        neck.measurements, levels=LevelNaming(False, "dens", "Counted down from the dens; no rib seen.")
    )
    text = page_of(neck, unsure)
    assert '<p class="levels unsure">Levels not sure: counted down from the dens; no rib seen.</p>' in text


def test_nothing_found_is_no_opll_seen_and_never_normal(neck):
    healthy = replace(
        neck.measurements, ossification=Ossification(False), alignment=Alignment(c2_c7_cobb_deg=8.0)
    )
    said = words_of(page_of(neck, healthy))
    assert "No OPLL ≥2 mm seen; narrowest residual AP 7.8 ± 0.5 mm at C4." in said
    assert "Why this type" not in said
    assert not re.search(r"\bnormal\b", said, flags=re.I)


def test_under_pixels_without_lengths_neither_opll_nor_its_absence_is_sure(neck):
    coarse = (ScanWarning("coarse-pixels", "Pixels of 4.69 mm: over 1.5 mm no lengths are given."),)
    doubt = "which pixels of this size cannot tell for sure"
    none = replace(neck.measurements, ossification=Ossification(False), warnings=coarse)
    said = words_of(page_of(neck, none))
    assert f"No OPLL seen, {doubt};" in said
    assert "≥2 mm seen" not in said
    some = Ossification(True, type="segmental", upper_end="C4", lower_end="C4")
    said = words_of(page_of(neck, replace(neck.measurements, ossification=some, warnings=coarse)))
    assert f"Segmental OPLL at C4, {doubt};" in said


def test_possible_fused_ossification_is_never_none(neck):
    fused = replace(
        neck.measurements,
        ossification=Ossification(False),
        warnings=(ScanWarning("possible-fused-opll", "The wall steps back by 2.1 mm.", "C4"),),
    )
    assert "Possible fused OPLL at C4, no other OPLL ≥2 mm seen;" in words_of(page_of(neck, fused))


def test_an_opened_ring_is_post_operative_on_the_first_line(neck):
    warning = ScanWarning("opened-ring", "The ring of bone is open at the back of C6.", "C6")
    said = words_of(page_of(neck, replace(neck.measurements, warnings=(warning,))))
    assert "Measured. Post-operative. Supine CT." in said
    assert said.count("open at the back of C6") == 3  # under the headline, in the table, in the list


def test_a_warning_stands_by_the_number_it_changes_and_in_the_list(neck):
    warned = replace(
        neck.measurements,
        warnings=(ScanWarning("gap", "The gap is 3.4 mm here; planes are left out.", "C6"),),
    )
    text = page_of(neck, warned)
    row = text.index("C6: The gap is 3.4 mm here")
    assert text.index('<th class="level">C6 <small>body') < row < text.index('<th class="level">C6/7')
    assert "<b>C6</b> The gap is 3.4 mm here" in text


def test_a_warning_of_several_places_stands_by_the_row_of_each(neck):
    message = "Not sure whether low masses at C3, C4/5 are OPLL."
    warning = ScanWarning("ossification-unsure", message, places=("C3", "C4/5"))
    text = page_of(neck, replace(neck.measurements, warnings=(warning,)))
    assert text.count(message) == 3  # under the headline, in its first row, in the list
    for level, part, said, after in (("C3", "body", message, "C3/4"), ("C4/5", "disc", "as at C3.", "C5")):
        row = text.index(f'<th class="level">{level} <small>{part}')
        assert row < text.index(f"{level}: {said}") < text.index(f'<th class="level">{after} ')


def test_what_was_left_unread_is_in_the_list_and_not_under_the_headline(neck):
    said = (ScanWarning("left-out", "Left out: 2 localizers."), ScanWarning("gantry-tilt", "Tilted by 12°."))
    text = page_of(neck, replace(neck.measurements, warnings=said))
    assert text.count("Left out: 2 localizers.") == 1
    assert text.count("Tilted by 12°.") == 2


def test_every_gap_in_the_table_has_its_reason_below(page):
    said = words_of(page)
    for reason in ("only measured on bodies", "cut off by the scan", "not refined"):
        assert said.count(reason) == 1
    assert "nan" not in said.lower()
    assert "None" not in said.replace("None.", "")


def test_no_advice_and_no_verdict_is_given(page):
    assert not re.search(
        r"recommend|should (be|undergo)|surgery is|operate|indicat|severe|safe\b|danger|critical",
        words_of(page),
        flags=re.I,
    )


def test_a_scan_without_levels_or_centreline_still_has_a_page(neck):
    bare = Measurements(
        "partial",
        LevelNaming(False, None, "Neither dens nor rib was seen."),
        planes=tuple(replace(plane, level=None) for plane in neck.measurements.planes[:4]),
        narrowest=Narrowest(11.2, None, None, "body"),
    )
    text = page_of(neck, bare)
    said = words_of(text)
    assert "Measured in part." in said
    assert "Levels not named: neither dens nor rib was seen." in said
    assert "narrowest residual AP 11.2 mm;" in said or "narrowest residual AP 11.2 mm." in said
    assert 'class="sagittal"' not in text


def unmeasured(neck, levels):
    """Return the neck with some levels refused, as where slices are too far apart."""
    planes = []
    for plane in neck.measurements.planes:
        if levels is None or plane.level in levels:
            gone = dict.fromkeys(PLANE_NUMBERS)
            reasons = dict.fromkeys(PLANE_NUMBERS, "The gap is 4 mm.")
            plane = replace(plane, **gone, reasons=reasons, uncertainty={}, lines_lps_mm={})
        planes.append(plane)
    return replace(neck.measurements, planes=tuple(planes))


def residual_curve(page):
    return re.findall(r'<polyline points="([^"]+)"[^>]*stroke="#1f6fa8" stroke-width="0.55"', page)


def test_lengths_that_were_refused_are_not_drawn_in_the_profile_either(neck):
    assert 'class="profile"' not in page_of(neck, unmeasured(neck, None))
    whole = residual_curve(page_of(neck))
    broken = residual_curve(page_of(neck, unmeasured(neck, {"C5"})))
    assert len(whole) == 1
    assert len(broken) == 2
    assert sum(map(len, broken)) < len(whole[0])


def test_a_canal_that_was_not_measured_is_not_called_wide(neck):
    said = words_of(page_of(neck, unmeasured(neck, None)))
    assert "Canal AP below 10 mm – not measured" in said
    assert "nowhere that was measured" in words_of(page_of(neck, unmeasured(neck, {"C5"})))
    assert "Not measured: The gap is 4 mm." in said


def test_markup_in_a_message_is_shown_not_obeyed(neck):
    warned = replace(neck.measurements, warnings=(ScanWarning("odd", "<b onclick=x>odd</b> & more"),))
    assert "&lt;b onclick=x&gt;odd&lt;/b&gt; &amp; more" in page_of(neck, warned)


def test_making_the_page_twice_gives_the_same_bytes(neck, page):
    assert page_of(neck) == page


def with_contrast(measurements):
    """Return measurements as they are of a CT myelogram."""
    warning = ScanWarning("contrast-in-canal", "The canal holds contrast around the cord (about 500 HU).")
    withheld = without_ossification_sizes(
        measurements, "Contrast in the canal may be taken for ossification."
    )
    return replace(withheld, warnings=(*withheld.warnings, warning))


def test_what_may_be_contrast_is_not_told_as_ossification(neck):
    said = words_of(page_of(neck, with_contrast(neck.measurements)))
    assert (
        "OPLL or contrast from C3 to C5, which this scan cannot tell apart; its size, the narrowest place, "
        "the ratios and the K-line are not given."
    ) in said
    assert "If all of it were OPLL, its type would be continuous." in said
    assert "OPLL or contrast at C3, C3/4, C4, C4/5 and C5 not told apart" in said
    told = said.split("Methods and limits")[0]
    for words in ("OP-index 5", "bridged", "Central", "Worst plane", "worst place", "K-line C2–C7, supine"):
        assert words not in told, words


def test_contrast_does_not_make_absence_of_opll_possible_opll(neck):
    none = with_contrast(replace(neck.measurements, ossification=Ossification(False)))
    assert "Whether there is OPLL was not decided;" in words_of(page_of(neck, none))


def masses(*zones):
    return tuple(Mass("segmental", levels, discs, 3.0, 9.0, 200.0) for levels, discs in zones)


@pytest.mark.parametrize(
    ("found", "where"),
    [
        (
            masses((("C6",), ()), (("C2", "C3", "C4"), ("C2/3", "C3/4"))),
            "in 2 masses from C2 to C4, and at C6,",
        ),
        (
            masses((("C2",), ("C2/3",)), ((), ("C4/5",)), (("C6", "C7"), ("C6/7",))),
            "in 3 masses from C2 to C2/3, at C4/5, and from C6 to C7,",
        ),
        (masses((("C2", "C3"), ("C2/3",)), (("C3", "C4"), ("C3/4",))), "in 2 masses from C2 to C6,"),
        (masses((("C2",), ()), ((), ())), "in 2 masses from C2 to C6,"),
    ],
)
def test_stretches_with_a_free_level_between_are_told_one_after_the_other(neck, found, where):
    ossification = replace(
        neck.measurements.ossification,
        masses=found,
        type="mixed",
        near_type=None,
        upper_end="C2",
        lower_end="C6",
    )
    said = words_of(page_of(neck, replace(neck.measurements, ossification=ossification)))
    assert f"Mixed OPLL {where} up to 5.4" in said


def off_midline(neck, offset_mm, midline_percent):
    worst = replace(
        neck.measurements.planes[-1],
        thickness_offset_mm=offset_mm,
        occupying_ratio_midline_percent=midline_percent,
    )
    return replace(neck.measurements, planes=(*neck.measurements.planes[:-1], worst))


def test_the_headline_tells_a_greatest_ratio_off_the_midline_with_its_side(neck, page):
    said = words_of(page_of(neck, off_midline(neck, 8.8, 0.0)))
    assert "37–45) at C4, 8.8 mm left of the midline; K-line" in said
    assert "The mass at C4 lies 8.8 mm left of the midline: this surface does not cut it." in said
    beside = words_of(page_of(neck, off_midline(neck, -3.2, 12.0)))
    assert "at C4, 3.2 mm right of the midline; K-line" in beside
    for near in (beside, words_of(page)):
        assert "this surface does not cut it" not in near
    assert "at C4; K-line" in words_of(page)


def test_a_warning_of_the_greatest_ratio_stands_by_the_worst_place(neck):
    warning = ScanWarning("ratio-near-cut", "Its interval holds 50 %.", "C4")
    text = page_of(neck, replace(neck.measurements, warnings=(warning,)))
    assert text.count("C4: Its interval holds 50 %.") == 1
    assert text.index("<small>worst place</small>") < text.index("C4: Its interval holds 50 %.")


def test_thickness_is_said_to_start_where_it_does(page):
    assert "from the front edge of the canal to the back of the mass" in words_of(page)
    assert "canal AP on the same line" in words_of(page)


def test_what_lies_apart_is_called_by_what_is_wrong_with_it(neck):
    kinds = ("anterior ligament", "ligamentum flavum", "retro-odontoid", "calcified disc")
    apart = tuple(Apart(kind, "C2/3", 2.0) for kind in kinds)
    said = words_of(page_of(neck, replace(neck.measurements, apart=apart)))
    for name in (
        "Ossified anterior longitudinal ligament",
        "Ossified ligamentum flavum",
        "Calcification behind the dens",
        "Calcified disc",
    ):
        assert f"{name} at C2/3, 2.0 mm thick." in said


def test_each_mass_and_its_angle_stand_with_their_errors(page):
    said = words_of(page)
    assert "The mass (48 ± 2 mm long, up to 5.4 ± 0.5 mm thick, 2900 ± 160 mm³) involves" in said
    assert "Compression angle 141 ± 12°" in said


def test_levels_are_listed_head_to_foot_and_one_disc_is_one(neck, page):
    assert "Levels involved C3, C3/4, C4, C4/5 and C5" in words_of(page)
    assert "at discs C3/4 and C4/5" in words_of(page)
    one = replace(neck.measurements.ossification, masses=masses((("C4",), ("C4/5",))))
    assert "at disc C4/5:" in words_of(page_of(neck, replace(neck.measurements, ossification=one)))


def test_a_segmental_type_near_continuous_may_be_so_by_a_disc(neck, page):
    near = replace(neck.measurements.ossification, type="segmental", near_type="continuous")
    said = words_of(page_of(neck, replace(neck.measurements, ossification=near)))
    assert "a mass reaches over a disc, or moving an end by 2 mm would make it continuous." in said
    assert "Moving an end by 2 mm would make it segmental." in words_of(page)
