"""Who may sign in to the admin of a shop, where they are signed in, and what was changed about them."""

from sqlalchemy import LargeBinary
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Ref, RowId, ShopId, Str, Texts


class Staff(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "staff"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    email: Mapped[Str | None]
    name: Mapped[Str]
    rights: Mapped[Texts]
    status: Mapped[Str]
    password_hash: Mapped[Str | None]
    totp_secret: Mapped[Str | None]
    totp_step: Mapped[Ref]
    recovery_codes: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
    invited_at: Mapped[At | None]
    created_at: Mapped[At]


class StaffSession(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "staff_session"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    staff_id: Mapped[Ref]
    token_hash: Mapped[bytes]
    user_agent: Mapped[Str]
    created_at: Mapped[At]
    seen_at: Mapped[At]
    expires_at: Mapped[At]
    ended_at: Mapped[At | None]


class TeamChange(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "team_change"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    at: Mapped[At]
    author: Mapped[Str]
    what: Mapped[Str]
    about: Mapped[Str]
