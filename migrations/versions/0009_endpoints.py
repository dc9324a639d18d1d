"""Webhooks out: endpoints, the events they are told, and each attempt."""

from importlib.resources import files

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0009_endpoints.sql").read_text())
