import json
import math
import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from canalis.cli import app
from canalis.errors import MeasurementError, OutputError, ReadError
from canalis.measurement.measurements import Measurements, Ossification
from canalis.report import write_report
from canalis.report.comparison import compare
from canalis.report.comparison_files import compare_to_folder
from canalis.report.comparison_page import make_comparison_page, read_pictures
from canalis.segment.segmentation import LevelNaming
from canalis.volume import ScanWarning

GAIN = {"C3": 3.1, "C3/4": 3.6, "C4": 4.2, "C4/5": 4.4, "C5": 4.0}


def opened(measurements):
    """Return the same neck after its laminae were opened from C3 to C5."""
    planes = []
    for plane in measurements.planes:
        gain = GAIN.get(plane.level, 0.0)
        area = None if plane.canal_area_mm2 is None else plane.canal_area_mm2 + 20 * gain
        planes.append(
            replace(
                plane,
                residual_ap_mm=plane.residual_ap_mm + gain,
                canal_ap_mm=plane.canal_ap_mm + gain,
                canal_area_mm2=area,
            )
        )
    return replace(
        measurements,
        planes=tuple(planes),
        narrowest=replace(measurements.narrowest, residual_ap_mm=11.4, level="C3"),
        ossification=replace(measurements.ossification, max_thickness_mm=5.9, volume_mm3=3300.0),
    )


@pytest.fixture(scope="module")
def after(neck):
    return opened(neck.measurements)


