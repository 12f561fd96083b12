"""``docs/cli.md`` from the commands' own help: ``python -m canalis.cli.reference > docs/cli.md``."""

import sys
from collections.abc import Iterator
from typing import Any

import typer.main
from typer.testing import CliRunner

from canalis.cli import app

WIDTH = 100  # columns, whatever the terminal's
HEADING = """# Commands

Produced from `--help` by `python -m canalis.cli.reference > docs/cli.md`; a test fails when it differs.
"""


def make_reference() -> str:
    """Return the text of ``docs/cli.md``."""
    sections = [HEADING]
    for words in _commands(typer.main.get_command(app), ()):
        ran = CliRunner().invoke(app, [*words, "--help"], prog_name="canalis", terminal_width=WIDTH)
        text = "\n".join(line.rstrip() for line in ran.stdout.strip().splitlines())
        sections.append(f"## `{' '.join(('canalis', *words))}`\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Give each command and group, as the words that call it."""
    yield words
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(inner, (*words, name))


if __name__ == "__main__":
    sys.stdout.write(make_reference())
