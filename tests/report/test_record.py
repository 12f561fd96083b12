import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from canalis.errors import MeasurementError, ReadError
from canalis.measurement.measurements import PLANE_NUMBERS, Measurements
from canalis.report.record import (
    SCHEMA,
    measurements_to_csv,
    measurements_to_json,
    read_measurements,
)
from canalis.segment.segmentation import LevelNaming
from canalis.volume import ScanWarning

CONTRACT = {
    "": "schema status input software warnings levels planes narrowest ossification apart alignment",
    "input": "kind slices spacing_mm series",
    "software": "version models",
    "levels": "sure source reason",
    "narrowest": "residual_ap_mm uncertainty level part",
    "ossification": (
        "present type near_type levels discs bridging upper_end lower_end reaches_c2 at_scan_edge peak_level"
        " op_index op_grade max_thickness_mm max_occupying_ratio_percent width_mm volume_mm3 length_mm side"
        " compression_angle_deg double_layer_sign masses"
    ),
    "alignment": "k_line k_line_distance_mm c2_c7_cobb_deg uncertainty reasons",
}
PLANE = (
    "level part center_lps_mm normal_lps canal_ap_mm canal_lr_mm canal_area_mm2 ossification_thickness_mm"
    " thickness_offset_mm thickness_canal_ap_mm ossification_bone_thickness_mm ossification_width_mm"
    " ossification_area_mm2 occupying_ratio_percent occupying_ratio_midline_percent"
    " area_occupying_ratio_percent residual_ap_mm torg_pavlov_ratio confidence uncertainty reasons"
)


def written(neck, **changes):
    measurements = replace(neck.measurements, **changes)
    return json.loads(measurements_to_json(measurements, volume=neck.volume, software=neck.software))


def saved(tmp_path, neck, **changes):
    path = tmp_path / "measurements.json"
    path.write_text(json.dumps(written(neck, **changes)), encoding="utf-8")
    return path


@pytest.mark.parametrize("part", CONTRACT)
def test_every_name_of_the_contract_is_written(neck, part):
    record = written(neck)
    assert set(CONTRACT[part].split()) <= set(record[part] if part else record)


def test_every_plane_has_every_name_of_the_contract(neck):
    for plane in written(neck)["planes"]:
        assert set(PLANE.split()) <= set(plane)


def test_warnings_masses_and_what_lies_apart_have_the_names_of_the_contract(neck):
    record = written(neck)
    assert set(record["warnings"][0]) == {"code", "message", "level"}
    assert set(record["apart"][0]) >= {"kind", "level", "thickness_mm"}
    assert set(record["ossification"]["masses"][0]) >= {
        "type", "levels", "discs", "max_thickness_mm", "length_mm", "volume_mm3",
    }  # fmt: skip
    assert set(record["ossification"]["double_layer_sign"]) == {"candidate", "planes"}


def test_the_schema_and_the_input_are_named(neck):
    record = written(neck)
    assert record["schema"] == SCHEMA == "canalis.measurements/1"
    assert record["input"] == {
        "kind": "array", "slices": 116, "spacing_mm": [1.25, 0.62, 0.6], "series": "5c1f00d2",
    }  # fmt: skip


def test_numbers_are_written_to_the_last_digit(neck):
    expected = [plane.canal_area_mm2 for plane in neck.measurements.planes]
    assert [plane["canal_area_mm2"] for plane in written(neck)["planes"]] == expected


def test_every_missing_number_has_its_reason(neck):
    for plane in written(neck)["planes"]:
        for name in PLANE_NUMBERS:
            assert (plane[name] is None) == (name in plane["reasons"])
    bare = [replace(plane, torg_pavlov_ratio=None, reasons={}) for plane in neck.measurements.planes]
    assert {p["reasons"]["torg_pavlov_ratio"] for p in written(neck, planes=tuple(bare))["planes"]} == {
        "not measured"
    }


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")])
def test_a_number_that_is_not_finite_is_refused(neck, bad):
    planes = (replace(neck.measurements.planes[0], canal_ap_mm=bad),)
    with pytest.raises(MeasurementError, match=r"finite number or None.*canal_ap_mm"):
        written(neck, planes=planes)


def test_numpy_numbers_are_written_as_numbers(neck):
    planes = (replace(neck.measurements.planes[0], canal_ap_mm=np.float64(11.5)),)
    assert written(neck, planes=planes)["planes"][0]["canal_ap_mm"] == 11.5


def test_measurements_read_back_as_they_were_measured(neck, tmp_path):
    before = neck.measurements
    after = read_measurements(saved(tmp_path, neck))
    for was, now in zip(before.planes, after.planes, strict=True):
        kept = {name: text for name, text in was.reasons.items() if getattr(was, name) is None}
        assert now == replace(was, outlines_lps_mm={}, reasons=kept)
    assert replace(after.ossification, reasons={}) == before.ossification
    assert after.profile == before.profile
    assert after.alignment == before.alignment
    assert (after.levels, after.narrowest, after.apart) == (before.levels, before.narrowest, before.apart)
    assert after.warnings == before.warnings
    assert after.posterior_wall_lps_mm == before.posterior_wall_lps_mm


def test_a_folder_is_read_by_its_measurements(neck, tmp_path):
    saved(tmp_path, neck)
    assert read_measurements(tmp_path).status == "measured"


