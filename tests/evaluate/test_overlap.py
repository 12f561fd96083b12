import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from canalis.cli import app
from canalis.errors import ReadError
from canalis.evaluate import draw_evaluations, evaluate_folders, write_csv
from canalis.evaluate.overlap import compare_shapes
from canalis.report.label_map import write_label_map
from canalis.volume import Mask

SPACING = (2.0, 0.5, 0.8)


def block(shift: int = 0) -> np.ndarray:
    shape = np.zeros((12, 40, 34), dtype=bool)
    shape[3:9, 8 + shift : 28 + shift, 6:26] = True
    return shape


def test_a_shape_agrees_with_itself() -> None:
    same = compare_shapes(block(), block(), SPACING)
    assert (same.dice, same.surface_dice, same.hausdorff_95_mm) == (1.0, 1.0, 0.0)


def test_a_shift_costs_the_dice_of_the_closed_form() -> None:
    assert compare_shapes(block(), block(4), SPACING).dice == pytest.approx(16 / 20)


def test_the_hausdorff_distance_is_the_shift_in_millimetres() -> None:
    assert compare_shapes(block(), block(6), SPACING).hausdorff_95_mm == pytest.approx(3.0)


def test_a_shift_below_a_millimetre_keeps_the_surface_dice() -> None:
    assert compare_shapes(block(), block(2), SPACING).surface_dice == 1.0


def test_two_empty_shapes_have_no_dice() -> None:
    assert compare_shapes(block() & False, block() & False, SPACING).dice is None


def write(folder: Path, names: tuple[str, str], *, ap_mm: float, label: int) -> None:
    folder.mkdir(parents=True)
    labels = np.where(block(), 1, 0).astype(np.uint8)
    labels[3:9, 1:6, 6:26] = label
    affine = np.array([[0, 0, 0.8, -5.0], [0, 0.5, 0, 7.0], [2.0, 0, 0, 90.0], [0, 0, 0, 1]])
    write_label_map(folder / names[1], Mask(labels, affine), acquisition=None)
    planes = [{"level": "C4", "part": "body", "canal_ap_mm": ap_mm}]
    record = {"schema": "canalis.measurements/1", "levels": {"sure": True}, "planes": planes}
    (folder / names[0]).write_text(json.dumps(record), encoding="utf-8")


def test_folders_are_matched_by_name(tmp_path: Path) -> None:
    for case, label in (("a", 14), ("b", 15)):
        names = ("measurements.json", "segmentation.nii.gz")
        write(tmp_path / "found" / case, names, ap_mm=12.5, label=label)
        write(tmp_path / "truth" / case, ("truth.json", "truth.nii.gz"), ap_mm=12.0, label=14)
    first, second = evaluate_folders(tmp_path / "found", tmp_path / "truth")
    assert (first.case, first.canal.dice, first.canal_ap_bias_mm, first.levels_wrong) == ("a", 1.0, 0.5, 0)
    assert (second.levels_wrong, second.levels_missing) == (1, 0)
    write_csv(tmp_path / "rows.csv", [first, second])
    assert (tmp_path / "rows.csv").read_text().splitlines()[1].startswith("a,1.0,1.0,0.0,")
    assert first.canal_ap_mm == ((12.0, 12.5),)
    draw_evaluations(tmp_path / "all.png", [first, second])
    assert (tmp_path / "all.png").read_bytes()[:4] == b"\x89PNG"


def test_the_table_and_the_plot_make_the_folders_above_them(tmp_path: Path) -> None:
    write(tmp_path / "a", ("measurements.json", "segmentation.nii.gz"), ap_mm=12.5, label=14)
    out, plot = tmp_path / "deep" / "rows.csv", tmp_path / "down" / "all.svg"
    words = ["evaluate", tmp_path / "a", tmp_path / "a", "--out", out, "--plot", plot]
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    assert out.read_text().startswith("case,")
    assert plot.is_file()


def test_cases_that_only_one_side_holds_are_counted(tmp_path: Path) -> None:
    for side, cases in (("found", "ab"), ("truth", "acd")):
        for case in cases:
            names = ("measurements.json", "segmentation.nii.gz")
            write(tmp_path / side / case, names, ap_mm=12.5, label=14)
    ran = CliRunner().invoke(app, ["evaluate", str(tmp_path / "found"), str(tmp_path / "truth")])
    assert ran.exit_code == 0
    assert ran.stdout.startswith("a: ")
    assert "1 results without a truth of their name, 2 truths without a result" in ran.stderr


@pytest.mark.parametrize(
    ("option", "name", "code", "said"),
    [
        ("--out", "a", 1, "found a folder"),
        ("--out", "a/measurements.json/rows.csv", 1, "cannot be written"),
        ("--plot", "all.doc", 2, "Expected --plot to end in .png, .pdf, .svg"),
    ],
)
def test_outputs_that_cannot_be_written_are_told_first(
    tmp_path: Path, option: str, name: str, code: int, said: str
) -> None:
    write(tmp_path / "a", ("measurements.json", "segmentation.nii.gz"), ap_mm=12.5, label=14)
    words = ["evaluate", tmp_path / "a", tmp_path / "a", option, tmp_path / name]
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == code
    assert ran.stdout == ""
    assert said in " ".join(ran.stderr.split())


def test_folders_without_a_shared_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no truth for any"):
        evaluate_folders(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": "canalis.meas', "cannot be read as JSON"),
        ("[]", "Expected the schema canalis.measurements/1, found None"),
        ('{"schema": "canalis.measurements/1"}', "Expected levels, and planes with level"),
        ('{"schema": "canalis.measurements/1", "levels": null, "planes": []}', "Expected levels, and planes"),
        ('{"schema": "canalis.measurements/1", "levels": {"sure": true}, "planes": [7]}', "and planes with"),
    ],
)
@pytest.mark.parametrize("damaged", ["found/a/measurements.json", "truth/a/truth.json"])
def test_a_damaged_record_is_named_with_its_folder(
    tmp_path: Path, text: str, said: str, damaged: str
) -> None:
    write(tmp_path / "found" / "a", ("measurements.json", "segmentation.nii.gz"), ap_mm=12.5, label=14)
    write(tmp_path / "truth" / "a", ("truth.json", "truth.nii.gz"), ap_mm=12.0, label=14)
    (tmp_path / damaged).write_text(text, encoding="utf-8")
    with pytest.raises(ReadError, match=said) as told:
        evaluate_folders(tmp_path / "found", tmp_path / "truth")
    assert str(Path(damaged).parent) in str(told.value)
