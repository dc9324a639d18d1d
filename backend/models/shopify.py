"""What is kept of a shop on Shopify beside the shop itself. Tokens are sealed (backend/vault.py); times are the machine's."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Ref, RowId, ShopId, Str, Texts


class ShopifyShop(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "shopify_shop"

    shop_id: Mapped[ShopId]
    domain: Mapped[Str]
    external_id: Mapped[Str | None]
    state: Mapped[Str]
    access_token: Mapped[Str | None]
    refresh_token: Mapped[Str | None]
    access_until: Mapped[At | None]
    refresh_until: Mapped[At | None]
    needs_opening: Mapped[bool] = mapped_column(default=False)
    scopes: Mapped[Texts] = mapped_column(default=list)
    installed_at: Mapped[At | None]
    uninstalled_at: Mapped[At | None]
    redact_at: Mapped[At | None]
    redacted_to: Mapped[Ref] = mapped_column(default=0)
    told_at: Mapped[At | None]
    orders_until: Mapped[At | None]
    orders_from: Mapped[At | None]
    orders_next_at: Mapped[At | None]
    orders_tries: Mapped[int] = mapped_column(default=0)
    orders_error: Mapped[Str | None]
    untold_orders: Mapped[int] = mapped_column(default=0)
    untold_since: Mapped[At | None]
    untold_last: Mapped[At | None]
    topics_next_at: Mapped[At | None]
    codes_next_at: Mapped[At | None]
    created_at: Mapped[At]


class OrderLook(db.Model):  # type: ignore[name-defined,misc]
    """An order that is to be asked for whole: a delivery said that it changed and not what it is now, or none said so."""

    __tablename__ = "order_look"

    shop_id: Mapped[ShopId]
    external_id: Mapped[Str] = mapped_column(primary_key=True)
    asked_at: Mapped[At]
    untold: Mapped[bool] = mapped_column(default=False)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[At | None]
    error: Mapped[Str | None]


class ShopifyUser(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "shopify_user"

    shop_id: Mapped[ShopId]
    user_id: Mapped[Str] = mapped_column(primary_key=True)
    staff_id: Mapped[Ref]


class ShopifyDiscount(db.Model):  # type: ignore[name-defined,misc]
    """One discount at Shopify for all codes of a reward that are worth the same."""

    __tablename__ = "shopify_discount"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    reward_id: Mapped[Ref]
    worth: Mapped[Str]
    first_code: Mapped[Str]
    gid: Mapped[Str | None]
    problem: Mapped[Str | None]
    created_at: Mapped[At]


class MetafieldRun(db.Model):  # type: ignore[name-defined,misc]
    """A shop that writes points and levels to its customers at Shopify, and how far that has come."""

    __tablename__ = "metafield_run"

    shop_id: Mapped[ShopId]
    since: Mapped[At]
    is_ending: Mapped[bool] = mapped_column(default=False)
    is_defined: Mapped[bool] = mapped_column(default=False)
    after_member_id: Mapped[Ref | None]
    walk_at: Mapped[At]
    from_entry_id: Mapped[Ref]
    from_change_id: Mapped[Ref]
    mark_entry_id: Mapped[Ref]
    mark_change_id: Mapped[Ref]
    marked_at: Mapped[At]
    next_at: Mapped[At | None]
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[Str | None]


class ShopifyPayout(db.Model):  # type: ignore[name-defined,misc]
    """What Shopify was asked to pay for a coupon, as a gift card or as store credit, or to take back."""

    __tablename__ = "shopify_payout"

    shop_id: Mapped[ShopId]
    coupon_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    is_back: Mapped[bool] = mapped_column(primary_key=True)
    state: Mapped[Str]
    member_id: Mapped[Ref | None]
    gid: Mapped[Str | None]
    asked_at: Mapped[At]
    last_asked_at: Mapped[At]
    problem: Mapped[Str | None]
