"""Putting rewards away and taking them out again, and making one like another. A reward is never deleted: what members
have of it goes on working, and reports name it."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy import update as change

from backend import db
from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.loyalty import reward_definition, rewards
from backend.loyalty.rewards import Reward
from backend.loyalty.shops import ShopFacts
from backend.models import Reward as Row

_LONGEST_NAME = 200
"""Of a reward; the number behind that of a copy needs eight."""


def archive(session: AnySession, shop: ShopFacts, reward_id: int, now: datetime, *, rehearsal: bool = False) -> Reward:
    """Take the reward out of sight: it is inactive, and in no list. Again changes nothing. Raises NotFound."""
    if rewards.find(session, shop.id, reward_id).archived_at is None:
        rewards.update(session, shop, reward_id, {"is_active": False}, now, rehearsal=rehearsal)
        _put(session, shop.id, reward_id, now)
    return rewards.find(session, shop.id, reward_id)


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
