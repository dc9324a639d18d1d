"""What somebody is about to change of the program."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, ShopId, Str, Texts


class ProgramDraft(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "program_draft"

    shop_id: Mapped[ShopId]
    settings: Mapped[Document]
    based_on: Mapped[int] = mapped_column()
    author: Mapped[Str]
    saved_at: Mapped[At]
    guided: Mapped[Texts] = mapped_column(default=list)


class WidgetSighting(db.Model):  # type: ignore[name-defined,misc]
    """When a page of the store first loaded the widget."""

    __tablename__ = "widget_sighting"

    shop_id: Mapped[ShopId]
    first_at: Mapped[At]
