"""`canalis evaluate`: how far results are from the truth."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Folder of a result, or of such folders.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="Its truth, or folders of the same names.")],
    out: Annotated[Path | None, typer.Option(metavar="CSV", help="Write a row a case here.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw all cases here.")] = None,
) -> None:
    """Compare results with the truth: overlap, surfaces, canal AP and level names."""
    from canalis.evaluate import count_unmatched, draw_evaluations, evaluate_folders, write_csv
    from canalis.evaluate.picture import PICTURES
    from canalis.result_folder import check_file

    if plot is not None and plot.suffix.lower() not in PICTURES:
        raise typer.BadParameter(f"Expected --plot to end in {', '.join(PICTURES)}, found {plot.name}.")
    for wanted in filter(None, (out, plot)):
        check_file(wanted)
    rows = evaluate_folders(result, truth)
    for row in rows:
        dice, surface, far = row.canal.dice, row.canal.surface_dice, row.canal.hausdorff_95_mm
        typer.echo(
            f"{row.case}: canal Dice {_shown(dice, 3)}, surface Dice at 1 mm {_shown(surface, 3)}, "
            f"95 % Hausdorff {_shown(far, 2)} mm; ossification Dice {_shown(row.ossification.dice, 3)}; "
            f"canal AP bias {_shown(row.canal_ap_bias_mm, 2)}, error {_shown(row.canal_ap_error_mm, 2)} mm "
            f"on {row.planes} planes; levels wrong {row.levels_wrong}, missing {row.levels_missing}"
        )
    no_truth, no_result = count_unmatched(result, truth)
    if no_truth or no_result:
        sys.stderr.write(
            f"canalis: Left out: {no_truth} results without a truth of their name, {no_result} truths "
            "without a result.\n"
        )
    if out is not None:
        write_csv(out, rows)
    if plot is not None:
        draw_evaluations(plot, rows)


def _shown(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"
