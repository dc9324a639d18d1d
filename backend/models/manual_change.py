"""What somebody of the team changed for a member by hand, or asked a second person to agree to."""

from datetime import date

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str


class ManualChange(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "manual_change"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    key: Mapped[Str]
    member_id: Mapped[Ref]
    what: Mapped[Str]
    points: Mapped[Points]
    reason: Mapped[Str]
    details: Mapped[Document] = mapped_column(default=dict)
    staff_id: Mapped[Ref]
    staff_name: Mapped[Str]
    asked_at: Mapped[At]
    day: Mapped[date]
    state: Mapped[Str]
    waits_until: Mapped[At | None]
    decided_by: Mapped[Ref | None]
    decided_name: Mapped[Str | None]
    decided_at: Mapped[At | None]
    decision_reason: Mapped[Str | None]
    entry_id: Mapped[Ref | None]
    redemption_id: Mapped[Ref | None]


class ApprovalLimit(db.Model):  # type: ignore[name-defined,misc]
    """From how many points on a second person must agree; None: never."""

    __tablename__ = "approval_limit"

    shop_id: Mapped[ShopId]
    points: Mapped[Points | None]
    changed_at: Mapped[At]
    changed_by: Mapped[Str]
