"""What a column of the table of cases is: its type, unit, range and allowed values.

The columns themselves are listed in `canalis.cohort.columns`.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final, Literal

SCHEMA: Final = "canalis.cases/1"
"""Version of the table's columns. A renamed or removed column needs a new number."""

Kind = Literal["code", "number", "integer", "yes/no", "choice", "list", "levels", "text"]

MISSING_WORDS: Final = frozenset(
    {
        "",
        "na",
        "n/a",
        "nan",
        "null",
        "none recorded",
        ".",
        "-",
        "–",
        "—",
        "missing",
        "unknown",
        "not known",
        "?",
    }
)
"""Cells that mean "not known", in lower case."""

YES_WORDS: Final = frozenset({"yes", "y", "true", "1", "present", "positive", "+", "checked"})
NO_WORDS: Final = frozenset({"no", "n", "false", "0", "absent", "negative", "none", "unchecked"})


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of the table of cases.

    Attributes
    ----------
    name : str
        The header.
    kind : str
        "code" (the case id), "number", "integer", "yes/no", "choice" (one word of a list), "list" (several
        words of a list), "levels" (vertebrae) or "text".
    about : str
        What to fill in, for the template.
    unit : str
        Empty for none.
    low, high : float or None
        The least and the greatest value allowed.
    values : dict of str to tuple of str
        Allowed words of a choice or list, each with other words that mean the same.
    aliases : tuple of str
        Other headers that mean this column.
    baseline : bool
        Known before the operation: compared between groups for balance.
    grouping : bool
        Compared between its groups for improvement.
    """

    name: str
    kind: Kind
    about: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    baseline: bool = False
    grouping: bool = False

    @property
    def expected(self) -> str:
        """What a cell of this column holds, in words for a message."""
        if self.kind in ("number", "integer"):
            span = (
                f" from {self.low:g} to {self.high:g}"
                if self.low is not None and self.high is not None
                else ""
            )
            return (
                ("a whole number" if self.kind == "integer" else "a number")
                + span
                + (f" {self.unit}" if self.unit else "")
            )
        if self.kind == "yes/no":
            return "yes or no"
        if self.kind == "choice":
            return "one of " + ", ".join(self.values)
        if self.kind == "list":
            return "any of " + ", ".join(self.values) + ", apart by ;"
        if self.kind == "levels":
            return "vertebrae such as C3-C5 or C3;C5"
        return "a code without spaces" if self.kind == "code" else "text"


def normal_header(header: str) -> str:
    """Return a header in the form that columns are compared by.

    Parameters
    ----------
    header : str
        As written in the file.

    Returns
    -------
    str
        Lower case, with every run of other signs than letters and digits as one underscore.

    Examples
    --------
    >>> normal_header(" Pre-operative JOA ")
    'pre_operative_joa'
    """
    text = unicodedata.normalize("NFKC", header).strip().lower()
    return re.sub(r"[^\w]+", "_", text).strip("_")


def normal_word(word: str) -> str:
    """Return a word of a choice as it is compared: lower case, single spaces, no full stop at the end.

    Examples
    --------
    >>> normal_word("  Motor-vehicle  ACCIDENT ")
    'motor vehicle accident'
    """
    text = unicodedata.normalize("NFKC", word).strip().lower()
    return re.sub(r"[\s_\-]+", " ", text).rstrip(".").strip()
