"""The four balances of a member: the lock and the cache; the entries are the truth. Written only by the ledger."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import Points, ShopId


class Account(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "account"

    shop_id: Mapped[ShopId]
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    pending: Mapped[Points]
    available: Mapped[Points]
    on_hold: Mapped[Points]
    owed: Mapped[Points]
