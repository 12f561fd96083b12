"""The whole way of `canalis cohort`: read, join, analyse, write."""

from pathlib import Path

from canalis.cohort.analysis import analyse
from canalis.cohort.cases import MISSING_POLICIES, MissingPolicy, read_cases
from canalis.cohort.example import TITLE, example_cohort
from canalis.cohort.findings import write_findings
from canalis.cohort.imaging import join_imaging, read_imaging
from canalis.cohort.output import check_free, write_analysis
from canalis.errors import CohortError


def run_cohort(
    cases: Path | None,
    out: Path,
    *,
    imaging: Path | None = None,
    scale: str | None = None,
    missing: str | None = None,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Analyse a table of cases, write the results, and return the findings.

    Parameters
    ----------
    cases : Path or None
        The table; None for the example.
    out : Path
        Folder for the results.
    imaging : Path, optional
        Output folder of `canalis batch`.
    scale, missing : str, optional
        As in `canalis.cohort.cases.read_cases`.
    overwrite : bool
        Replace earlier results.

    Raises
    ------
    CohortError
        If the table cannot be analysed as it stands.
    OutputError
        If the folder cannot be written.
    """
    check_free(out, overwrite=overwrite)
    title = TITLE if cases is None else "Surgical outcome"
    cohort = example_cohort() if cases is None else read_cases(cases, scale=scale, missing=_policy(missing))
    if imaging is not None:
        cohort = join_imaging(cohort, read_imaging(imaging))
    analysis = analyse(cohort)
    write_analysis(analysis, out, title=title, overwrite=overwrite)
    return (*write_findings(analysis), *cohort.warnings)


def _policy(name: str | None) -> MissingPolicy | None:
    if name is None:
        return None
    for policy in ("available", "complete", "refuse"):
        if name == policy:
            return policy
    raise CohortError(
        f"Expected a policy of {', '.join(MISSING_POLICIES)}, found '{name}'. Name one with --missing."
    )
