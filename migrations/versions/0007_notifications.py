"""Notifications: what members are told, and what they do not want to hear."""

from importlib.resources import files

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0007_notifications.sql").read_text())
