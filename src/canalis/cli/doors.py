"""Which commands there are, and how an error reaches the user."""

import functools
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec

import typer

from canalis.errors import CanalisError

P = ParamSpec("P")
PACKAGE: Final = Path(__file__).parents[1]

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
    """Turn any error into one line on stderr and exit code 1.

    Of an error that is no :class:`canalis.errors.CanalisError` only its type and place are told: its own
    words may quote a header. With CANALIS_TRACEBACK set it shows as Python shows it.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CanalisError as error:
            sys.stderr.write("canalis: " + " ".join(str(error).split()) + "\n")
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get("CANALIS_TRACEBACK"):
                raise
            sys.stderr.write(f"canalis: {unexpected(error)}\n")
            raise typer.Exit(1) from None

    return run


def unexpected(error: Exception) -> str:
    """Return in one line what kind of error came up and where in canalis, without its own words."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if PACKAGE in Path(frame.filename).parents]
    place = f" at {Path(own[-1].filename).relative_to(PACKAGE)}:{own[-1].lineno}" if own else ""
    return (
        f"An error that canalis does not know, {type(error).__name__}{place}. This is a bug: please report "
        "this line. Set CANALIS_TRACEBACK=1 to see more; that may show what the input's header says."
    )


def register(app: typer.Typer) -> None:
    """Add every command to the program."""
    for name, module in COMMANDS.items():
        function = getattr(importlib.import_module(f"canalis.cli.{module}"), name.replace("-", "_"))
        app.command(name)(one_line_errors(function))
    for name, module in GROUPS.items():
        app.add_typer(importlib.import_module(f"canalis.cli.{module}").app, name=name)
