"""Which commands there are, and how an error reaches the user."""

import functools
import importlib
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from canalis.errors import CanalisError

P = ParamSpec("P")

COMMANDS: dict[str, str] = {
    # command: the module of canalis.cli that holds a function of that name
    "cohort": "cohort",
    "agreement": "agreement",
    "check-paper": "check_paper",
    "compare": "compare",
    "measure": "measure",
    "batch": "batch",
    "phantom": "phantom",
    "demo": "demo",
    "info": "info",
    "train": "train",
    "evaluate": "evaluate",
}

GROUPS: dict[str, str] = {
    # group of commands: the module of canalis.cli that holds its Typer, called `app`
    "cases": "cases",
}


def one_line_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a CanalisError into one line on stderr and exit code 1; anything else is a bug and shows."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CanalisError as error:
            sys.stderr.write("canalis: " + " ".join(str(error).split()) + "\n")
            raise typer.Exit(1) from None

    return run


def register(app: typer.Typer) -> None:
    """Add every command to the program."""
    for name, module in COMMANDS.items():
        function = getattr(importlib.import_module(f"canalis.cli.{module}"), name.replace("-", "_"))
        app.command(name)(one_line_errors(function))
    for name, module in GROUPS.items():
        app.add_typer(importlib.import_module(f"canalis.cli.{module}").app, name=name)
