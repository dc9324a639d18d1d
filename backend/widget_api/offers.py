"""What a shop offers at this moment: its available rewards, and the gift campaign that is on."""

from dataclasses import dataclass
from datetime import datetime

from backend.loyalty.rewards import campaigns, rewards
from backend.loyalty.rewards.campaigns import Campaign
from backend.loyalty.rewards.rewards import Reward


@dataclass(frozen=True, slots=True)
class Offer:
    """`rewards` are available now and belong to no campaign; `gifts` are those of the campaign, newest first (S3.17)."""

    rewards: tuple[Reward, ...]
    campaign: Campaign | None
    gifts: tuple[Reward, ...]
    stamp: tuple[object, ...]
    """Differs whenever something that is shown of it differs."""

    @property
    def all(self) -> tuple[Reward, ...]:
        return self.rewards + self.gifts


NOTHING = Offer((), None, (), ())
"""Of a program that is switched off."""


@dataclass(frozen=True, slots=True)
class _Known:
    current: tuple[Reward, ...]
    campaign: Campaign | None
    has_dates: bool
    offer: Offer


_MAX_SHOPS = 10_000
_known: dict[int, _Known] = {}


def of(shop_id: int, now: datetime) -> Offer:
    """The offer at `now`. Made anew when the process reads the rewards again, or each time if any has dates."""
    current, campaign = rewards.current(shop_id), campaigns.current(shop_id, now)
    known = _known.get(shop_id)
    if known is not None and known.current is current and known.campaign is campaign and not known.has_dates:
        return known.offer
    offer = _make(shop_id, current, campaign, now)
    if len(_known) >= _MAX_SHOPS:
        _known.clear()
    has_dates = any(each.active_from is not None or each.active_to is not None for each in current)
    _known[shop_id] = _Known(current, campaign, has_dates, offer)
    return offer


def _make(shop_id: int, current: tuple[Reward, ...], campaign: Campaign | None, now: datetime) -> Offer:
    available = {each.id: each for each in current if rewards.is_available(each, now)}
    free = tuple(
        each for each in available.values() if each.type != "gift" or not campaigns.is_gift_of_any(shop_id, each.id)
    )
    gifts = tuple(available[gift] for gift in campaign.gifts if gift in available) if campaign is not None else ()
    stamp = (
        tuple((each.id, each.version, each.has_stock) for each in (*free, *gifts)),
        (campaign.id, campaign.modified_at) if campaign is not None else None,
    )
    return Offer(free, campaign, gifts, stamp)
