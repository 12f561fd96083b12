"""Folders of results: whole or not at all."""

import pytest

from canalis.errors import OutputError, ReadError
from canalis.result_folder import check_file, check_free, result_file, result_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with result_folder(tmp_path / "deep" / "out") as beside:
        (beside / "run.json").write_text("{}")
        assert not (tmp_path / "deep" / "out").exists()
        assert beside.parent == tmp_path / "deep"
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == ["run.json"]


def fail_in(folder, error):
    """Write a file and fail before the folder is whole."""
    with result_folder(folder) as beside:
        (beside / "run.json").write_text("later")
        raise error


@pytest.mark.parametrize("error", [ReadError("no"), KeyboardInterrupt(), ZeroDivisionError()])
def test_an_error_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)):
        fail_in(tmp_path / "deep" / "down" / "out", error)
    assert names(tmp_path) == []


def test_a_folder_may_have_the_longest_name_and_no_longer_one(tmp_path):
    with result_folder(tmp_path / ("n" * 255)) as beside:
        (beside / "run.json").write_text("{}")
    assert names(tmp_path) == ["n" * 255]
    with pytest.raises(OutputError, match=r"cannot be written: File name too long\. Give another"):
        check_free(tmp_path / ("n" * 256))


def test_an_error_leaves_earlier_results(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text("earlier")
    with pytest.raises(OutputError, match=r"out cannot be written: No space left on device.*--out"):
        fail_in(tmp_path / "out", OSError(28, "No space left on device"))
    assert (tmp_path / "out" / "run.json").read_text() == "earlier"
    assert names(tmp_path) == ["out"]


def test_new_results_replace_earlier_ones_as_a_whole_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    (out / "dicom").mkdir(parents=True)
    for name in ("run.json", "report.html", "notes.txt", "dicom/0001.dcm"):
        (out / name).write_text("earlier")
    with result_folder(out, names=("run.json", "report.html", "dicom")) as beside:
        (beside / "run.json").write_text("later")
        (beside / "dicom").mkdir()
        (beside / "dicom" / "0002.dcm").write_text("later")
    assert names(out) == ["dicom", "notes.txt", "run.json"]
    assert names(out / "dicom") == ["0002.dcm"]
    assert (out / "run.json").read_text() == "later"
    assert names(tmp_path) == ["out"]


def test_a_folder_is_free_unless_it_holds_results(tmp_path):
    check_free(tmp_path / "new")
    (tmp_path / "notes.txt").write_text("mine")
    check_free(tmp_path)
    (tmp_path / "measurements.json").write_text("{}")
    with pytest.raises(OutputError, match=r"holds results already.*--overwrite"):
        check_free(tmp_path)
    check_free(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="found a file"):
        check_free(tmp_path / "notes.txt")
    with pytest.raises(OutputError, match="cannot be written"):
        check_free(tmp_path / "notes.txt" / "below")


def write(path, text, error=None):
    with result_file(path) as beside:
        beside.write_text(text)
        if error is not None:
            raise error


def test_a_file_appears_when_it_is_whole_with_its_folders(tmp_path):
    with result_file(tmp_path / "deep" / "rows.csv") as beside:
        beside.write_text("a")
        assert (beside.parent, beside.suffix) == (tmp_path / "deep", ".csv")
        assert not (tmp_path / "deep" / "rows.csv").exists()
    assert names(tmp_path / "deep") == ["rows.csv"]


@pytest.mark.parametrize("error", [ReadError("no"), KeyboardInterrupt(), OSError(28, "No space left")])
def test_an_error_leaves_no_file_nor_folder_and_the_earlier_one(tmp_path, error):
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write(tmp_path / "deep" / "rows.csv", "a", error)
    assert names(tmp_path) == []
    write(tmp_path / "rows.csv", "earlier")
    with pytest.raises(expected):
        write(tmp_path / "rows.csv", "later", error)
    assert (tmp_path / "rows.csv").read_text() == "earlier"
    assert names(tmp_path) == ["rows.csv"]


def test_a_file_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "taken").touch()
    check_file(tmp_path / "deep" / "rows.csv")
    with pytest.raises(OutputError, match="found a folder"):
        check_file(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        check_file(tmp_path / "taken" / "rows.csv")
