"""One version of a shop's program: written once, never changed."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, ShopId, Str


class ProgramVersion(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "program_version"

    shop_id: Mapped[ShopId]
    version: Mapped[int] = mapped_column(primary_key=True)
    settings: Mapped[Document]
    in_force_from: Mapped[At]
    author: Mapped[Str]
