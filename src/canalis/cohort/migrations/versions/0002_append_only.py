"""Changes can be added, never altered or removed."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MESSAGE = "changes is append-only"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER changes_no_{action.lower()} BEFORE {action} ON changes "
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION changes_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER changes_no_row BEFORE UPDATE OR DELETE ON changes "
        "FOR EACH ROW EXECUTE FUNCTION changes_refuse()"
    )
    op.execute(
        "CREATE TRIGGER changes_no_truncate BEFORE TRUNCATE ON changes "
        "FOR EACH STATEMENT EXECUTE FUNCTION changes_refuse()"
    )
