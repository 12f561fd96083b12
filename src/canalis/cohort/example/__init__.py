"""The cohort that the program shows itself with: the 27 patients of Liu and Kong."""

from dataclasses import replace
from importlib.resources import as_file, files
from typing import Final

from canalis.cohort.cases import Cohort, read_cases

SOURCE: Final = (
    "Liu Y, Kong J. Deep learning algorithm based on analyzing the effect of posterior cervical vertebral "
    "canal "
    "decompression angioplasty in the treatment of ossification of posterior longitudinal ligament of "
    "cervical spine "
    "by CT image. Pak J Med Sci 2021;37(6):1630-1635. PMC8520361"
)
TITLE: Final = "27 patients with OPLL and cervical hyperextension injury (Liu and Kong 2021)"

UNRELATED: Final = frozenset({frozenset(("approach", "stenosis_rate_percent"))})
"""The approach was solved from group totals only up to patients with the same scores, so it must not be
related to the stenosis case by case."""


def example_cohort() -> Cohort:
    """Return the example: the table's facts, and which columns must not be related."""
    with as_file(files(__name__) / "liu_kong_2021.csv") as path:
        cohort = read_cases(path)
    notes = (
        f"Example data: {SOURCE}.",
        "Case 15 is not printed in the paper: it follows from the totals of its tables I to III.",
        "Approach and violence of each case follow from the groups' printed means and SDs. Cases with the "
        "same two scores "
        "are interchangeable between approaches, so approach and stenosis are not related case by case.",
    )
    return replace(cohort, unrelated=UNRELATED, warnings=(*cohort.warnings, *notes))
