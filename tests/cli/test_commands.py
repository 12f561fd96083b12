"""`info`, `phantom`, `demo` as doors, and the page that documents every command."""

import json
from pathlib import Path

import pytest

from canalis import __version__
from canalis.cli.reference import make_reference

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_reference_is_what_help_says():
    written = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert written == make_reference(), "run python -m canalis.cli.reference > docs/cli.md"


def test_info_tells_versions_and_hashes_as_json(run):
    ran = run("info", "--json")
    found = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert found["version"] == __version__
    assert found["packages"]["numpy"].count(".") == 2
    assert all(len(digest) == 64 for digest in found["models"].values())


def test_info_tells_the_same_in_lines(run):
    ran = run("info")
    assert ran.stdout.startswith(f"canalis {__version__}, Python 3.")
    assert "numpy: " in ran.stdout


@pytest.fixture(scope="module")
def phantom(run, tmp_path_factory):
    """A coarse phantom with a continuous OPLL of C4 and C5, written as DICOM."""
    out = tmp_path_factory.mktemp("phantom") / "p"
    words = ["--type", "continuous", "--levels", "C4-C5", "--thickness-mm", 5, "--format", "dicom"]
    words += ["--pixel-mm", 1.2, "--slice-mm", 2.5]
    return run("phantom", "--out", out, "--seed", 2000001, *words, out=out)


def test_a_phantom_is_written_with_its_truth(phantom):
    assert phantom.exit_code == 0
    assert phantom.files == ["dicom", "truth.json", "truth.nii.gz"]
    truth = json.loads((phantom.out / "truth.json").read_text())
    assert truth["schema"] == "canalis.measurements/1"
    assert truth["ossification"]["type"] == "continuous"
    assert truth["ossification"]["levels"] == ["C4", "C5"]
    assert truth["ossification"]["max_thickness_mm"] == pytest.approx(5.0, abs=0.1)


def test_a_phantom_without_opll_has_no_levels_of_it(run, tmp_path):
    ran = run("phantom", "--out", tmp_path / "p", "--seed", 2000001, "--type", "none", "--levels", "C3-C5")
    assert ran.exit_code == 2
    assert not (tmp_path / "p").exists()


def test_a_phantom_is_measured_with_its_own_label_map(phantom, run, tmp_path):
    out = tmp_path / "out"
    labels = phantom.out / "truth.nii.gz"
    ran = run("measure", phantom.out / "dicom", "--out", out, "--segmentation", labels, out=out)
    assert ran.exit_code == 0
    truth = json.loads((phantom.out / "truth.json").read_text())
    true = {plane["level"]: plane["canal_ap_mm"] for plane in truth["planes"] if plane["part"] == "body"}
    for level in ("C3", "C4", "C5", "C6"):
        assert ran.plane(level)["canal_ap_mm"] == pytest.approx(true[level], abs=1.2)  # one pixel
    assert ran.record["ossification"]["present"] is True


def test_a_phantom_that_is_there_is_kept_without_overwrite(phantom, run):
    ran = run("phantom", "--out", phantom.out, "--seed", 2000002)
    assert ran.exit_code == 1
    assert "--overwrite" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--type", "round"], "Expected --type continuous"),
        (["--format", "jpeg"], "Expected --format nifti or dicom"),
        (["--levels", "C5-C3"], "Expected --levels such as C3-C5,C6"),
        (["--levels", "C3-D5"], "Expected --levels such as C3-C5,C6"),
        (["--levels", "C1-C3"], "of C2 to T2"),
        (["--levels", "C3-C5,C5"], "each once"),
        (["--type", "mixed", "--levels", "C3"], "C3-C5,C6, found C3."),
        (["--type", "mixed", "--levels", "C3-C5"], "C3-C5,C6, found C3-C5."),
        (["--type", "continuous", "--levels", "C3-C4,C6"], "two bodies or more"),
        (["--type", "segmental", "--levels", "C3-C5"], "one body a mass"),
        (["--type", "localized", "--levels", "C3-C6"], "the body above each disc, C2 to C7"),
        (["--type", "localized", "--levels", "T1"], "the body above each disc, C2 to C7"),
        (["--count", "0"], "Invalid value for '--count'"),
    ],
)
def test_a_phantom_that_cannot_be_made_is_wrong_usage(run, tmp_path, words, said):
    ran = run("phantom", "--out", tmp_path / "p", "--seed", 1, *words)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--levels", "C4", "--thickness-mm", 12], "found room for 8.6 mm"),
        (["--levels", "C4", "--thickness-mm", 0.6], "found none of 1 mm"),
    ],
)
def test_opll_that_a_neck_cannot_have_is_refused(run, tmp_path, words, said):
    words = [*words, "--pixel-mm", 3, "--slice-mm", 5]
    ran = run("phantom", "--out", tmp_path / "p", "--seed", 2000001, *words)
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_several_phantoms_are_named_by_their_seeds(run, tmp_path):
    words = ["--count", 2, "--pixel-mm", 3, "--slice-mm", 5, "--type", "none"]
    ran = run("phantom", "--out", tmp_path / "many", "--seed", 2000005, *words, out=tmp_path / "many")
    assert ran.files == ["2000005", "2000006"]
    for seed in ran.files:
        truth = json.loads((ran.out / seed / "truth.json").read_text())
        assert truth["ossification"]["present"] is False
        assert (ran.out / seed / "ct.nii.gz").is_file()


def test_the_demo_ends_in_a_whole_result(run, tmp_path):
    ran = run("demo", "--out", tmp_path / "demo", out=tmp_path / "demo")
    assert ran.exit_code == 0
    assert "measured: " in ran.stdout
    found = json.loads((tmp_path / "demo" / "result" / "measurements.json").read_text())["ossification"]
    assert found["type"] == "continuous"
    assert found["levels"] == ["C4", "C5"]
    assert (tmp_path / "demo" / "result" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("words", [["list"], ["history"], ["export", "cases.csv"]])
def test_reading_cases_where_there_is_no_database_makes_none(run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    ran = run("cases", *words)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "found nothing there" in ran.stderr
    assert list(tmp_path.iterdir()) == []
