"""One cell of the table of cases: from text to a checked value."""

import re
from typing import Final

from canalis.cohort.identifiers import holds_identifier
from canalis.cohort.schema import MISSING_WORDS, NO_WORDS, YES_WORDS, Column, normal_word
from canalis.cohort.shown import show_cell
from canalis.errors import CohortError
from canalis.labels import LEVELS

Value = float | str | None

MONTH: Final = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE_LIKE: Final = re.compile(
    r"\d{4}-\d\d-\d\d(T.*)?|\d\d:\d\d(:\d\d)?|\d{1,4}[/.]\d{1,2}[/.]\d{1,4}"
    rf"|\d{{1,2}}[-/. ]?{MONTH}([-/. ]\d+)?|{MONTH}[-/. ]\d+",
    re.IGNORECASE,
)
"""What a spreadsheet makes of "5-7" or "3/4"."""

RANGE_MARK: Final = r"\s*(?:-|–|to|~)\s*"


def read_cell(text: str, column: Column, *, decimal_comma: bool = False) -> Value:
    """Return the value of a cell, or None where it says that the value is not known.

    Parameters
    ----------
    text : str
        The cell, stripped.
    column : Column
        What it should hold.
    decimal_comma : bool
        Read "8,5" as 8.5.

    Returns
    -------
    float, str or None
        Numbers as float; words as the schema's own word.

    Raises
    ------
    CohortError
        If the cell does not fit. The message says what was expected and found, not yet where.

    Examples
    --------
    >>> from canalis.cohort.columns import BY_NAME
    >>> read_cell("Isolated", BY_NAME["opll_type"])
    'localized'
    >>> read_cell("C3-C5", BY_NAME["opll_levels"])
    'C3;C4;C5'
    >>> read_cell("n/a", BY_NAME["age_years"]) is None
    True
    """
    if column.kind == "code":
        return text or None
    if _says_missing(text, column):
        return None
    if column.kind in ("number", "integer"):
        return _read_number(text, column, decimal_comma=decimal_comma)
    if column.kind == "yes/no":
        return _read_yes_no(text, column)
    if column.kind == "choice":
        return _read_choice(text, column)
    if column.kind == "list":
        words = [_read_choice(word, column) for word in re.split(r"[;,|]", text) if word.strip()]
        return ";".join(dict.fromkeys(words))
    if column.kind == "levels":
        return read_levels(text)
    if holds_identifier(text):
        raise CohortError(
            "expected text that names no one, found a date, number or address that could; shorten it"
        )
    return text


def read_levels(text: str) -> str:
    """Return vertebrae written as a range or a list in the form "C3;C4;C5".

    Raises
    ------
    CohortError
        If a level is not one of C1 to T2.

    Examples
    --------
    >>> read_levels("C3-5, C7")
    'C3;C4;C5;C7'
    """
    if DATE_LIKE.fullmatch(text):
        raise CohortError(
            f"expected {_LEVELS_WANTED}, found a date: Excel turned the levels into one; type 'C3-C5'"
        )
    found: list[str] = []
    for piece in re.split(r"[;,|+]", text):
        ends = re.split(RANGE_MARK, piece.strip().upper(), maxsplit=1, flags=re.IGNORECASE)
        names = [end if end[:1] in ("C", "T") else ends[0][:1] + end for end in ends]
        if any(name not in LEVELS for name in names):
            raise CohortError(f"expected {_LEVELS_WANTED}, found {show_cell(text)}")
        first, last = LEVELS.index(names[0]), LEVELS.index(names[-1])
        found += LEVELS[min(first, last) : max(first, last) + 1]
    return ";".join(level for level in LEVELS if level in found)


_LEVELS_WANTED: Final = "vertebrae such as C3-C5 or C3;C5"


def _says_missing(text: str, column: Column) -> bool:
    word = text.lower()
    if word in ("-", "+", ".") and any(word in words for words in column.values.values()):
        return False
    return word in MISSING_WORDS


def _read_number(text: str, column: Column, *, decimal_comma: bool) -> float:
    if DATE_LIKE.fullmatch(text) and not _plain_number(text):
        raise CohortError(
            f"expected {column.expected}, found a date: a spreadsheet turned what was typed into one; "
            "format the column as text or number and type it again"
        )
    plain = text.removesuffix("%").strip() if column.unit == "%" else text
    plain = plain.replace("−", "-")
    if decimal_comma and plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not _plain_number(plain):
        raise CohortError(
            f"expected {column.expected}, found {show_cell(text, number=True)}{_how_to_type(plain)}"
        )
    value = float(plain)
    if column.kind == "integer" and value != round(value):
        raise CohortError(f"expected {column.expected}, found {text}")
    if (column.low is not None and value < column.low) or (column.high is not None and value > column.high):
        raise CohortError(f"expected {column.expected}, found {text}")
    return value


def _how_to_type(text: str) -> str:
    """Tell what to type instead of a number with a decimal comma or with its unit."""
    digits = re.match(r"[-+]?\d+([.,]\d+)?", text)
    if digits is None:
        return ""
    rest, number = text[digits.end() :].strip(), digits[0].replace(",", ".")
    if not rest:
        thousands = re.fullmatch(r"[-+]?\d+,\d{3}", text) is not None
        return "; type it without a comma" if thousands else f"; type {number}, with a point"
    return "; type the number alone, in the column's unit" if rest.isalpha() or rest == "%" else ""


def _plain_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?", text) is not None


def _read_yes_no(text: str, column: Column) -> str:
    word = normal_word(text) or text
    if word in YES_WORDS:
        return "yes"
    if word in NO_WORDS:
        return "no"
    raise CohortError(f"expected {column.expected}, found {show_cell(text)}")


def _read_choice(text: str, column: Column) -> str:
    word = normal_word(text)
    for value, synonyms in column.values.items():
        if (
            word == normal_word(value)
            or text.strip() in synonyms
            or (word and word in map(normal_word, synonyms))
        ):
            return value
    raise CohortError(f"expected {column.expected}, found {show_cell(text)}")
