"""What reaches the user of an error that nobody foresaw."""

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
