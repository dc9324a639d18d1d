"""Rewards whose codes are made for each redemption by itself."""

from importlib.resources import files

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0022_money_for_each.sql").read_text())
