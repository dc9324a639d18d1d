"""Notes on customers."""

from importlib.resources import files

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0024_member_notes.sql").read_text())