@pytest.fixture(scope="module")
def results(neck, after, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    for name, measurements in (("before", neck.measurements), ("after", after)):
        (folder / name).mkdir()
        write_report(
            folder / name,
            measurements=measurements,
            segmentation=neck.segmentation,
            volume=neck.volume,
            software=neck.software,
        )
    return folder


def at(comparison, level):
    return next(item for item in comparison.levels if item.level == level).changes


def test_the_gain_at_each_level_is_after_less_before(neck, after):
    comparison = compare(neck.measurements, after)
    for level, gain in GAIN.items():
        assert at(comparison, level)["residual_ap_mm"].change == pytest.approx(gain)
        assert at(comparison, level)["canal_area_mm2"].change == pytest.approx(20 * gain)
    assert at(comparison, "C7")["residual_ap_mm"].change == 0


def test_what_can_be_detected_is_the_interval_of_the_difference(neck, after):
    comparison = compare(neck.measurements, after)
    assert at(comparison, "C4")["residual_ap_mm"].detectable == pytest.approx(math.hypot(0.5, 0.5))
    assert at(comparison, "C4")["residual_ap_mm"].detected is True
    assert at(comparison, "C7")["residual_ap_mm"].detected is False
    thickness = comparison.ossification["max_thickness_mm"]
    assert thickness.change == pytest.approx(5.9 - neck.measurements.ossification.max_thickness_mm)
    assert thickness.detected is False  # 0.5 mm against the root of 0.45² + 0.45²


def test_the_same_result_twice_shows_no_change(neck):
    comparison = compare(neck.measurements, neck.measurements, years=1)
    changes = [change for item in comparison.levels for change in item.changes.values()]
    changes += [comparison.narrowest, comparison.cobb, *comparison.ossification.values()]
    assert {change.change for change in changes} <= {0, None}
    assert True not in {change.detected for change in changes}


def test_turning_the_two_round_turns_every_change_round(neck, after):
    there, back = compare(neck.measurements, after), compare(after, neck.measurements)
    for one, other in zip(there.levels, back.levels, strict=True):
        for name, change in one.changes.items():
            assert change.change == (None if change.change is None else -other.changes[name].change)
            assert change.detectable == other.changes[name].detectable


def test_growth_is_given_a_year_where_the_time_is_known(neck, after):
    growth = compare(neck.measurements, after, years=2.5).ossification
    assert growth["volume_mm3"].per_year == pytest.approx(400 / 2.5)
    assert growth["max_occupying_ratio_percent"].per_year is None
    unknown = compare(neck.measurements, after)
    assert unknown.ossification["volume_mm3"].per_year is None
    assert "no-time" in {warning.code for warning in unknown.warnings}


@pytest.mark.parametrize("unseen", ["before", "after"])
def test_what_one_scan_does_not_show_is_not_zero_millimetres_thick(neck, after, unseen):
    none = replace(after, ossification=Ossification(present=False, max_thickness_mm=0.0, volume_mm3=0.0))
    pair = (none, neck.measurements) if unseen == "before" else (neck.measurements, none)
    for change in compare(*pair, years=2.0).ossification.values():
        assert change.change is None
        assert change.per_year is None
        assert f"no OPLL of 2 mm or more was seen {unseen}" in change.reason


@pytest.mark.parametrize("years", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(neck, after, years):
    with pytest.raises(MeasurementError, match="above 0 years"):
        compare(neck.measurements, after, years=years)


def test_a_refused_scan_is_not_compared(neck):
    refused = Measurements("refused", LevelNaming(False, None, "No canal."))
    with pytest.raises(MeasurementError, match="found the second refused"):
        compare(neck.measurements, refused)


def test_a_level_in_one_scan_only_says_so_and_keeps_its_place(neck, after):
    fewer = replace(after, planes=tuple(plane for plane in after.planes if plane.level != "C2"))
    comparison = compare(fewer, neck.measurements)
    assert comparison.levels[0].level == "C2"
    change = comparison.levels[0].changes["residual_ap_mm"]
    assert (change.before, change.change, change.reason) == (None, None, "not in the first scan")


def test_levels_that_are_not_sure_are_warned_of(neck, after):
    unsure = replace(after, levels=LevelNaming(False, "dens", "Counted from the dens only."))
    comparison = compare(neck.measurements, unsure)
    assert not comparison.sure
    assert any("second scan are not sure" in warning.message for warning in comparison.warnings)


def test_an_unknown_error_leaves_open_whether_a_change_can_be_detected(neck, after):
    bare = replace(after, planes=tuple(replace(plane, uncertainty={}) for plane in after.planes))
    change = at(compare(neck.measurements, bare), "C4")["residual_ap_mm"]
    assert change.change == pytest.approx(4.2)
    assert change.detected is None
    assert "error" in change.reason


def test_the_folder_holds_record_table_and_page(results, tmp_path):
    compare_to_folder(results / "before", results / "after", tmp_path / "out", years=2.5)
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert record["schema"] == "canalis.comparison/1"
    c4 = next(item for item in record["levels"] if (item["level"], item["part"]) == ("C4", "body"))
    assert c4["residual_ap_mm"]["change"] == pytest.approx(4.2)
    assert c4["residual_ap_mm"]["detected"] is True
    rows = (tmp_path / "out" / "comparison.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 14
    assert {row.count(",") for row in rows} == {rows[0].count(",")}
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    said = page.replace("\u00a0", " ")
    assert "Narrowest residual AP 7.8 → 11.4 mm (+3.6 ± 0.7 mm, detectable)" in said
    assert "+0.2 mm a year, below what can be detected" in said


def test_the_page_shows_both_necks_and_asks_for_nothing_outside_itself(results, tmp_path):
    compare_to_folder(results / "before", results / "after", tmp_path / "out")
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert page.count('data-picture="midsagittal"') == 2
    assert page.count('data-picture="C4"') == 2
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,)", page)


def test_the_page_prints_on_one_sheet_with_its_pictures_as_large_as_fit(neck, after, results):
    weasyprint = pytest.importorskip("weasyprint", reason="WeasyPrint is in the pdf extra")
    pictures = {name: read_pictures(results / name) for name in ("before", "after")}
    longest = [
        replace(
            measured,
            planes=(replace(measured.planes[0], level="C1", part="arch"), *measured.planes),
            levels=LevelNaming(False, "dens", "Counted from the dens only."),
        )
        for measured in (neck.measurements, after)
    ]
    usual, long = compare(neck.measurements, after, years=2.5), compare(*longest)
    assert (len(long.levels) - len(usual.levels), len(long.warnings)) == (1, 3)
    for comparison in (usual, long):
        page = make_comparison_page(comparison, **pictures)
        assert page.count('data-picture="midsagittal"') == 2
        assert len(weasyprint.HTML(string=page).render().pages) == 1
    percent = [
        int(re.search(r"--printed: (\d+)%", make_comparison_page(c, **pictures))[1]) for c in (usual, long)
    ]
    assert percent[1] < percent[0] <= 62


def test_results_without_a_page_are_compared_without_pictures(results, tmp_path):
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        text = (results / name / "measurements.json").read_text(encoding="utf-8")
        (tmp_path / name / "measurements.json").write_text(text, encoding="utf-8")
    compare_to_folder(tmp_path / "before", tmp_path / "after", tmp_path / "out")
    assert "<image" not in (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "planted",
    [
        '<svg data-picture="C4"><script>x()</script></svg>',
        '<svg data-picture="C4"><image onload="x()"/></svg>',
        '<svg data-picture="C4"><image href="http://x"/></svg>',
        '<svg data-picture="C4"><a>x</a></svg>',
    ],
)
def test_a_picture_that_holds_more_than_a_picture_is_refused(tmp_path, planted):
    (tmp_path / "report.html").write_text(planted, encoding="utf-8")
    with pytest.raises(ReadError, match="was changed"):
        read_pictures(tmp_path)


def test_a_comparison_that_is_there_is_kept_unless_told(results, tmp_path):
    compare_to_folder(results / "before", results / "after", tmp_path / "out")
    with pytest.raises(OutputError, match="--overwrite"):
        compare_to_folder(results / "before", results / "after", tmp_path / "out")
    compare_to_folder(results / "before", results / "after", tmp_path / "out", overwrite=True)


def test_the_command_compares_two_folders(results, tmp_path):
    words = ["compare", str(results / "before"), str(results / "after"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "comparison.html").is_file()


def test_the_command_says_in_one_line_what_is_missing(results, tmp_path):
    words = ["compare", str(tmp_path), str(results / "after"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "Expected measurements.json" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def operated(measurements, **sizes):
    """Return a result whose ring was opened, its greatest ratio 30 %."""
    ossification = replace(measurements.ossification, max_occupying_ratio_percent=30.0, **sizes)
    warning = ScanWarning("opened-ring", "The ring of bone is open at the back of C3, C4, C5.", "C3")
    return replace(measurements, ossification=ossification, warnings=(warning,))


def test_a_ratio_that_fell_because_the_canal_was_opened_says_so(neck):
    comparison = compare(neck.measurements, operated(neck.measurements))
    page = make_comparison_page(comparison, before={}, after={}).replace("\u00a0", " ")
    assert "the occupying ratio fell because the canal was opened" in page
    assert [w.code for w in comparison.warnings].count("opened-ring") == 1
    thinner = compare(neck.measurements, operated(neck.measurements, max_thickness_mm=1.5))
    assert "fell because" not in " ".join(w.message for w in thinner.warnings)
    both = compare(operated(neck.measurements), operated(neck.measurements))
    assert "opened-ring" not in {w.code for w in both.warnings}


def test_the_change_of_a_ratio_is_in_points_and_no_scans_position_is_claimed(neck):
    comparison = compare(neck.measurements, operated(neck.measurements))
    page = make_comparison_page(comparison, before={}, after={}).replace("\u00a0", " ")
    assert "41 → 30 % (−11 points, " in page
    assert "Both scans were taken" not in page
