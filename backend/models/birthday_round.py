"""How far the birthdays of a shop have been given."""

from datetime import date

from sqlalchemy.orm import Mapped

from backend.db import db
from backend.models.columns import At, Ref, ShopId


class BirthdayRound(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "birthday_round"

    shop_id: Mapped[ShopId]
    day: Mapped[date | None]
    after_member: Mapped[Ref]
    due_at: Mapped[At]
