"""The tables of the first slice: shops, programs, members, orders, the ledger, the inbox, the outbox."""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0001_first_slice.sql").read_text())
