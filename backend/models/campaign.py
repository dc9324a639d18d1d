"""A gift campaign: gifts for points, between two moments."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, RowId, ShopId, Str


class Campaign(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "campaign"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    names: Mapped[Document]
    terms: Mapped[Document]
    starts_at: Mapped[At]
    ends_at: Mapped[At | None]
    banner_id: Mapped[Str | None]
    created_at: Mapped[At]
    modified_at: Mapped[At]


class CampaignGift(db.Model):  # type: ignore[name-defined,misc]
    """A gift that is part of a campaign."""

    __tablename__ = "campaign_gift"

    shop_id: Mapped[ShopId]
    campaign_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    reward_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
