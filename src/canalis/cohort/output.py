"""Writing an analysis to its folder: beside it first, moved into place at the end."""

import contextlib
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from canalis.cohort.analysis import Analysis
from canalis.cohort.document import write_document
from canalis.cohort.figures import write_figures
from canalis.cohort.findings import write_findings
from canalis.cohort.methods import versions, write_methods
from canalis.cohort.page import write_page
from canalis.cohort.result_tables import all_tables
from canalis.cohort.sheet import write_csv
from canalis.cohort.tables import Table
from canalis.errors import OutputError

SCHEMA: Final = "canalis.statistics/1"
RUN_SCHEMA: Final = "canalis.run/1"


@contextlib.contextmanager
def results_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write into, which becomes `out` when all is written.

    Parameters
    ----------
    out : Path
        The folder wanted.
    overwrite : bool
        Replace results that are there.

    Raises
    ------
    OutputError
        If `out` holds something else than results, holds results and `overwrite` is False, or cannot
        be written.
    """
    check_free(out, overwrite=overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise OutputError(
            f"Expected a folder that can be written at {out}, found: {error.strerror}. Choose another --out."
        ) from None
    try:
        yield partial
        partial.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        os.replace(partial, out)
    except OSError as error:
        raise OutputError(
            f"Expected to write {out}, found: {error.strerror}. Free some space, or choose another --out."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_free(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that results must not be written to.

    Parameters
    ----------
    out : Path
        The folder wanted.
    overwrite : bool
        Replace results that are there.

    Raises
    ------
    OutputError
        If it is a file, holds something else than results, or holds results and `overwrite` is False.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"Expected a folder at {out}, found a file. Choose another --out.")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / "run.json").is_file():
        raise OutputError(
            f"Expected an empty folder or earlier results at {out}, found other files. Choose another --out."
        )
    if not overwrite:
        raise OutputError(
            f"Expected no results yet in {out}, found some. Add --overwrite to replace them, or choose "
            f"another --out."
        )


def write_analysis(analysis: Analysis, out: Path, *, title: str, overwrite: bool = False) -> None:
    """Write statistics.json, tables, figures and methods.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    out : Path
        Folder.
    title : str
        Heading of the tables.
    overwrite : bool
        Replace results that are there.
    """
    begun = perf_counter()
    findings, methods = write_findings(analysis), write_methods(analysis)
    tables = all_tables(analysis)
    with results_folder(out, overwrite=overwrite) as folder:
        (folder / "statistics.json").write_text(
            dump(statistics_json(analysis, findings, methods)), encoding="utf-8"
        )
        (folder / "methods.txt").write_text(methods + "\n", encoding="utf-8")
        write_tables(tables, folder)
        (folder / "cases_analysed.csv").write_text(_cases_csv(analysis), encoding="utf-8")
        figures = write_figures(analysis, folder / "figures")
        drawn = [(folder / "figures" / f"{name}.svg", caption) for name, caption in figures]
        write_page(
            folder / "tables.html",
            title=title,
            findings=findings,
            warnings=analysis.cohort.warnings,
            tables=tables,
            figures=drawn,
            methods=methods,
        )
        png = [(svg.with_suffix(".png"), caption) for svg, caption in drawn]
        write_document(
            folder / "tables.docx",
            title=title,
            findings=findings,
            tables=tables,
            figures=png,
            methods=methods,
        )
        run = run_json("cohort", analysis.cohort.sha256, perf_counter() - begun, [*analysis.cohort.warnings])
        (folder / "run.json").write_text(dump(run), encoding="utf-8")


def statistics_json(analysis: Analysis, findings: tuple[str, ...], methods: str) -> dict[str, Any]:
    """Return the content of ``statistics.json``.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    findings : tuple of str
        Sentences.
    methods : str
        The methods paragraph.
    """
    cohort = analysis.cohort
    return {
        "schema": SCHEMA,
        "n": len(cohort.frame),
        "n_read": cohort.n_read,
        "missing": cohort.missing,
        "missing_policy": cohort.policy,
        "scale": cohort.scale.name,
        "results": [result.to_json() for result in analysis.results],
        "findings": list(findings),
        "multiplicity": list(analysis.multiplicity),
        "warnings": [*cohort.warnings, *analysis.warnings],
        "methods": methods,
        "software": versions(),
    }


def write_tables(tables: list[Table], folder: Path) -> None:
    """Write the CSV of each table.

    Parameters
    ----------
    tables : list of Table
        Any.
    folder : Path
        Where.
    """
    for table in tables:
        headers, rows = table.csv or (table.headers, table.rows)
        (folder / f"{table.key}.csv").write_text(write_csv(headers, rows), encoding="utf-8")


def _cases_csv(analysis: Analysis) -> str:
    frame = analysis.cohort.frame.drop(columns=["row"])
    rows = [["" if v is None or v != v else _plain(v) for v in row] for row in frame.itertuples(index=False)]
    return write_csv([str(c) for c in frame.columns], rows)


def _plain(value: object) -> str:
    return repr(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def run_json(command: str, sha256: str, seconds: float, warnings: list[str]) -> dict[str, Any]:
    """Return the content of ``run.json``.

    Parameters
    ----------
    command : str
        Without paths.
    sha256 : str
        Of the input.
    seconds : float
        Spent writing.
    warnings : list of str
        About the input.
    """
    unit = 1024**2 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes on macOS, kilobytes on Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {
        "schema": RUN_SCHEMA,
        "version": versions()["canalis"],
        "command": command,
        "models": {},
        "inference": None,
        "seconds": {"write": round(seconds, 3)},
        "peak_rss_mb": round(peak, 1),
        "input": {"sha256": sha256},
        "software": versions(),
        "warnings": warnings,
    }


def dump(content: dict[str, Any]) -> str:
    """Return JSON text; NaN is an error, not a number."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