def test_truth_without_an_ap_direction_reads_with_one_in_its_plane(neck, tmp_path):
    record = written(neck)
    for plane in record["planes"]:
        del plane["anteroposterior_lps"]
    (tmp_path / "truth.json").write_text(json.dumps(record), encoding="utf-8")
    for plane in read_measurements(tmp_path / "truth.json").planes:
        assert np.dot(plane.normal_lps, plane.anteroposterior_lps) == pytest.approx(0, abs=1e-12)
        assert np.linalg.norm(plane.anteroposterior_lps) == pytest.approx(1)
        assert plane.anteroposterior_lps[1] > 0.9


def test_a_refused_scan_is_written_and_read(neck, tmp_path):
    refused = Measurements(
        "refused",
        LevelNaming(False, None, "No canal."),
        warnings=(ScanWarning("no-canal", "No canal seen."),),
    )
    text = measurements_to_json(refused, volume=neck.volume, software=neck.software)
    (tmp_path / "measurements.json").write_text(text, encoding="utf-8")
    record = json.loads(text)
    assert record["status"] == "refused"
    assert record["narrowest"]["residual_ap_mm"] is None
    assert record["narrowest"]["reasons"] == {"residual_ap_mm": "no plane has a residual AP"}
    assert read_measurements(tmp_path).warnings[0].code == "no-canal"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON: .* in line 1"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"schema": 1e999}', "not finite"),
        ("[]", "Expected the schema"),
        ('{"schema": "canalis.measurements/9"}', "canalis.measurements/9"),
        ('{"schema": "canalis.measurements/1", "status": "well"}', "does not hold measurements"),
    ],
)
def test_what_is_not_measurements_is_refused_by_name(tmp_path, text, words):
    (tmp_path / "measurements.json").write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=words):
        read_measurements(tmp_path)


def without(record, path):
    for step in path[:-1]:
        record = record[step]
    del record[path[-1]]


@pytest.mark.parametrize(
    "path",
    [
        ("planes",),
        ("narrowest",),
        ("levels",),
        ("ossification",),
        ("alignment",),
        ("planes", 1, "canal_ap_mm"),
        ("ossification", "present"),
        ("ossification", "max_thickness_mm"),
        ("alignment", "c2_c7_cobb_deg"),
    ],
)
def test_a_field_that_is_missing_is_named_with_its_file(neck, tmp_path, path):
    record = written(neck)
    without(record, path)
    (tmp_path / "measurements.json").write_text(json.dumps(record), encoding="utf-8")
    field = ".".join(str(step) for step in path)
    with pytest.raises(ReadError, match=rf"^{tmp_path}/measurements\.json .*: {field}: Field required"):
        read_measurements(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("planes",), None, "planes: "),
        (("planes",), {"C3": 1}, "planes: "),
        (("planes",), [7], r"planes\.0: "),
        (("planes", 1, "canal_ap_mm"), "wide", r"planes\.1\.canal_ap_mm: "),
        (("planes", 1, "level"), "L5", r"planes\.1\.level: Input should be C1 to T2"),
        (("planes", 1, "level"), "C3/9", r"planes\.1\.level: Input should be C1 to T2"),
        (("planes", 1, "normal_lps"), None, r"planes\.1\.normal_lps: "),
        (("planes", 1, "normal_lps"), [0, 1], r"planes\.1\.normal_lps\.2: "),
        (("planes", 1, "confidence"), float("nan"), "not finite"),
        (("alignment",), 7, "alignment: "),
    ],
)
@pytest.mark.parametrize("directed", [True, False])
def test_a_field_of_another_type_is_named(neck, tmp_path, path, value, words, directed):
    record = written(neck)
    if not directed:
        del record["planes"][1]["anteroposterior_lps"]
    inner = record
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    (tmp_path / "measurements.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ReadError, match=words):
        read_measurements(tmp_path)


def test_what_an_editor_puts_before_the_text_does_no_harm(neck, tmp_path):
    text = json.dumps(written(neck))
    (tmp_path / "measurements.json").write_text(text, encoding="utf-8-sig")
    assert read_measurements(tmp_path).status == "measured"


def test_a_folder_without_measurements_is_refused(tmp_path):
    with pytest.raises(ReadError, match=r"Expected measurements\.json"):
        read_measurements(tmp_path)


def test_the_csv_has_a_row_a_plane_and_empty_cells_where_nothing_was_measured(neck):
    rows = list(csv.DictReader(io.StringIO(measurements_to_csv(neck.measurements))))
    assert [(row["level"], row["part"]) for row in rows] == [
        (plane.level, plane.part) for plane in neck.measurements.planes
    ]
    for row, plane in zip(rows, neck.measurements.planes, strict=True):
        for name in PLANE_NUMBERS:
            value = getattr(plane, name)
            assert row[name] == ("" if value is None else repr(value))
        assert row["canal_ap_mm_uncertainty"] == str(plane.uncertainty.get("canal_ap_mm", ""))
    assert "torg_pavlov_ratio: only measured on bodies" in rows[1]["reasons"]


def test_lists_of_numbers_stand_on_one_line(neck):
    text = measurements_to_json(neck.measurements, volume=neck.volume, software=neck.software)
    assert '"spacing_mm": [1.25, 0.62, 0.6]' in text
    assert len(text) < 150_000
