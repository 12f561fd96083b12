"""Which commands there are, and how an error reaches the user."""

import functools
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, ParamSpec, get_type_hints

import typer
from typer.models import ParameterInfo

from canalis.errors import CanalisError, ReadError

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
    _leave_files_to_us(command)

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _refuse_unreadable(kwargs)
            command(*args, **kwargs)
        except CanalisError as error:
            sys.stderr.write("canalis: " + " ".join(str(error).split()) + "\n")
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except PermissionError as error:
            sys.stderr.write(
                "canalis: Expected files that may be read and written, found one that may not"
                f"{_place(error)}. Change the permissions of what was named, or copy it.\n"
            )
            raise typer.Exit(1) from None
        except Exception as error:
            if os.environ.get("CANALIS_TRACEBACK"):
                raise
            sys.stderr.write(f"canalis: {unexpected(error)}\n")
            raise typer.Exit(1) from None

    return run


def _leave_files_to_us(command: Callable[..., None]) -> None:
    """Take away typer's own look at whether paths can be read: it ends with exit code 2, wrong usage."""
    for hint in get_type_hints(command, include_extras=True).values():
        for told in getattr(hint, "__metadata__", ()):
            if isinstance(told, ParameterInfo):
                told.readable = False


def _refuse_unreadable(given: Mapping[str, object]) -> None:
    """Refuse a file or folder that is there but may not be read."""
    for path in given.values():
        if not isinstance(path, Path) or not path.exists():
            continue
        if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
            raise ReadError(
                f"Expected {path} to be readable, found no permission. Change its permissions, or copy it."
            )


def unexpected(error: Exception) -> str:
    """Return in one line what kind of error came up and where in canalis, without its own words."""
    place = _place(error)
    return (
        f"An error that canalis does not know, {type(error).__name__}{place}. This is a bug: please report "
        "this line. Set CANALIS_TRACEBACK=1 to see more; that may show what the input's header says."
    )


def _place(error: Exception) -> str:
    """Return where in canalis an error came up, for the end of a clause."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if PACKAGE in Path(frame.filename).parents]
    return f" at {Path(own[-1].filename).relative_to(PACKAGE)}:{own[-1].lineno}" if own else ""


def register(app: typer.Typer) -> None:
    """Add every command to the program."""
    for name, module in COMMANDS.items():
        function = getattr(importlib.import_module(f"canalis.cli.{module}"), name.replace("-", "_"))
        app.command(name)(one_line_errors(function))
    for name, module in GROUPS.items():
        app.add_typer(importlib.import_module(f"canalis.cli.{module}").app, name=name)
