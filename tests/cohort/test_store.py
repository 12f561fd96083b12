"""The store, every test on SQLite and on a PostgreSQL that really runs."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from canalis.cohort.analysis import analyse
from canalis.cohort.cases import read_cases, read_table
from canalis.cohort.exporting import write_cases
from canalis.cohort.store import Change, Store, _engine, upgrade
from canalis.cohort.store_tables import CHANGES, METADATA
from canalis.errors import CohortError

EARLY = Change("reader", datetime(2026, 1, 5, 9, tzinfo=UTC), "first import")
LATE = Change("surgeon", datetime(2026, 2, 7, 9, tzinfo=UTC), "follow-up came in")
TEXT = (
    "case,scale,approach,preoperative_joa,postoperative_joa\nP1,JOA17,anterior,8,12\nP2,JOA17,posterior,9,\n"
)


@pytest.fixture
def store(database):
    made = Store(database)
    yield made
    made.close()


def test_what_is_imported_is_listed_with_its_scores(store, write_table):
    done = store.import_cases(read_table(write_table(TEXT)), EARLY)
    assert (done.new_cases, done.unchanged_values) == (2, 0)
    first, second = store.list_cases()
    assert (first["case"], first["preoperative"], first["postoperative"], first["scale"]) == (
        "P1",
        8.0,
        12.0,
        "JOA17",
    )
    assert "postoperative" not in second


def test_the_same_file_again_changes_nothing(store, write_table):
    table = read_table(write_table(TEXT))
    store.import_cases(table, EARLY)
    before = store.history()
    done = store.import_cases(table, LATE)
    assert (done.new_cases, done.changed_values) == (0, 0)
    assert store.history() == before


def test_every_change_leaves_who_when_what_and_why(store, write_table):
    store.import_cases(read_table(write_table(TEXT)), EARLY)
    later = "case,scale,preoperative_joa,postoperative_joa\nP2,JOA17,10,14\n"
    store.import_cases(read_table(write_table(later)), LATE)
    last = store.history("P2")[-2:]
    assert [(c["field"], c["old"], c["new"]) for c in last] == [
        ("scores.preoperative.total", "9", "10"),
        ("scores.postoperative.total", None, "14"),
    ]
    assert {(c["who"], c["at"], c["why"]) for c in last} == {
        ("surgeon", "2026-02-07T09:00:00.000000+00:00", "follow-up came in")
    }


def test_an_empty_cell_takes_nothing_away(store, write_table):
    store.import_cases(read_table(write_table(TEXT)), EARLY)
    store.import_cases(read_table(write_table("case,approach,preoperative_joa\nP1,,8\n")), LATE)
    assert store.list_cases()[0]["approach"] == "anterior"


@pytest.mark.parametrize("statement", ["UPDATE changes SET who = 'x'", "DELETE FROM changes"])
def test_the_database_refuses_to_alter_what_was_recorded(store, database, write_table, statement):
    store.import_cases(read_table(write_table(TEXT)), EARLY)
    before = store.history()
    engine = _engine(database)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
    assert store.history() == before


def test_a_failed_import_leaves_nothing_behind(store, write_table):
    bad = pd.DataFrame({"thickness_mm": [5.0]}, index=["P9"])
    with pytest.raises(CohortError, match="P9"):
        store.import_cases(read_table(write_table(TEXT)), EARLY, imaging=bad)
    with pytest.raises(CohortError, match="found 18"):
        store.import_cases(
            read_table(write_table("case,scale,preoperative_joa\nP1,JOA17,8\nP2,JOA17,18\n")), EARLY
        )
    assert store.list_cases() == []
    assert store.history() == []


def test_imaging_results_fill_what_the_table_leaves_empty(store, write_table):
    measured = pd.DataFrame({"thickness_mm": [5.5, 6.5], "k_line": ["negative", None]}, index=["P1", "P2"])
    store.import_cases(read_table(write_table(TEXT)), EARLY, imaging=measured)
    exported = store.export_cases().set_index("case")
    assert exported["thickness_mm"].tolist() == [5.5, 6.5]
    assert exported.loc["P1", "k_line"] == "negative"


def test_scores_of_another_scale_are_refused(store, write_table):
    store.import_cases(read_table(write_table(TEXT)), EARLY)
    other = read_table(write_table("case,scale,preoperative_joa\nP3,mJOA18,12\n"))
    with pytest.raises(CohortError, match="one scale in the store"):
        store.import_cases(other, LATE)


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_the_example_comes_back_from_the_store_with_the_same_statistics(store, example, tmp_path, ending):
    from importlib.resources import as_file, files

    with as_file(files("canalis.cohort.example") / "liu_kong_2021.csv") as path:
        store.import_cases(read_table(path), EARLY)
    out = tmp_path / f"out{ending}"
    write_cases(store.export_cases(), out)
    again = analyse(read_cases(out))
    for result_id in (
        "joa_change",
        "improvement_by_approach.anterior_vs_posterior.adjusted",
        "stenosis_vs_improvement",
    ):
        assert again.get(result_id).estimate == pytest.approx(example.get(result_id).estimate, rel=1e-12)
        assert again.get(result_id).p == pytest.approx(
            example.get(result_id).p, rel=1e-9
        )  # summed in another order


def test_a_formula_goes_through_the_store_and_is_never_written_as_one(store, write_table, tmp_path):
    import openpyxl

    store.import_cases(
        read_table(write_table("case,operation,preoperative_joa\nP1,=cmd|' /C calc'!A0,8\n")), EARLY
    )
    write_cases(store.export_cases(), tmp_path / "out.csv")
    assert ",'=cmd" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    write_cases(store.export_cases(), tmp_path / "out.xlsx")
    cells = [
        c for row in openpyxl.load_workbook(tmp_path / "out.xlsx").active.iter_rows(min_row=2) for c in row
    ]
    assert not [c for c in cells if c.data_type == "f"]
    for name in ("out.csv", "out.xlsx"):
        assert read_table(tmp_path / name).frame.loc["P1", "operation"] == "=cmd|' /C calc'!A0"


def test_migrations_make_the_tables_that_the_program_uses(store, database):
    engine = _engine(database)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_a_store_of_the_first_revision_is_brought_up_with_its_cases(database, write_table):
    engine = _engine(database)
    with engine.begin() as connection:
        upgrade(connection, "0001")
        row = {"at": "2026", "who": "w", "why": "y", "case": "P0", "field": "cases.case"}
        connection.execute(sa.insert(CHANGES), [row])
    engine.dispose()
    store = Store(database)
    assert [change["case"] for change in store.history()] == ["P0"]
    store.close()


def test_a_reader_finds_what_was_imported_and_can_write_nothing(store, database, write_table):
    table = read_table(write_table(TEXT))
    store.import_cases(table, EARLY)
    reader = Store(database, read_only=True)
    assert reader.list_cases() == store.list_cases()
    assert reader.history("P2") == store.history("P2")
    with pytest.raises(CohortError, match=r"read-?only"):
        reader.import_cases(read_table(write_table("case,age_years\nP1,60\n")), LATE)
    reader.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_database_of_something_else_is_refused_and_left_as_it_was(database, read_only):
    engine = _engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE cases (lawyer TEXT)"))
    with pytest.raises(CohortError, match="without the tables that canalis cases import makes"):
        Store(database, read_only=read_only)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == ["cases"]
    engine.dispose()


def test_reading_what_is_not_there_makes_no_file(tmp_path):
    with pytest.raises(CohortError, match="found nothing there"):
        Store(f"sqlite:///{tmp_path / 'none.sqlite'}", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_reading_an_empty_database_is_refused(database):
    if database.startswith("sqlite:///"):
        Path(database.removeprefix("sqlite:///")).touch()
    with pytest.raises(CohortError, match="found one without the tables"):
        Store(database, read_only=True)


def test_a_store_of_a_newer_program_is_not_written(store, database):
    engine = _engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(CohortError, match="Update canalis"):
        Store(database)


WRITER = """
import sys, pathlib
from datetime import datetime, UTC
from canalis.cohort.cases import read_table
from canalis.cohort.store import Change, Store
url, folder, who = sys.argv[1:]
for part in range(4):
    table = read_table(pathlib.Path(folder) / f"{who}{part}.csv")
    Store(url).import_cases(table, Change(who, datetime.now(UTC), f"part {part}"))
