"""Shops on Shopify."""

from importlib.resources import files

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0018_shopify.sql").read_text())
