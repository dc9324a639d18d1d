"""A shop: the tenant. Its secrets are sealed (backend/vault.py)."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, RowId, ShopId, Str


class Shop(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "shop"

    id: Mapped[RowId]
    platform: Mapped[Str]
    name: Mapped[Str]
    domain: Mapped[Str]
    currency: Mapped[Str]
    timezone: Mapped[Str]
    locale: Mapped[Str]
    widget_key: Mapped[Str]
    webhook_secret: Mapped[Str]
    identity_secret: Mapped[Str]
    discounts_url: Mapped[Str | None]
    created_at: Mapped[At]


class Installation(db.Model):  # type: ignore[name-defined,misc]
    """When the app was installed (`installed`) or removed (`uninstalled`) in the shop's platform."""

    __tablename__ = "installation"

    shop_id: Mapped[ShopId]
    at: Mapped[At] = mapped_column(primary_key=True)
    event: Mapped[Str] = mapped_column(primary_key=True)
