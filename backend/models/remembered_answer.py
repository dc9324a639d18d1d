"""The answer to a request that carried an Idempotency-Key."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, ShopId, Str


class RememberedAnswer(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "remembered_answer"

    shop_id: Mapped[ShopId]
    scope: Mapped[Str] = mapped_column(primary_key=True)
    key: Mapped[Str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    body: Mapped[Str]
    created_at: Mapped[At]
