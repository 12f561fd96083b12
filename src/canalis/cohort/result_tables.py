"""Tables of results: differences, adjusted differences, balance, relations, missing values."""

from collections.abc import Callable

from canalis.cohort.analysis import Analysis
from canalis.cohort.columns import BY_NAME
from canalis.cohort.result import Result
from canalis.cohort.tables import Table, case_table, group_table
from canalis.cohort.wording import column_words, interval, listed, number, p_bare, share

RESULT_HEADERS = (
    "Comparison", "Method", "n", "Estimate", "95 % CI", "Statistic", "df", "p", "p (Holm)", "Effect size",
    "Companion test",
)  # fmt: skip


BOUNDED = ("r", "share of variance", "kappa")
"""Units of numbers that cannot exceed 1."""


def all_tables(analysis: Analysis) -> list[Table]:
    """Return every table of an analysis, the paper's three first.

    Parameters
    ----------
    analysis : Analysis
        As `analyse` returns it.
    """
    made = []
    if analysis.cohort.has("approach"):
        title = "Table I: Basic data and surgical outcome by surgical approach"
        made.append(group_table(analysis, "approach", key="table_1_approach", title=title))
    if analysis.cohort.has("violence"):
        title = "Table II: Surgical outcome by violence of the injury"
        made.append(group_table(analysis, "violence", key="table_2_violence", title=title))
    made.append(case_table(analysis))
    made += [
        _results(analysis, "table_4_differences", "Table IV: Differences", _is_difference),
        _results(
            analysis, "table_5_adjusted", "Table V: Differences at the same preoperative score", _is_adjusted
        ),
        _balance(analysis),
        _results(analysis, "table_7_relations", "Table VII: Relations, regression and power", _is_relation),
        _missing(analysis),
    ]
    return [table for table in made if table.rows]


def _is_difference(result: Result) -> bool:
    stems = (
        "joa_change",
        "item_change",
        "improvement_by_",
        "change_by_",
        "preoperative_joa_by_",
        "joa_over_time",
    )
    return result.id.startswith(stems) and not _is_adjusted(result)


def _is_adjusted(result: Result) -> bool:
    return result.id.startswith("improvement_by_") and result.id.endswith(
        (".adjusted", ".adjusted_postoperative")
    )


def _is_relation(result: Result) -> bool:
    return not (_is_difference(result) or _is_adjusted(result) or result.id.startswith("balance_by_"))


def _results(analysis: Analysis, key: str, title: str, wanted: Callable[[Result], bool]) -> Table:
    chosen = [result for result in analysis.results if wanted(result)]
    notes = tuple(dict.fromkeys(f"{w}." for r in chosen for w in r.warnings if "Exploratory" not in w))
    if any("Exploratory" in w for r in chosen for w in r.warnings):
        notes += ("Groupings other than approach and violence are exploratory.",)
    notes += _holm_notes(chosen, analysis)
    return Table(key, title, RESULT_HEADERS, tuple(result_row(result) for result in chosen), notes)


def _holm_notes(chosen: list[Result], analysis: Analysis) -> tuple[str, ...]:
    """Return which comparisons the table's own correction covers, and that the main ones have another."""
    families = dict.fromkeys(r.p_adjustment.removeprefix("Holm, ") for r in chosen if r.p_adjustment)
    if not families or not analysis.multiplicity:
        return ()
    return (
        f"p (Holm) is corrected within one outcome and one kind of test, over {listed(list(families))}. The "
        f"{len(analysis.multiplicity)} main comparisons ({analysis.main_comparisons()}) are corrected "
        "together, apart from this: where one is no longer significant by that, the findings say so.",
    )


def name(result: Result) -> str:
    """Return a result's id in words for a table.

    Parameters
    ----------
    result : Result
        Any.
    """
    words = ": ".join(column_words(part.replace("_vs_", "_against_")) for part in result.id.split("."))
    words = words.replace(": adjusted postoperative", " (postoperative score)").replace(
        ": adjusted", " (adjusted)"
    )
    return words[0].upper() + words[1:]


def result_row(result: Result) -> tuple[str, ...]:
    """Return a result as the cells under `RESULT_HEADERS`.

    Parameters
    ----------
    result : Result
        Any.
    """
    bounded = result.unit in BOUNDED or result.unit.startswith("ICC")
    digits = 1 if result.unit.startswith("percentage points") and "per point" not in result.unit else 2
    estimate = share(result.estimate) if bounded else number(result.estimate, digits)
    bounds = interval(result.ci_low, result.ci_high, digits, as_share=bounded)
    statistic = (
        f"{result.statistic_name} = {number(result.statistic, 2)}" if result.statistic is not None else ""
    )
    freedom = [
        number(df, 0 if df == round(df) else 1) for df in (result.df_numerator, result.df) if df is not None
    ]
    effect = result.effect_size
    return (
        name(result),
        result.method,
        str(result.n),
        f"odds ratio {estimate}"
        if result.unit == "odds ratio"
        else f"{estimate} {_unit(result.unit)}".strip(),
        "" if result.ci_low is None else bounds,
        statistic,
        ", ".join(freedom),
        "" if result.p is None else p_bare(result.p),
        "" if result.p_adjusted is None else p_bare(result.p_adjusted),
        "" if effect.value is None else f"{effect.name} {number(effect.value, 2)}",
        ""
        if result.companion is None
        else f"{result.companion.method}, p {_with_sign(p_bare(result.companion.p))}",
    )


def _with_sign(p: str) -> str:
    return p if p[0] in "<>n" else f"= {p}"


def _unit(unit: str) -> str:
    return "" if unit in BOUNDED or unit.startswith("ICC") else unit


def _balance(analysis: Analysis) -> Table:
    chosen = [r for r in analysis.results if r.id.startswith("balance_by_")]
    rows = []
    for result in chosen:
        stem, pair, column = result.id.split(".")
        sides = [_side(result, group) for group in result.groups] or ["", ""]
        about = BY_NAME[column].about
        mark = "unlike" if result.warnings and result.estimate is not None else ""
        value = (
            number(result.estimate, 2) if result.estimate is not None else result.reasons.get("estimate", "")
        )
        words = pair.replace("_vs_", " against ").replace("_", " ")
        rows.append(
            (f"{stem.removeprefix('balance_by_').replace('_', ' ')}: {words}", about, *sides, value, mark)
        )
    headers = ("Groups", "Before the operation", "First group", "Second group", "Standardised difference", "")
    note = "Unlike: standardised difference of 0.25 or more. Balance is judged by size, not by a test."
    return Table(
        "table_6_balance",
        "Table VI: Were the groups alike before the operation?",
        headers,
        tuple(rows),
        (note,),
    )


def _side(result: Result, group: str) -> str:
    side = result.groups[group]
    mean, sd = side["mean"], side["sd"]
    return f"{number(mean, 2)} ± {number(sd, 2)}" if mean is not None else ""


def _missing(analysis: Analysis) -> Table:
    cohort = analysis.cohort
    rows = [
        (column, str(count), number(100 * count / cohort.n_read, 1))
        for column, count in cohort.missing.items()
        if count
    ]
    title = f"Table VIII: Missing values ({cohort.n_read} cases read, {len(cohort.frame)} analysed)"
    return Table(
        "table_8_missing", title, ("Column", "Missing", "%"), tuple(rows), (f"Policy: {cohort.policy}.",)
    )
