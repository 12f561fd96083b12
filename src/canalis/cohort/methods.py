"""The methods paragraph of a paper, with what was done and with which versions."""

import platform
from importlib.metadata import version
from typing import Final

from canalis.cohort.analysis import Analysis, groupings_of
from canalis.cohort.cases import MISSING_POLICIES
from canalis.cohort.joa import GRADES, MCID_RATE_PERCENT
from canalis.cohort.result import ALPHA, CI_LEVEL
from canalis.cohort.schema import SCHEMA
from canalis.cohort.wording import listed

LIBRARIES: Final = ("numpy", "scipy", "pandas", "statsmodels", "matplotlib")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {
        "canalis": version("canalis"),
        "python": platform.python_version(),
        **{n: version(n) for n in LIBRARIES},
    }


def write_methods(analysis: Analysis) -> str:
    """Return the methods paragraph of an analysis.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    """
    cohort, scale = analysis.cohort, analysis.cohort.scale
    grades = ", ".join(f"{grade} from {least:g} %" for grade, least in GRADES)
    mcid = (
        f"; at least {scale.mcid_points:g} points gained or a rate of {MCID_RATE_PERCENT:g} % counted as "
        f"noticeable "
        "(Oshima, PMC9344517)"
    )
    groups = listed([g.replace("_", " ") for g in groupings_of(cohort)])
    used = versions()
    parts = [
        f"{cohort.n_read} cases were read (table {SCHEMA}); missing values: "
        f"{MISSING_POLICIES[cohort.policy]}.",
        f"Function was scored by {scale.name} ({scale.full:g} points; {scale.source}). The improvement rate "
        f"is "
        "100 × (postoperative − preoperative) / (full score − preoperative) percent, not defined at the "
        "full score before "
        f"operation and negative when worse; grades: {grades}, below that "
        f"poor{mcid if scale.mcid_points else ''}.",
        f"Values are mean ± standard deviation. Tests are two-sided at {ALPHA}, intervals at "
        f"{CI_LEVEL:.0%}. Scores before and "
        "after operation were compared by the paired t test (Wilcoxon's signed ranks beside it).",
        f"Groups ({groups}) were compared by Student's and Welch's t test (Mann-Whitney), several by "
        f"analysis of variance "
        "(Kruskal-Wallis) and pairs corrected by Holm; groups below 30 by a permutation test as "
        "well."
        if groups
        else "",
        "Each difference was repeated with the preoperative score as covariate (least squares, equal "
        "slopes, the two groups "
        "only; Quade's rank analysis beside it), for the rate and for the postoperative "
        "score."
        if groups
        else "",
        "Baseline balance is the standardised mean difference, called unlike from 0.25 SD." if groups else "",
        "Relations are Pearson's r with Fisher's interval (Spearman beside it), partial r given the "
        "preoperative score, and "
        "least-squares regression (Kendall's tau beside it). Normality was looked at by Shapiro-Wilk, "
        "variances by "
        "Brown-Forsythe, scatter by Breusch-Pagan.",
        "Repeated scores were modelled by a linear mixed model with a random intercept a case (REML)."
        if any(r.id.startswith("joa_over_time") for r in analysis.results)
        else "",
        "Reaching the noticeable change was modelled by logistic regression." if scale.mcid_points else "",
        f"Canalis {used.pop('canalis')} (" + ", ".join(f"{name} {v}" for name, v in used.items()) + ").",
    ]
    return " ".join(part for part in parts if part)
