"""A key of the merchant API; only its hash is kept."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, RowId, ShopId, Str, Texts


class ApiKey(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "api_key"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    label: Mapped[Str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[Texts]
    created_at: Mapped[At]
    revoked_at: Mapped[At | None]
