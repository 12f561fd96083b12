"""Numbers as a journal prints them. Rounding happens here and nowhere earlier."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

MISSING: Final = "n/a"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number to so many digits, with a true minus sign; halves are rounded away from zero.

    Examples
    --------
    >>> number(-1.005, 2), number(2.675, 2), number(None)
    ('−1.01', '2.68', 'n/a')
    >>> number(-0.001, 2)
    '0.00'
    """
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    text = f"{rounded:f}"
    return "−" + text[1:] if text.startswith("-") and rounded != 0 else text.removeprefix("-")


def share(value: float | None, digits: int = 2) -> str:
    """Return a number that cannot exceed 1, such as r, without its leading zero.

    Examples
    --------
    >>> share(-0.148), share(0.762), share(1.0)
    ('−.15', '.76', '1.00')
    """
    text = number(value, digits)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "−0.")) else text


def p_value(p: float | None) -> str:
    """Return "p = .39" as a journal prints it: two digits, three below .1, never zero.

    Examples
    --------
    >>> p_value(0.388), p_value(0.0195), p_value(1.5e-12), p_value(0.99999), p_value(None)
    ('p = .39', 'p = .020', 'p < .001', 'p > .99', 'p n/a')
    """
    bare = p_bare(p)
    return f"p {bare}" if bare[0] in "<>n" else f"p = {bare}"


def p_bare(p: float | None) -> str:
    """Return a p value for a table's cell.

    Examples
    --------
    >>> p_bare(0.0195), p_bare(1e-6)
    ('.020', '< .001')
    """
    if p is None:
        return MISSING
    if p < 0.001:
        return "< .001"
    if p > 0.99:
        return "> .99"
    return share(p, 3 if p < 0.1 else 2)


def interval(low: float | None, high: float | None, digits: int = 2, *, as_share: bool = False) -> str:
    """Return an interval: "−7.6 to 18.6".

    Examples
    --------
    >>> interval(-7.63, 18.6, 1)
    '−7.6 to 18.6'
    """
    if low is None or high is None:
        return MISSING
    word = share if as_share else number
    return f"{word(low, digits)} to {word(high, digits)}"


def mean_sd(mean: float | None, sd: float | None, digits: int = 2) -> str:
    """Return "8.26 ± 4.19"."""
    if mean is None:
        return MISSING
    return number(mean, digits) + (f" ± {number(sd, digits)}" if sd is not None and math.isfinite(sd) else "")


def column_words(column: str) -> str:
    """Return the name of a table's column as a sentence has it, without its unit.

    Examples
    --------
    >>> column_words("preoperative_joa"), column_words("stenosis_rate_percent"), column_words("mcid_reached")
    ('preoperative JOA', 'stenosis rate', 'MCID reached')
    """
    words = column.removesuffix("_percent").replace("_", " ")
    for name in ("joa", "mcid", "opll"):
        words = re.sub(rf"\b{name}\b", name.upper(), words, flags=re.IGNORECASE)
    return words


def listed(words: list[str]) -> str:
    """Return words as a sentence lists them.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""
