"""The whole way of `canalis agreement`: readings to coefficients, limits, tables and figures."""

import hashlib
from functools import partial
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from canalis.cohort.document import write_document
from canalis.cohort.figures import COLOURS, MOST_POINTS, save_figure
from canalis.cohort.imaging import read_imaging
from canalis.cohort.kappa import kappas
from canalis.cohort.limits import limits_of_agreement
from canalis.cohort.methods import versions
from canalis.cohort.output import check_free, dump, results_folder, run_json, write_tables
from canalis.cohort.page import write_page
from canalis.cohort.readings import Readings, read_readings
from canalis.cohort.reliability import intraclass_correlations
from canalis.cohort.result import Result
from canalis.cohort.result_tables import RESULT_HEADERS, result_row
from canalis.cohort.tables import Table
from canalis.cohort.wording import interval, number, share

SCHEMA: Final = "canalis.agreement/1"
TITLE: Final = "Agreement between readers"
PARTS: Final = ("lower_limit", "bias", "upper_limit")


def run_agreement(
    readers: Path, out: Path, *, imaging: Path | None = None, overwrite: bool = False
) -> list[str]:
    """Compare readers, write the results, and return the findings.

    Parameters
    ----------
    readers : Path
        Table of readings, as `canalis.cohort.readings.read_readings` takes it.
    out : Path
        Folder for the results.
    imaging : Path, optional
        Output folder of `canalis batch`: the program becomes one more reader.
    overwrite : bool
        Replace earlier results.

    Raises
    ------
    CohortError
        If the table cannot be compared as it stands.
    OutputError
        If the folder cannot be written.
    """
    check_free(out, overwrite=overwrite)
    begun = perf_counter()
    measures = read_readings(readers, imaging=None if imaging is None else read_imaging(imaging))
    results = [(readings, compare_readings(readings)) for readings in measures]
    findings = [sentence for readings, made in results for sentence in _findings(readings, made)]
    sha256 = hashlib.sha256(readers.read_bytes()).hexdigest()
    with results_folder(out, overwrite=overwrite) as folder:
        _write(folder, results, findings)
        run = run_json("agreement", sha256, perf_counter() - begun, [])
        (folder / "run.json").write_text(dump(run), encoding="utf-8")
    return findings


def compare_readings(readings: Readings) -> list[Result]:
    """Return every coefficient of one measure.

    Parameters
    ----------
    readings : Readings
        Numbers give intraclass correlations and limits of agreement, words give kappas.
    """
    if not readings.numeric:
        return kappas(readings)
    made = intraclass_correlations(readings)
    for one, other in combinations(readings.table.columns, 2):
        made += limits_of_agreement(readings, str(one), str(other))
    return made


def _findings(readings: Readings, results: list[Result]) -> list[str]:
    by_id = {result.id: result for result in results}
    words = readings.measure.replace("_", " ")
    told = []
    icc = by_id.get(f"{readings.measure}.icc_a1")
    if icc is not None and icc.estimate is not None:
        bounds = interval(icc.ci_low, icc.ci_high, 3, as_share=True)
        told.append(f"{words}: ICC(A,1) = {share(icc.estimate, 3)} (95 % CI {bounds}), {icc.n} cases.")
    for result in results:
        if result.id.endswith(".bias") and result.estimate is not None:
            stem = result.id.removesuffix(".bias")
            low, high = by_id.get(f"{stem}.lower_limit"), by_id.get(f"{stem}.upper_limit")
            pair = stem.split(".")[-1].replace("_vs_", " minus ")
            if low is not None and high is not None:
                span = interval(low.estimate, high.estimate, 2)
                told.append(
                    f"{words}, {pair}: {number(result.estimate, 2)} {readings.unit} (95 % limits "
                    f"{span}).".replace("  ", " ")
                )
        if ".kappa" in result.id and result.estimate is not None:
            pair = result.id.split(".")[-1].replace("_vs_", " against ")
            pair = "all readers" if pair == "kappa_fleiss" else pair
            bounds = interval(result.ci_low, result.ci_high, 2, as_share=True)
            found = f"{result.method} {share(result.estimate)} (95 % CI {bounds})"
            told.append(f"{words}, {pair}: {found}, {result.n} cases.")
    for result in results:
        if result.estimate is None:
            told.append(f"{result.question} Not known: {result.reasons.get('estimate', '')}.")
    if readings.left_out:
        some = ", ".join(readings.left_out[:20])
        told.append(
            f"{words}: {len(readings.left_out)} cases that a reader did not judge are left out: {some}."
        )
    return told


