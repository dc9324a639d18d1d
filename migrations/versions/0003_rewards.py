"""Rewards, coupons, redemptions and gift campaigns."""

from importlib.resources import files

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(files("migrations").joinpath("sql", "0003_rewards.sql").read_text())
