"""Gift cards and store credit at Shopify."""

from importlib.resources import files

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0021_shopify_payouts.sql").read_text())
