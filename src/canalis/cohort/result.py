"""One result of an analysis: an estimate that never travels without its interval, n, method and doubts."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

CI_LEVEL: Final = 0.95
ALPHA: Final = 0.05

NUMBERS: Final = ("estimate", "ci_low", "ci_high", "statistic", "df", "p")
"""Fields that are null with a reason where they are missing."""


@dataclass(frozen=True, slots=True)
class EffectSize:
    """How large an effect is, apart from how sure."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Companion:
    """The non-parametric test beside a parametric one."""

    method: str
    statistic: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One answer.

    Attributes
    ----------
    id : str
        What other programs find it by.
    question, method : str
        In words.
    estimate : float or None
        In `unit`.
    ci_low, ci_high : float or None
        At `ci_level`.
    statistic, df, p : float or None
        Of the test named by `method`; two-sided.
    n : int
        Cases used.
    effect_size : EffectSize
        Beside every p.
    companion : Companion or None
        The non-parametric test.
    assumptions, warnings : tuple of str
        What was looked at, and what to doubt.
    reasons : dict of str to str
        Why a number is None, by field.
    statistic_name : str
        "t", "F", "z", ….
    df_numerator : float or None
        First degrees of freedom of an F.
    p_adjusted, p_adjustment : float, str or None
        p corrected for the comparisons named.
    groups : dict
        n, mean and SD of each group compared.
    outcome : str
        Column that was the outcome, for tables and figures.
    """

    id: str
    question: str
    method: str
    estimate: float | None
    unit: str
    n: int
    effect_size: EffectSize
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float = CI_LEVEL
    statistic: float | None = None
    df: float | None = None
    p: float | None = None
    companion: Companion | None = None
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)
    statistic_name: str = ""
    df_numerator: float | None = None
    p_adjusted: float | None = None
    p_adjustment: str | None = None
    groups: dict[str, dict[str, float | int | None]] = field(default_factory=dict)
    outcome: str = ""

    def __post_init__(self) -> None:
        """Refuse NaN and infinity: they are bugs here, missing is None."""
        for name in (*NUMBERS, "p_adjusted", "df_numerator"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{self.id}: {name} is {value}; a missing number is None with a reason.")

    def warn(self, *warnings: str) -> "Result":
        """Return the result with further warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def to_json(self) -> dict[str, Any]:
        """Return the fields of ``statistics.json``, every missing number with its reason."""
        absent = {name: "not defined for this method" for name in NUMBERS if getattr(self, name) is None}
        fields: dict[str, Any] = {
            name: getattr(self, name) for name in ("id", "question", "method", "estimate", "unit")
        }
        fields |= {
            name: getattr(self, name)
            for name in ("ci_low", "ci_high", "ci_level", "statistic", "df", "p", "n")
        }
        fields["effect_size"] = {"name": self.effect_size.name, "value": finite(self.effect_size.value)}
        fields["companion"] = self.companion and {
            "method": self.companion.method,
            "statistic": finite(self.companion.statistic),
            "p": finite(self.companion.p),
        }
        fields |= {"assumptions": list(self.assumptions), "warnings": list(self.warnings)}
        fields |= {
            "reasons": absent | {k: v for k, v in self.reasons.items() if k in absent or k not in NUMBERS}
        }
        fields |= {
            "statistic_name": self.statistic_name,
            "df_numerator": self.df_numerator,
            "outcome": self.outcome,
        }
        return fields | {
            "p_adjusted": self.p_adjusted,
            "p_adjustment": self.p_adjustment,
            "groups": self.groups,
        }


def finite(value: float | None) -> float | None:
    """Return a number as a plain float, or None where it is missing, NaN or infinite.

    Examples
    --------
    >>> finite(float("nan")) is None, finite(2)
    (True, 2.0)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def undetermined(
    *,
    id: str,
    question: str,
    method: str,
    unit: str,
    n: int,
    reason: str,
    estimate: float | None = None,
    outcome: str = "",
) -> Result:
    """Return a result whose test could not be done, with the reason.

    Parameters
    ----------
    id, question, method, unit, outcome : str
        As in `Result`.
    n : int
        Cases there were.
    reason : str
        Why the test could not be done.
    estimate : float, optional
        What can still be said.
    """
    missing = [name for name in NUMBERS if name != "estimate" or estimate is None]
    return Result(
        id=id,
        question=question,
        method=method,
        estimate=estimate,
        unit=unit,
        n=n,
        effect_size=EffectSize("none", None),
        warnings=(f"Not tested: {reason}.",),
        reasons=dict.fromkeys(missing, reason) | {"effect_size": reason},
        outcome=outcome,
    )