def _write(folder: Path, results: list[tuple[Readings, list[Result]]], findings: list[str]) -> None:
    content = {
        "schema": SCHEMA,
        "measures": [
            {
                "measure": readings.measure,
                "readers": [str(reader) for reader in readings.table.columns],
                "n": len(readings.table),
                "left_out": list(readings.left_out),
                "kind": "number" if readings.numeric else "ordered words" if readings.order else "words",
            }
            for readings, _ in results
        ],
        "results": [result.to_json() for _, made in results for result in made],
        "findings": findings,
        "methods": METHODS,
        "software": versions(),
    }
    (folder / "agreement.json").write_text(dump(content), encoding="utf-8")
    tables = [_table(readings, made) for readings, made in results]
    write_tables(tables, folder)
    figures = _figures(folder / "figures", results)
    drawn = [(stem.with_suffix(".svg"), caption) for stem, caption in figures]
    write_page(
        folder / "tables.html",
        title=TITLE,
        findings=findings,
        warnings=(),
        tables=tables,
        figures=drawn,
        methods=METHODS,
    )
    png = [(stem.with_suffix(".png"), caption) for stem, caption in figures]
    write_document(
        folder / "tables.docx", title=TITLE, findings=findings, tables=tables, figures=png, methods=METHODS
    )


METHODS: Final = (
    "Numbers: intraclass correlation in McGraw and Wong's forms, named so, with F intervals; Bland and "
    "Altman's bias and 95 % "
    "limits of agreement with their intervals, and the regression of difference on mean. Words: Cohen's "
    "kappa, weighted where "
    "the words have an order, and Fleiss's kappa for more than two readers. Cases that a reader did not "
    "judge are left out."
)


def _table(readings: Readings, results: list[Result]) -> Table:
    key = f"agreement_{''.join(c if c.isalnum() else '_' for c in readings.measure)}"
    readers, n = readings.table.shape[1], len(readings.table)
    title = f"Agreement on {readings.measure.replace('_', ' ')}: {readers} readers, {n} cases"
    notes = tuple(dict.fromkeys(f"{w}." for r in results for w in r.warnings))
    return Table(key, title, RESULT_HEADERS, tuple(result_row(r) for r in results), notes)


def _figures(folder: Path, results: list[tuple[Readings, list[Result]]]) -> list[tuple[Path, str]]:
    folder.mkdir()
    made = []
    for readings, coefficients in results:
        by_id = {result.id: result for result in coefficients}
        words = readings.measure.replace("_", " ")
        for one, other in combinations(map(str, readings.table.columns), 2):
            stem = f"{readings.measure}.bland_altman.{one}_vs_{other}"
            limits = [by_id[f"{stem}.{part}"] for part in PARTS if f"{stem}.{part}" in by_id]
            if len(limits) < len(PARTS):
                continue
            name = "".join(
                c if c.isalnum() else "_" for c in f"bland_altman_{readings.measure}_{one}_{other}"
            )
            save_figure(
                folder / name, (5.0, 3.8), partial(_draw, readings=readings, pair=(one, other), limits=limits)
            )
            told = "bias and 95 % limits of agreement, each with its 95 % interval."
            made.append((folder / name, f"Bland and Altman: {one} minus {other}, {words}; {told}"))
    return made


def _draw(axes: Any, *, readings: Readings, pair: tuple[str, str], limits: list[Result]) -> None:
    one, other = pair
    a, b = (readings.table[reader].to_numpy(dtype=float) for reader in (one, other))
    look = {"color": COLOURS[1], "edgecolor": "black", "lw": 0.4, "rasterized": len(a) > MOST_POINTS}
    axes.scatter((a + b) / 2, a - b, s=20, zorder=3, **look)
    for limit, style, colour in zip(
        limits, ("--", "-", "--"), (COLOURS[2], COLOURS[0], COLOURS[2]), strict=True
    ):
        axes.axhline(limit.estimate, ls=style, color=colour)
        axes.axhspan(limit.ci_low, limit.ci_high, color=colour, alpha=0.15, lw=0)
        axes.annotate(
            number(limit.estimate, 2), (1.01, limit.estimate), xycoords=("axes fraction", "data"), va="center"
        )
    axes.axhline(0, color="grey", lw=0.6)
    unit = f" ({readings.unit})" if readings.unit else ""
    axes.set(xlabel=f"Mean of {one} and {other}{unit}", ylabel=f"{one} − {other}{unit}")
    axes.set_title(f"{readings.measure.replace('_', ' ')}, n = {len(a)}", fontsize=9, loc="left")
