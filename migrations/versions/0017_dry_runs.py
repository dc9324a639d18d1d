"""Dry runs of a draft over past orders."""

from importlib.resources import files

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0017_dry_runs.sql").read_text())
