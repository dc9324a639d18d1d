"""When each field of a member's profile was last told, so that the order in which events arrive does not matter."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table member add column profile_times jsonb not null default '{}'")
