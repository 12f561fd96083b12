"""The store of cases, scores and imaging results: SQLite, or PostgreSQL by its URL.

Every change leaves who, when, what and why in `changes`, which the database itself keeps append-only.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql, sqlite

from canalis.cohort.cases import CaseTable
from canalis.cohort.columns import BY_NAME, TIME_COLUMN
from canalis.cohort.scores import check_scores, item_of
from canalis.cohort.store_tables import CASE_COLUMNS, CASES, CHANGES, IMAGING, SCORES
from canalis.errors import CohortError, MissingExtraError

LOCK: Final = 7_365_001
"""Names the lock under which PostgreSQL runs migrations one at a time."""

WAIT_SECONDS: Final = 60
"""How long a writer waits for another on SQLite."""

BATCH: Final = 500
"""Cases read and locked at a time."""

STORE_TABLES: Final = frozenset({"alembic_version", "cases", "changes"})
"""Tables that a store of any revision has."""

Facts = dict[tuple[str, ...], Any]
"""("cases", field), ("scores", occasion, item) or ("imaging", field) to its value."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes the store, when and why."""

    who: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What an import did."""

    new_cases: int
    changed_values: int
    unchanged_values: int


class Store:
    """A database of cases.

    Parameters
    ----------
    url : str
        As SQLAlchemy takes it: ``sqlite:///cases.sqlite`` or ``postgresql://user@host/name``.
    read_only : bool
        Change nothing in the database: neither make it nor bring its tables up to date.

    Raises
    ------
    CohortError
        If the URL cannot be read, the database cannot be reached, or it holds something else.
    MissingExtraError
        If PostgreSQL is named and its driver is not installed.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._engine = _engine(url, read_only=read_only)
        if read_only:
            _refuse_missing_file(self._engine.url)
        make_sure = _check if read_only else _make_ready
        try:
            with self._errors(), self._engine.begin() as connection:
                make_sure(connection)
        except CohortError:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def import_cases(
        self, table: CaseTable, change: Change, *, imaging: pd.DataFrame | None = None
    ) -> Stored:
        """Add and update cases; a cell left empty changes nothing.

        All or nothing: one transaction, and each case is locked before it is compared.

        Parameters
        ----------
        table : CaseTable
            As `canalis.cohort.cases.read_table` returns it.
        change : Change
            Who, when, why.
        imaging : DataFrame, optional
            As `canalis.cohort.imaging.read_imaging` returns it; cases that are not in the table are
            refused.
        """
        check_scores(table.frame, table.scale, file=table.name)
        facts = facts_of(table)
        if imaging is not None:
            _add_imaging(facts, imaging)
        with self._errors(), self._engine.begin() as connection:
            _refuse_other_scale(connection, table)
            done = [Stored(0, 0, 0)]
            cases = sorted(facts)
            for start in range(0, len(cases), BATCH):
                part = {case: facts[case] for case in cases[start : start + BATCH]}
                done.append(_write(connection, part, table.scale.name, change))
        return Stored(
            sum(d.new_cases for d in done),
            sum(d.changed_values for d in done),
            sum(d.unchanged_values for d in done),
        )

    def list_cases(self) -> list[dict[str, Any]]:
        """Return each case with its total scores and when it last changed."""
        last = (
            sa.select(CHANGES.c.case, sa.func.max(CHANGES.c.at).label("changed"))
            .group_by(CHANGES.c.case)
            .subquery()
        )
        wanted = sa.select(CASES.c.case, CASES.c.approach, CASES.c.violence, last.c.changed)
        with self._errors(), self._engine.begin() as connection:
            rows = connection.execute(
                wanted.outerjoin_from(CASES, last, CASES.c.case == last.c.case).order_by(CASES.c.case)
            )
            listed = {row.case: dict(row._mapping) for row in rows}
            totals = sa.select(SCORES).where(SCORES.c.item == "total")
            for row in connection.execute(totals):
                listed[row.case][row.occasion] = row.points
                listed[row.case]["scale"] = row.scale
        return list(listed.values())

    def export_cases(self) -> pd.DataFrame:
        """Return the table of cases, with imaging results in the cells that it leaves empty."""
        with self._errors(), self._engine.begin() as connection:
            rows = [dict(row._mapping) for row in connection.execute(sa.select(CASES).order_by(CASES.c.case))]
            scores = connection.execute(sa.select(SCORES)).all()
            measured = connection.execute(sa.select(IMAGING)).all()
        by_case = {row["case"]: row for row in rows}
        for score in scores:
            by_case[score.case]["scale"] = score.scale
            by_case[score.case][score_column(score.occasion, score.item)] = score.points
        for found in measured:
            if by_case[found.case].get(found.field) is None:
                by_case[found.case][found.field] = found.number if found.word is None else found.word
        frame = pd.DataFrame(rows)
        order = [name for name in BY_NAME if name in frame] + [c for c in frame if c not in BY_NAME]
        return frame[order].dropna(axis=1, how="all") if len(frame) else pd.DataFrame({"case": []})

    def history(self, case: str | None = None) -> list[dict[str, Any]]:
        """Return every change, or those of one case, first to last."""
        wanted = sa.select(CHANGES).order_by(CHANGES.c.id)
        if case is not None:
            wanted = wanted.where(CHANGES.c.case == case)
        with self._errors(), self._engine.begin() as connection:
            return [dict(row._mapping) for row in connection.execute(wanted)]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            name = self._engine.url.render_as_string(hide_password=True)
            told = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
            raise CohortError(
                f"Expected a database at {name}, found: {told}. Check --database and that it runs."
            ) from None


