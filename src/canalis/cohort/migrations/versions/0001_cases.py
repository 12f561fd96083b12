"""Cases, scores, imaging results and changes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBERS = (
    "age_years", "hours_since_injury", "opll_level_count", "thickness_mm", "stenosis_rate_percent",
    "occupying_ratio_percent", "residual_ap_mm", "bmi_kg_m2", "symptom_duration_months",
    "asia_motor_score", "hours_to_surgery", "improvement_rate_percent", "follow_up_months",
)  # fmt: skip
WORDS = (
    "sex", "cause_of_injury", "violence", "opll_type", "opll_levels", "k_line", "reaches_c2",
    "t2_high_signal", "double_layer_sign", "diabetes", "prior_surgery", "respiratory_limitation",
    "ais_grade", "approach", "operation", "operated_levels", "opening_side", "complications",
    "reoperation", "source",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("case", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Float) for name in NUMBERS),
        *(sa.Column(name, sa.Text) for name in WORDS),
    )
    op.create_table(
        "scores",
        sa.Column("case", sa.Text, sa.ForeignKey("cases.case"), primary_key=True),
        sa.Column("occasion", sa.Text, primary_key=True),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("scale", sa.Text, nullable=False),
        sa.Column("points", sa.Float, nullable=False),
    )
    op.create_table(
        "imaging",
        sa.Column("case", sa.Text, sa.ForeignKey("cases.case"), primary_key=True),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("number", sa.Float),
        sa.Column("word", sa.Text),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("case", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
    )
    op.create_index("changes_by_case", "changes", ["case"])
