"""What of a table a message may repeat: never what could be a patient's name."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from canalis.cohort.columns import COLUMNS, find_column
from canalis.cohort.identifiers import holds_identifier
from canalis.cohort.schema import MISSING_WORDS, NO_WORDS, YES_WORDS, normal_word

UNITS: Final = "mm|cm|deg|degrees?|percent|points?|pts|years?|yrs?|months?|days?|hours?|min|ml|inf|nan"
NUMBER_LIKE: Final = re.compile(
    rf"(?=.*\d)[\d\s.,:;/%+<>=~()°'\-−–]*(?:{UNITS})?\.?|[+\-−]?(?:inf|nan)", re.I
)
LEVEL_LIKE: Final = re.compile(r"[CT]\d{1,2}(?:\s*(?:[-–~;,|+]|to)\s*[CT]?\d{1,2})*", re.I)


def show_cell(text: str, *, number: bool = False) -> str:
    """Return a cell for a message: its content where that cannot be a name, else what kind it is.

    Parameters
    ----------
    text : str
        The cell.
    number : bool
        A number was expected.

    Examples
    --------
    >>> show_cell("8,5"), show_cell("segmented"), show_cell("C3-C9")
    ("'8,5'", "'segmented'", "'C3-C9'")
    >>> show_cell("Doe Jane"), show_cell("Doe Jane", number=True)
    ('text', 'words that are no number')
    """
    plain = text.strip()
    harmless = (
        NUMBER_LIKE.fullmatch(plain) or LEVEL_LIKE.fullmatch(plain) or normal_word(plain) in _known_words()
    )
    if harmless and not holds_identifier(plain):
        return f"'{text}'"
    return "words that are no number" if number and re.search(r"[^\W\d_]", plain) else "text"


def show_headers(headers: Iterable[str]) -> str:
    """Return headers for a message: those that are columns of the schema, and how many others.

    A table without a header row has a patient where its headers should be.

    Examples
    --------
    >>> show_headers(["age", "Doe Jane", "55"])
    'age and 2 others that are no columns of the schema'
    """
    listed = list(headers)
    known = [header for header in listed if find_column(header)]
    others = len(listed) - len(known)
    if not others:
        return ", ".join(known)
    rest = f"{others} other{'s' if others > 1 else ''}" if known else f"{others} header{'s'[: others - 1]}"
    none = "are no columns" if others > 1 else "is no column"
    return f"{', '.join(known)}{' and ' if known else ''}{rest} that {none} of the schema"


@cache
def _known_words() -> frozenset[str]:
    words = {*MISSING_WORDS, *YES_WORDS, *NO_WORDS}
    for column in COLUMNS:
        for value, synonyms in column.values.items():
            words |= {value, *synonyms}
    return frozenset(map(normal_word, words))
