"""Points and levels in customer accounts at Shopify."""

from importlib.resources import files

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0020_customer_metafields.sql").read_text())