"""


def test_two_writers_at_once_lose_nothing(database, tmp_path):
    # both open the empty store at once and write 200 cases, 100 in common: one their age, one their thickness
    for who, column, first in (("a", "age_years", 0), ("b", "thickness_mm", 100)):
        for part in range(4):
            ids = range(first + part * 50, first + part * 50 + 50)
            rows = "".join(f"P{i:03d},{5 + i % 20}\n" for i in ids)
            (tmp_path / f"{who}{part}.csv").write_text(f"case,{column}\n{rows}")
    command = [sys.executable, "-c", WRITER, database, str(tmp_path)]
    writers = [subprocess.Popen([*command, who], stderr=subprocess.PIPE, text=True) for who in ("a", "b")]
    told = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], told
    store = Store(database)
    frame, changes = store.export_cases().set_index("case"), store.history()
    store.close()
    assert len(frame) == 300
    assert (frame["age_years"].count(), frame["thickness_mm"].count()) == (200, 200)
    assert frame.loc["P150", ["age_years", "thickness_mm"]].tolist() == [15.0, 15.0]
    assert len(changes) == 300 + 400
    assert sum(change["field"] == "cases.case" for change in changes) == 300


def test_a_database_that_does_not_answer_is_told_without_its_password():
    pytest.importorskip("psycopg")
    with pytest.raises(CohortError, match="Check --database") as told:
        Store("postgresql://canalis:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("url", ["not a url", "mysql://host/name"])
def test_another_database_is_refused(url):
    with pytest.raises(CohortError, match="Correct --database"):
        Store(url)
