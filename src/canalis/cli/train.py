"""`canalis train`: teach the networks, on cases that it makes."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from canalis.errors import MissingExtraError


def train(
    config: Annotated[Path, typer.Argument(help="TOML file: what to train, for how long, on which cases.")],
    make_cases: Annotated[
        bool, typer.Option("--make-cases", help="Fill the cache of cases instead, beside a run or before it.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the model and its card of the run's last checkpoint here instead."),
    ] = None,
) -> None:
    """Train a network; a run that was stopped is taken up. Needs the `train` extra."""
    if find_spec("torch") is None:
        raise MissingExtraError(
            "Training needs torch, which is not installed. Run pip install 'canalis[train]'."
        )
    from canalis.train import run

    tell = typer.echo
    if make_cases:
        run.make_cases(config, tell=tell)
    elif export is not None:
        run.export(config, export, tell=tell)
    else:
        run.train(config, tell=tell)