def _engine(url: str, *, read_only: bool = False) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise CohortError(
            "Expected a database URL such as sqlite:///cases.sqlite or postgresql://user@host/name, found "
            "something else. "
            "Correct --database."
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise CohortError(
            f"Expected SQLite or PostgreSQL, found {parsed.get_backend_name()}. Correct --database."
        )
    try:
        engine = sa.create_engine(
            parsed, connect_args={"timeout": WAIT_SECONDS} if parsed.get_backend_name() == "sqlite" else {}
        )
    except ModuleNotFoundError:
        raise MissingExtraError(
            "PostgreSQL needs the extra 'postgres': pip install 'canalis[postgres]'."
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _leave_transactions_to_us)
        sa.event.listen(engine, "begin", _begin_as_reader if read_only else _begin_as_writer)
    return engine.execution_options(postgresql_readonly=True) if read_only else engine


def _leave_transactions_to_us(connection: Any, record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_as_writer(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_as_reader(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA query_only = ON")
    connection.exec_driver_sql("BEGIN")


def _refuse_missing_file(url: sa.URL) -> None:
    """Refuse a SQLite file that is not there: connecting would make it."""
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise CohortError(
            f"Expected a database of cases at {url.database}, found nothing there. Make one with "
            "canalis cases import, or correct --database."
        )


def _make_ready(connection: sa.Connection) -> None:
    """Make the store's tables in an empty database, or bring them up to date."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    if sa.inspect(connection).get_table_names():
        _check(connection)
    upgrade(connection)


def _check(connection: sa.Connection) -> None:
    """Refuse a database that is not the store's."""
    if not set(sa.inspect(connection).get_table_names()) >= STORE_TABLES:
        name = connection.engine.url.render_as_string(hide_password=True)
        raise CohortError(
            f"Expected a database of cases at {name}, found one without the tables that canalis cases "
            "import makes. Nothing was changed. Correct --database."
        )


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Bring the database's tables to a revision.

    Parameters
    ----------
    connection : Connection
        Inside a transaction.
    revision : str
        Newest by default.
    """
    with as_file(files("canalis.cohort") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError:
            raise CohortError(
                "Expected a database of cases of this version of canalis or an older one, found a newer "
                "one's. Update canalis, or correct --database."
            ) from None


def score_column(occasion: str, item: str) -> str:
    """Return the column of the table of cases that holds a score.

    Examples
    --------
    >>> score_column("preoperative", "total"), score_column("3", "total")
    ('preoperative_joa', 'joa_at_3_months')
    """
    if occasion in ("preoperative", "postoperative"):
        return f"{occasion}_{'joa' if item == 'total' else item}"
    return f"joa_at_{occasion}_months"


def facts_of(table: CaseTable) -> dict[str, Facts]:
    """Return every value of a table that is not missing, by case.

    Parameters
    ----------
    table : CaseTable
        Checked.
    """
    facts: dict[str, Facts] = {}
    kept = {c.name for c in CASE_COLUMNS}
    for case, row in table.frame.iterrows():
        found: Facts = {}
        for column, value in row.items():
            key = _key(str(column), kept)
            if key and value is not None and value == value:
                found[key] = value
        facts[str(case)] = found
    return facts


def _key(column: str, kept: set[str]) -> tuple[str, ...] | None:
    if column in kept:
        return ("cases", column)
    time = TIME_COLUMN.match(column)
    if time:
        return ("scores", time[1], "total")
    if column in ("preoperative_joa", "postoperative_joa"):
        return ("scores", column.removesuffix("_joa"), "total")
    item = item_of(column)
    return ("scores", column.partition("_")[0], item) if item else None


def _add_imaging(facts: dict[str, Facts], imaging: pd.DataFrame) -> None:
    strangers = [str(case) for case in imaging.index if str(case) not in facts]
    if strangers:
        raise CohortError(
            f"Expected measured studies of cases in the table, found {len(strangers)} others: "
            f"{', '.join(strangers[:10])}. Add the "
            "cases, or leave the studies out."
        )
    for case, row in imaging.iterrows():
        for field, value in row.items():
            if value is not None and value == value:
                facts[str(case)]["imaging", str(field)] = value


def _refuse_other_scale(connection: sa.Connection, table: CaseTable) -> None:
    others = sa.select(SCORES.c.scale).distinct().where(SCORES.c.scale != table.scale.name)
    found = connection.execute(others).scalars().first()
    if found is not None:
        raise CohortError(
            f"Expected scores of one scale in the store, found {found} there and {table.scale.name} in "
            f"{table.name}. Keep each "
            "scale in a database of its own."
        )


def _write(connection: sa.Connection, facts: dict[str, Facts], scale: str, change: Change) -> Stored:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    # returning tells which cases are new even when another writer adds the same ones at this moment
    adding = dialect.insert(CASES).values([{"case": case} for case in facts])
    added = connection.execute(adding.on_conflict_do_nothing().returning(CASES.c.case)).scalars().all()
    stored = _lock_and_read(connection, list(facts))
    changes, unchanged = [], 0
    updates: dict[str, dict[str, Any]] = {}
    scores, measured = [], []
    for case, found in facts.items():
        for key, value in found.items():
            old = stored.get(case, {}).get(key)
            if old == value:
                unchanged += 1
                continue
            changes.append(_change_row(case, key, old, value, change))
            if key[0] == "cases":
                updates.setdefault(case, {})[key[1]] = value
            elif key[0] == "scores":
                scores.append(
                    {"case": case, "occasion": key[1], "item": key[2], "scale": scale, "points": value}
                )
            else:
                word = isinstance(value, str)
                measured.append(
                    {
                        "case": case,
                        "field": key[1],
                        "number": None if word else value,
                        "word": value if word else None,
                    }
                )
    for case, values in updates.items():
        connection.execute(sa.update(CASES).where(CASES.c.case == case).values(**values))
    _upsert(connection, dialect, SCORES, scores, ("points", "scale"))
    _upsert(connection, dialect, IMAGING, measured, ("number", "word"))
    new = [_change_row(case, ("cases", "case"), None, case, change) for case in sorted(added)]
    if new or changes:
        connection.execute(sa.insert(CHANGES), new + changes)
    return Stored(len(added), len(changes), unchanged)


def _change_row(case: str, key: tuple[str, ...], old: object, new: object, change: Change) -> dict[str, Any]:
    told = [None if v is None else (f"{v:g}" if isinstance(v, float) else str(v)) for v in (old, new)]
    at = change.at.isoformat(timespec="microseconds")
    return {
        "at": at,
        "who": change.who,
        "why": change.why,
        "case": case,
        "field": ".".join(key),
        "old": told[0],
        "new": told[1],
    }


def _upsert(
    connection: sa.Connection,
    dialect: Any,
    table: sa.Table,
    rows: list[dict[str, Any]],
    values: tuple[str, ...],
) -> None:
    if rows:
        made = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        connection.execute(
            made.on_conflict_do_update(index_elements=keys, set_={v: made.excluded[v] for v in values}), rows
        )


def _lock_and_read(connection: sa.Connection, cases: list[str]) -> dict[str, Facts]:
    rows = connection.execute(
        sa.select(CASES).where(CASES.c.case.in_(cases)).order_by(CASES.c.case).with_for_update()
    )
    stored: dict[str, Facts] = {
        row.case: {("cases", f): v for f, v in row._mapping.items() if v is not None} for row in rows
    }
    for score in connection.execute(sa.select(SCORES).where(SCORES.c.case.in_(cases))):
        stored[score.case]["scores", score.occasion, score.item] = score.points
    for found in connection.execute(sa.select(IMAGING).where(IMAGING.c.case.in_(cases))):
        stored[found.case]["imaging", found.field] = found.number if found.word is None else found.word
    return stored
