"""The tables of the store. What creates them are the migrations; a test holds both to be the same."""

from typing import Final

import sqlalchemy as sa

from canalis.cohort.columns import COLUMNS

METADATA: Final = sa.MetaData()
SCORE_COLUMNS: Final = frozenset({"scale", "preoperative_joa", "postoperative_joa"})
"""Columns of the table of cases that are kept as scores."""

CASE_COLUMNS: Final = tuple(c for c in COLUMNS if c.name != "case" and c.name not in SCORE_COLUMNS)

CASES: Final = sa.Table(
    "cases",
    METADATA,
    sa.Column("case", sa.Text, primary_key=True),
    *(sa.Column(c.name, sa.Float if c.kind in ("number", "integer") else sa.Text) for c in CASE_COLUMNS),
)
SCORES: Final = sa.Table(
    "scores",
    METADATA,
    sa.Column("case", sa.Text, sa.ForeignKey("cases.case"), primary_key=True),
    sa.Column("occasion", sa.Text, primary_key=True),
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("scale", sa.Text, nullable=False),
    sa.Column("points", sa.Float, nullable=False),
)
IMAGING: Final = sa.Table(
    "imaging",
    METADATA,
    sa.Column("case", sa.Text, sa.ForeignKey("cases.case"), primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("number", sa.Float),
    sa.Column("word", sa.Text),
)
CHANGES: Final = sa.Table(
    "changes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("case", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("old", sa.Text),
    sa.Column("new", sa.Text),
    sa.Index("changes_by_case", "case"),
)
