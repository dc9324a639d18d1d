"""Putting rewards away and taking them out again, and making one like another. A reward is never deleted: what members
have of it goes on working, and reports name it."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy import update as change

from backend import db
from backend.errors import Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.program import drafts, programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.rewards import campaigns, reward_definition, rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import pick
from backend.models import Reward as Row

_LONGEST_NAME = 200
"""Of a reward; the number behind that of a copy needs eight."""


def archive(session: AnySession, shop: ShopFacts, reward_id: int, now: datetime, *, rehearsal: bool = False) -> Reward:
    """Take the reward out of sight: it is inactive, and in no list. Again changes nothing.

    Raises NotFound; Conflict `reward_promised` while the program or a points campaign promises it, with the
    `places`.
    """
    if rewards.find(session, shop.id, reward_id).archived_at is None:
        if places := promised_by(session, shop, reward_id, now):
            raise Conflict(
                f"This reward is promised elsewhere: {', '.join(places)}. Choose another one there first.",
                code="reward_promised",
                places=places,
            )
        rewards.update(session, shop, reward_id, {"is_active": False}, now, rehearsal=rehearsal)
        _put(session, shop.id, reward_id, now)
    return rewards.find(session, shop.id, reward_id)


def promised_by(session: AnySession, shop: ShopFacts, reward_id: int, now: datetime) -> list[str]:
    """Where the program in force, its draft, and points campaigns that are on or to come give this reward; for people."""
    version = programs.version_for(session, shop.id, now)
    found = _of_program(programs.settings_of(version), shop.locale, reward_id)
    draft = drafts.read(session, shop.id)
    if draft is not None:
        of_draft = _of_program(drafts.settings_of(draft), shop.locale, reward_id)
        found += [f"{place} in the draft of the program" for place in of_draft if place not in found]
    return found + [
        f"the points campaign “{pick(each.names, None, shop.locale)}”"
        for each in campaigns.between(session, shop.id, now, None)
        if reward_id in each.gifts
    ]


def _of_program(settings: ProgramSettings, locale: str, reward_id: int) -> list[str]:
    shown = rewards.public_id(reward_id)
    found = []
    if settings.referral.enabled:
        sides = {"who brings a friend": settings.referral.advocate, "the friend": settings.referral.friend}
        found += [f"the referral program’s gift for {who}" for who, side in sides.items() if side.reward == shown]
    levels = settings.tiers.levels if settings.tiers is not None else ()
    return found + [f"the level “{pick(each.name, None, locale)}”" for each in levels if each.gift == shown]


def restore(session: AnySession, shop: ShopFacts, reward_id: int) -> Reward:
    """Bring an archived reward back into the lists, inactive as it is. Raises NotFound."""
    if rewards.find(session, shop.id, reward_id).archived_at is not None:
        _put(session, shop.id, reward_id, None)
    return rewards.find(session, shop.id, reward_id)


def duplicate(
    session: AnySession, shop: ShopFacts, reward_id: int, now: datetime, *, rehearsal: bool = False
) -> Reward:
    """Another reward like this one, inactive, named "Copy of …". Codes are not copied: a pool begins empty.

    Raises NotFound, and what `rewards.create` raises.
    """
    original = rewards.find(session, shop.id, reward_id)
    document = reward_definition.to_document(original.definition)
    document |= {"reward_name": _name_of_copy(session, shop.id, original.name), "reward_id": None, "is_active": False}
    if original.coupon_source == "uploaded":
        document["coupons"] = []
    return rewards.create(session, shop, document, now, rehearsal=rehearsal)


def _put(session: AnySession, shop_id: int, reward_id: int, archived_at: datetime | None) -> None:
    found = session.execute(
        change(Row)
        .where(Row.shop_id == shop_id, Row.id == reward_id)
        .values(archived_at=archived_at, version=Row.version + 1)
        .returning(Row.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound()
    session.expire_all()
    db.after_commit(rewards.forget_current)


def _name_of_copy(session: AnySession, shop_id: int, name: str) -> str:
    """ "Copy of 5 off", or with the first number that no reward of the shop has: "Copy of 5 off (2)"."""
    wanted = f"Copy of {name}"[: _LONGEST_NAME - 8].rstrip()
    taken = set(
        session.execute(
            select(func.lower(Row.name)).where(
                Row.shop_id == shop_id, func.lower(Row.name).startswith(wanted.lower(), autoescape=True)
            )
        ).scalars()
    )
    candidates = (wanted, *(f"{wanted} ({number})" for number in range(2, len(taken) + 3)))
    return next(each for each in candidates if each.lower() not in taken)
