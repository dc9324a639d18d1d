"""A member: one customer of one shop, with all personal data in this table."""

from datetime import date

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Ref, RowId, ShopId, Str, Texts


class Member(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "member"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    external_id: Mapped[Str | None]
    email: Mapped[Str | None]
    email_verified: Mapped[bool]
    phone: Mapped[Str | None]
    first_name: Mapped[Str | None]
    last_name: Mapped[Str | None]
    locale: Mapped[Str | None]
    referral_code: Mapped[Str | None]
    birthday: Mapped[date | None]
    birthday_since: Mapped[At | None]
    tags: Mapped[Texts]
    segments: Mapped[Texts]
    tier: Mapped[Str | None]
    address: Mapped[Document | None]
    status: Mapped[Str]
    enrolled_at: Mapped[At]
    registered_at: Mapped[At | None]
    profile_at: Mapped[At | None]
    profile_times: Mapped[Document] = mapped_column(default=dict)
    unsubscribed_at: Mapped[At | None]
    token_version: Mapped[int]
    seen_entry_id: Mapped[Ref]
    merged_into: Mapped[Ref | None]
    """The member of the same person that this account stands for since they were merged."""


class VerifiedAddress(db.Model):  # type: ignore[name-defined,misc]
    """An e-mail address that the platform has verified, and whose it is: it claims guests' orders."""

    __tablename__ = "verified_address"

    shop_id: Mapped[ShopId]
    email: Mapped[Str] = mapped_column(primary_key=True)
    member_id: Mapped[Ref]


class Tombstone(db.Model):  # type: ignore[name-defined,misc]
    """An erased customer: late deliveries must not bring it back."""

    __tablename__ = "tombstone"

    shop_id: Mapped[ShopId]
    external_id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    erased_at: Mapped[At]
