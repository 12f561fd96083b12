"""What reaches the user of an error that nobody foresaw."""

import os
from pathlib import Path

import pytest
import typer

from canalis.cli.doors import one_line_errors
from canalis.errors import ReadError


def failing(error):
    @one_line_errors
    def command():
        raise error

    return command


def test_an_unforeseen_error_is_one_line_without_its_own_words(capsys):
    with pytest.raises(typer.Exit) as ended:
        failing(ValueError("Unable to convert '19470312' of Mustermann"))()
    assert ended.value.exit_code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ValueError" in said
    assert "bug" in said
    assert "1947" not in said
    assert "Mustermann" not in said


def test_it_shows_whole_to_who_asks(monkeypatch):
    monkeypatch.setenv("CANALIS_TRACEBACK", "1")
    with pytest.raises(ValueError, match="whole"):
        failing(ValueError("whole"))()


def test_a_foreseen_error_keeps_its_words_and_wrong_usage_its_code(capsys):
    with pytest.raises(typer.Exit):
        failing(ReadError("Expected a CT, found none."))()
    assert capsys.readouterr().err == "canalis: Expected a CT, found none.\n"
    with pytest.raises(typer.BadParameter):
        failing(typer.BadParameter("wrong"))()


def test_a_file_without_permission_is_no_bug_and_is_not_named(capsys):
    with pytest.raises(typer.Exit) as ended:
        failing(PermissionError(13, "Permission denied", "Mustermann.csv"))()
    assert ended.value.exit_code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "may be read and written" in said
    assert "Mustermann" not in said


READERS = [
    ["measure", "INPUT", "--out", "out"],
    ["measure", ".", "--segmentation", "INPUT", "--out", "out"],
    ["batch", "INPUT", "--out", "out"],
    ["evaluate", "INPUT", "."],
    ["evaluate", ".", "INPUT"],
    ["compare", "INPUT", ".", "--out", "out"],
    ["phantom", "--seed", "1", "--into", "INPUT", "--out", "out"],
    ["cohort", "INPUT", "--out", "out"],
    ["cohort", "--example", "--imaging", "INPUT", "--out", "out"],
    ["agreement", "INPUT", "--out", "out"],
    ["check-paper", "INPUT", "--out", "out"],
    ["cases", "import", "INPUT"],
    ["train", "INPUT"],
]


@pytest.mark.parametrize("kind", ["folder", "file"])
@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_an_input_without_permission_is_exit_code_1_in_one_line(run, tmp_path, monkeypatch, kind, words):
    monkeypatch.chdir(tmp_path)
    locked = tmp_path / "locked"
    locked.mkdir() if kind == "folder" else locked.touch()
    may = os.access  # root may read all: what the system would say of another user is put in its place
    monkeypatch.setattr(os, "access", lambda path, mode, **k: Path(path) != locked and may(path, mode, **k))
    ran = run(*[locked if word == "INPUT" else word for word in words])
    assert ran.exit_code == 1
    assert ran.stderr.startswith(f"canalis: Expected {locked} to be readable, found no permission. ")
    assert ran.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["locked"]
