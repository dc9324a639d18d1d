"""A segment: members who meet the same conditions."""

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Points, RowId, ShopId, Str


class Segment(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "segment"

    shop_id: Mapped[ShopId]
    number: Mapped[RowId]
    id: Mapped[Str]
    name: Mapped[Str]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    members_count: Mapped[Points] = mapped_column(default=0)
    counted_at: Mapped[At | None]
    created_at: Mapped[At]
    modified_at: Mapped[At]
