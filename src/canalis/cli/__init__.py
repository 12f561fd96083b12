"""The command line: a thin door. Each module here holds the commands of one stage."""

import typer

from canalis.cli import doors

app = typer.Typer(
    name="canalis",
    help="Measure the cervical spinal canal and its ossification on CT, and the outcome of surgery.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
doors.register(app)


def main() -> None:
    """Run the command line."""
    app()
