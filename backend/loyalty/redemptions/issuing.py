"""Issuing: a redemption that waits gets its code, or its points back if there will be none.

Whoever changes a redemption holds its member's account first: `locked` and `lock_waiting` take both, in the one global
order of accounts.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select, text

from backend.ledger import posting
from backend.ledger.posting import SYSTEM, AnySession, Author
from backend.loyalty import calendar_rules
from backend.loyalty.notifications import notices
from backend.loyalty.program import programs
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption


def locked(session: AnySession, shop_id: int, redemption_id: int) -> Redemption:
    """The redemption, held together with its member's account. The caller knows that it exists."""
    (redemption,) = lock_all(session, shop_id, [redemption_id])
    return redemption


def lock_all(session: AnySession, shop_id: int, redemption_ids: Iterable[int]) -> list[Redemption]:
    """The redemptions, oldest first, held together with their members' accounts."""
    ids = sorted(set(redemption_ids))
    if not ids:
        return []
    members = session.execute(
        select(Redemption.member_id).where(Redemption.shop_id == shop_id, Redemption.id.in_(ids)).distinct()
    ).scalars()
    posting.lock_accounts(session, shop_id, list(members))
    held = session.execute(
        select(Redemption)
        .where(Redemption.shop_id == shop_id, Redemption.id.in_(ids))
        .order_by(Redemption.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalars()
    return list(held)


def does_one_wait(session: AnySession, shop_id: int, reward_id: int, worth: Any) -> bool:
    """Whether a redemption of the reward waits for a code of that worth."""
    waiting = _waiting(shop_id, reward_id, worth).limit(1)
    return session.execute(waiting).first() is not None


def lock_waiting(session: AnySession, shop_id: int, reward_id: int, most: int, worth: Any = None) -> list[Redemption]:
    """Up to `most` redemptions that wait for a code, oldest first, held with their accounts; with `worth` those that
    were promised a code of that worth, whatever the reward is worth by now. One whose own code is being made needs no other.

    One that somebody else served meanwhile is left out, so there may be fewer than wait.
    """
    ids = session.execute(_waiting(shop_id, reward_id, worth).order_by(Redemption.id).limit(most)).scalars()
    return [
        each
        for each in lock_all(session, shop_id, ids)
        if each.status == "requested" and each.ending is None and each.coupon_id is None
    ]


def _waiting(shop_id: int, reward_id: int, worth: Any) -> Select[int]:
    waiting = select(Redemption.id).where(
        Redemption.shop_id == shop_id,
        Redemption.reward_id == reward_id,
        Redemption.status == "requested",
        Redemption.coupon_id.is_(None),
    )
    return waiting if worth is None else waiting.where(Redemption.frozen["worth"] == worth)


def issue(
    session: AnySession,
    shop: ShopFacts,
    redemption: Redemption,
    coupon_id: int,
    code: str | None,
    now: datetime,
    expires_at: datetime | None = None,
) -> None:
    """The redemption has its code: what was on hold for it is spent, and its owner is told. The caller holds it.

    `expires_at`: when the code ends at the store, if it was told so; otherwise the reward's days begin now.
    """
    redemption.coupon_id, redemption.code = coupon_id, code
    redemption.status, redemption.hold_until = "issued", None
    redemption.issued_at = now
    redemption.expires_at = expires_at or valid_until(shop, redemption.frozen.get("valid_days"), now)
    session.flush()
    capture(session, shop, redemption, now)
    tell(session, redemption, "reward_issued")


def fail(session: AnySession, shop: ShopFacts, redemption: Redemption, problem: str, now: datetime) -> None:
    """There will be no code: the points are free again, and their owner is told. The caller holds the redemption."""
    redemption.status, redemption.hold_until, redemption.ending = "failed", None, None
    redemption.problem, redemption.ended_at = problem, now
    session.flush()
    release(session, shop, redemption, now)
    make_room(session, redemption)
    tell(session, redemption, "reward_failed")


def capture(session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime) -> None:
    """What is on hold for it is spent."""
    if redemption.entry_id is not None:
        posting.capture(
            session,
            shop.id,
            redemption.member_id,
            redemption.entry_id,
            at=now,
            reason=redemption.frozen["name"],
            why=why(redemption),
        )


def release(
    session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime, author: Author = SYSTEM
) -> None:
    """What is on hold for it is available again, in the same lots."""
    if redemption.entry_id is not None:
        posting.release(
            session,
            shop.id,
            redemption.member_id,
            redemption.entry_id,
            at=now,
            author=author,
            reason=redemption.frozen["name"],
            why=why(redemption),
            grace_days=grace_days(shop.id),
        )


def first_order(session: AnySession, redemption: Redemption) -> Any:
    """The first order that carries its code and stands, with `order_id` and `placed_at`; or None."""
    return session.execute(
        text(
            "select order_id, placed_at from coupon_use where shop_id = :shop and redemption_id = :redemption and is_valid"
            " order by placed_at, order_id limit 1"
        ),
        {"shop": redemption.shop_id, "redemption": redemption.id},
    ).one_or_none()


def with_orders(session: AnySession, shop_id: int, redemption_ids: Collection[int]) -> set[int]:
    """Those of them whose code an order carries that stands."""
    found = session.execute(
        text(
            "select distinct redemption_id from coupon_use"
            " where shop_id = :shop and redemption_id = any(cast(:redemptions as bigint[])) and is_valid"
        ),
        {"shop": shop_id, "redemptions": list(redemption_ids)},
    ).scalars()
    return set(found)


def used_by(redemption: Redemption, order: Any) -> None:
    """Mark it as used by its `first_order`: with that what it is may be sent (S1.14)."""
    redemption.use_state = "used"
    redemption.order_id, redemption.used_at = order.order_id, order.placed_at
    redemption.delivery_status = redemption.delivery_status or "ordered"


def make_room(session: AnySession, redemption: Redemption) -> None:
    """It counts no more against the reward's limit."""
    _count(session, redemption, -1)


def take_room(session: AnySession, redemption: Redemption) -> None:
    """It counts against the reward's limit after all, even if there was no room left."""
    _count(session, redemption, 1)


def _count(session: AnySession, redemption: Redemption, change: int) -> None:
    reward = {"shop": redemption.shop_id, "id": redemption.reward_id}
    # Held even if there is no limit: who sets one counts what there is, and must not count past this.
    is_limited = session.execute(
        text("select limit_total is not null from reward where shop_id = :shop and id = :id for key share"), reward
    ).scalar_one()
    if is_limited:
        session.execute(
            text("update reward set taken = greatest(taken + :change, 0) where shop_id = :shop and id = :id"),
            {**reward, "change": change},
        )


def tell(session: AnySession, redemption: Redemption, purpose: str) -> None:
    """A mail to its owner, if they are to be told (notices.py)."""
    notices.tell(
        session,
        redemption.shop_id,
        redemption.member_id,
        purpose,
        f"mail:{purpose}:{redemption.id}",
        redemption_id=redemption.id,
    )


def why(redemption: Redemption) -> dict[str, Any]:
    """What the ledger says of a movement that belongs to a redemption (S2.2, S2.3)."""
    return {
        "rule": "redemption",
        "redemption": str(redemption.id),
        "reward": redemption.frozen["name"],
        "reward_id": redemption.frozen["reward_id"],
        "attributes": redemption.attributes,
    }


def valid_until(shop: ShopFacts, valid_days: int | None, begins: datetime) -> datetime | None:
    """The first instant at which a code is good no more: the end of the local day so many days later. None: for ever."""
    return None if valid_days is None else calendar_rules.end_after_days(begins, valid_days, ZoneInfo(shop.timezone))


def grace_days(shop_id: int) -> int:
    """How long points live that come back into a lot that has ended, by the program in force."""
    _, settings = programs.current(shop_id)
    return settings.expiry.grace_days
