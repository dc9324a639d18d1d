"""Mails about members themselves: their level, and friends whom they brought along."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.numbers import format_currency, format_decimal
from sqlalchemy import text

from backend.loyalty.program.settings import Level
from backend.loyalty.wording import pick, points_text
from backend.mail.asking import Asked, NothingToTell
from backend.mail.languages import language_for
from backend.mail.messages import Context
from backend.platforms.base import Never

_CHANGE = text(
    "select c.from_level, c.to_level, m.tier from tier_change c"
    " join member m on m.shop_id = c.shop_id and m.id = c.member_id where c.shop_id = :shop and c.id = :change"
)
_STANDING = text("select reached, leaves_at, value from tier_standing where shop_id = :shop and member_id = :member")


def tier_changed(asked: Asked, context: Context) -> Context:
    """The level that the member has come to, or fallen to."""
    change = asked.session.execute(_CHANGE, {"shop": asked.shop.id, "change": asked.payload["change_id"]}).one_or_none()
    if change is None:
        raise Never(f"There is no change of tier {asked.payload['change_id']}.")
    if change.tier != change.to_level:
        raise NothingToTell("the level has changed again")
    before, after = _level(asked, change.from_level), _level(asked, change.to_level)
    if (change.to_level is not None and after is None) or (before is None and after is None):
        raise NothingToTell("the program has no such level any more")
    went_up = after is not None and (before is None or after.starts_at > before.starts_at)
    if went_up and after is not None:
        perks = tuple(filter(None, (pick(perk, asked.locale, asked.shop.locale) for perk in after.perks)))
        context = replace(context, perks=perks, multiplier=after.multiplier)
    return replace(
        context,
        level=_name(asked, after),
        level_before=_name(asked, before),
        went_up=went_up,
    )


def tier_ending(asked: Asked, context: Context) -> Context:
    """The level that ends unless it is reached again, and what that takes."""
    level = _level(asked, asked.payload["level"])
    standing = asked.session.execute(_STANDING, {"shop": asked.shop.id, "member": asked.member_id}).one_or_none()
    if level is None or standing is None or standing.leaves_at is None or standing.reached != level.id:
        raise NothingToTell("the level does not end any more")
    if standing.leaves_at <= asked.now:
        raise NothingToTell("the level has ended")
    leaves_at: datetime = standing.leaves_at
    missing = max(level.starts_at - standing.value, Decimal(0))
    return replace(
        context,
        level=_name(asked, level),
        expires_at=leaves_at,
        missing=_counted(asked, missing) if missing > 0 else None,
        counts_orders=asked.settings.tiers is not None and asked.settings.tiers.basis == "orders",
    )


def _level(asked: Asked, level_id: str | None) -> Level | None:
    levels = asked.settings.tiers.levels if asked.settings.tiers is not None else ()
    return next((level for level in levels if level.id == level_id), None)


def _name(asked: Asked, level: Level | None) -> str | None:
    return None if level is None else pick(level.name, asked.locale, asked.shop.locale)


def _counted(asked: Asked, missing: Decimal) -> str:
    """So much of what the levels count, as the reader writes it."""
    language = language_for(asked.locale, asked.shop.locale)
    spoken = Locale.parse(language, sep="-")
    basis = asked.settings.tiers.basis if asked.settings.tiers is not None else "points_earned"
    if basis == "spend":
        said: str = format_currency(missing, asked.shop.currency, locale=spoken)
        return said
    if basis == "orders":
        return str(format_decimal(missing, locale=spoken))
    return points_text(asked.settings.points_name, int(missing), language, asked.shop.locale)


# Referrals

_REFERRAL = text(
    """
    select coalesce(advocate.merged_into, r.advocate_id) as advocate_id, friend.first_name
    from referral r
    left join member advocate on advocate.shop_id = r.shop_id and advocate.id = r.advocate_id
    left join member name on name.shop_id = r.shop_id and name.id = r.friend_id
    left join member friend on friend.shop_id = r.shop_id and friend.id = coalesce(name.merged_into, name.id)
    where r.shop_id = :shop and r.id = :referral
    """
)
_POINTS = text(
    "select coalesce(sum(points), 0) from bonus where shop_id = :shop and member_id = :member and rule = 'referral'"
    " and state = 'given' and why ->> 'referral' = :referral"
)
_REWARD = text(
    "select frozen ->> 'name' from redemption where shop_id = :shop and member_id = :member and origin = 'earned'"
    " and frozen -> 'occasion' ->> 'referral' = :referral and status in ('requested', 'issued') order by id desc limit 1"
)


def referral_rewarded(asked: Asked, context: Context) -> Context:
    """What bringing a friend along, or having been brought along, has given."""
    referral = asked.session.execute(
        _REFERRAL, {"shop": asked.shop.id, "referral": asked.payload["referral_id"]}
    ).one_or_none()
    if referral is None:
        raise Never(f"There is no referral {asked.payload['referral_id']}.")
    is_advocate = referral.advocate_id == asked.member_id
    given = _given(asked)
    if not given["points"] and given["reward"] is None:
        raise NothingToTell("nothing was given")
    return replace(context, is_advocate=is_advocate, friend=referral.first_name if is_advocate else None, **given)


def _given(asked: Asked) -> dict[str, Any]:
    """The points and the reward that the member got for it."""
    referral = {"shop": asked.shop.id, "member": asked.member_id, "referral": str(asked.payload["referral_id"])}
    points = asked.session.execute(_POINTS, referral).scalar_one()
    name = asked.session.execute(_REWARD, referral).scalar()
    return {"points": int(points), "reward": name}
