"""A coupon: one code of a reward, and whether it is still free."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Ref, RowId, ShopId, Str


class Coupon(db.Model):  # type: ignore[name-defined,misc]
    """Every code that was ever known in the shop."""

    __tablename__ = "coupon"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    reward_id: Mapped[Ref]
    code: Mapped[Str]
    source: Mapped[Str]
    state: Mapped[Str]
    worth: Mapped[Document | None]
    expires_at: Mapped[At | None]
    redemption_id: Mapped[Ref | None]
    created_at: Mapped[At]


class FreeCoupon(db.Model):  # type: ignore[name-defined,misc]
    """A code that nobody has yet."""

    __tablename__ = "coupon_free"

    shop_id: Mapped[ShopId]
    reward_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    coupon_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    code: Mapped[Str]
