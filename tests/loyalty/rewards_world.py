"""What the tests of rewards have in common: members with points, rewards, and what is done with both."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox as sending
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.balance import Balance, balance
from backend.ledger.check import check
from backend.ledger.posting import Author
from backend.loyalty.coupons import coupons
from backend.loyalty.members import members
from backend.loyalty.points import expiry
from backend.loyalty.redemptions import cashback, endings, marks, redemptions
from backend.loyalty.redemptions.redemptions import MustExpireFirst, Redeemer
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import TestShop

FIVE_OFF = {
    "reward_name": "5 off",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "points_to_be_redeemed": 500,
    "reward_value": "5",
}
GIFT = {"reward_name": "Water bottle", "reward_type": "gift", "points_to_be_redeemed": 300}
CASHBACK = {"reward_name": "Pay with points", "reward_type": "cashback", "point_value": "2"}

_numbers = count(1)


def member_with(shop: TestShop, points_: int = 0, customer: str = "c-1", **given: Any) -> int:
    """The member of that customer, with so many more points. `expires_at` is theirs, and `email` the member's."""
    with transaction() as session:
        member = members.enrol(session, shop.id, customer, clock.now())
        assert member is not None
        if "email" in given:
            member.email = given["email"]
        if points_:
            grant(session, shop, member.id, points_, given.get("expires_at"))
        return member.id


def grant(session: Any, shop: TestShop, member_id: int, points_: int, expires_at: datetime | None = None) -> None:
    posting.grant(
        session,
        shop.id,
        member_id,
        points_,
        at=clock.now(),
        key=f"test:{next(_numbers)}",
        author=posting.SYSTEM,
        reason="a test",
        why={},
        expires_at=expires_at,
    )


def reward(shop: TestShop, document: Mapping[str, Any] = FIVE_OFF, /, **more: Any) -> Reward:
    """A new reward; where there is no store to ask, its codes are in stock at once."""
    with transaction() as session:
        made = rewards.create(session, shop.facts, {**document, **more}, clock.now(), rehearsal=True)
    points.refill_coupons()
    return made


def change(shop: TestShop, which: Reward, **changes: Any) -> Reward:
    with transaction() as session:
        return rewards.update(session, shop.facts, which.id, changes, clock.now())


def redeem(shop: TestShop, member_id: int, which: Reward, key: str | None = None, /, **attributes: Any) -> Any:
    """Have it, as the widget's door does; the redemption's row."""
    who = Redeemer(member_id, Author("customer"))
    key = key or f"key-{next(_numbers)}"
    try:
        had = redemptions.redeem(shop.facts, who, which.id, attributes, key, clock.now())
    except MustExpireFirst:
        with transaction() as session:
            expiry.expire_of(session, shop.id, member_id, clock.now())
        had = redemptions.redeem(shop.facts, who, which.id, attributes, key, clock.now())
    return redemption(shop, had["id"])


def give_back(shop: TestShop, member_id: int, redemption_id: int) -> Any:
    with transaction() as session:
        endings.give_back(session, shop.facts, member_id, redemption_id, clock.now())
    return redemption(shop, redemption_id)


def mark(shop: TestShop, redemption_id: int, **what: Any) -> Any:
    with transaction() as session:
        marks.mark(session, shop.facts, redemption_id, clock.now(), **what)
    return redemption(shop, redemption_id)


def hold(shop: TestShop, member_id: int, total: str, points_: int | None = None, key: str | None = None) -> Any:
    """Hold points at a checkout of that total; the redemption's row."""
    with transaction() as session:
        held = cashback.hold(
            session, shop.facts, member_id, Decimal(total), points_, key or f"key-{next(_numbers)}", clock.now()
        )
        held_id = held.id
    return redemption(shop, held_id)


def redemption(shop: TestShop, redemption_id: int) -> Any:
    (row,) = rows(shop, "select * from redemption where shop_id = :shop and id = :id", id=redemption_id)
    return row


def order(order_id: str = "o-1", **given: Any) -> dict[str, Any]:
    """An order of 100.00 by c-1, made now unless `created_at` says otherwise."""
    return {
        "id": order_id,
        "customer": {"id": "c-1"},
        "currency": "EUR",
        "created_at": clock.now().isoformat(),
        "subtotal": "100.00",
        "total": "100.00",
        "payment_status": "paid",
    } | given


def buy(shop: TestShop, *codes: str, order_id: str = "o-1", **given: Any) -> dict[str, Any]:
    """Tell of an order that carries these codes; returns it, to be told again with more."""
    bought = order(order_id, discount_codes=list(codes), **given)
    shop.tell("order.created", bought)
    return bought


def tell_again(shop: TestShop, bought: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The same order as it is a minute later."""
    later = (clock.now() + timedelta(seconds=next(_numbers))).isoformat()
    changed = {**bought, "updated_at": later, **changes}
    shop.tell("order.updated", changed, at=later)
    return changed


def send() -> None:
    """Tell the stores what waits, once."""
    sending.send_some(coupons.OUTBOX_KIND, sending.SENDERS[coupons.OUTBOX_KIND])


def let_pass(shop: TestShop, **time: float) -> None:
    """As if that time had passed on the machine's clock for what waits to be sent and refilled."""
    with transaction() as session:
        for statement in (
            "update outbox set next_try_at = next_try_at - :time where shop_id = :shop and state = 'waiting'",
            "update coupon_refill set due_at = due_at - :time where shop_id = :shop",
        ):
            session.execute(text(statement), {"time": timedelta(**time), "shop": shop.id})


def send_all(shop: TestShop) -> None:
    """Tell the store until nothing waits, looking after the stock in between."""
    for _ in range(50):
        points.refill_coupons()
        if not rows(shop, "select 1 from outbox where shop_id = :shop and kind = 'discount' and state = 'waiting'"):
            return
        let_pass(shop, days=1)
        send()
    raise AssertionError("the store is never done")


def free_codes(shop: TestShop, which: Reward) -> list[str]:
    found = rows(
        shop,
        "select code from coupon_free where shop_id = :shop and reward_id = :reward order by coupon_id",
        reward=which.id,
    )
    return [row.code for row in found]


def coupon_states(shop: TestShop, which: Reward) -> dict[str, int]:
    found = rows(
        shop,
        "select state, count(*) as many from coupon where shop_id = :shop and reward_id = :reward group by 1",
        reward=which.id,
    )
    return {row.state: row.many for row in found}


def taken(shop: TestShop, which: Reward) -> int:
    (row,) = rows(shop, "select taken from reward where shop_id = :shop and id = :reward", reward=which.id)
    return int(row.taken)


def has(shop: TestShop, member_id: int) -> Balance:
    with transaction() as session:
        return balance(session, shop.id, member_id, clock.now())


def lots(shop: TestShop, member_id: int) -> list[tuple[int, datetime | None]]:
    """What remains, and until when, soonest first."""
    found = rows(
        shop,
        "select remaining, expires_at from lot where shop_id = :shop and member_id = :member and open"
        " order by expires_at, id",
        member=member_id,
    )
    return [(row.remaining, row.expires_at) for row in found]


def entries(shop: TestShop, member_id: int) -> list[tuple[str, int]]:
    """Kinds and points of the member's entries, oldest first, without what a test gave."""
    found = rows(
        shop,
        "select kind, points from entry where shop_id = :shop and member_id = :member and kind <> 'grant' order by id",
        member=member_id,
    )
    return [(row.kind, row.points) for row in found]


def mails(shop: TestShop, purpose: str) -> list[dict[str, Any]]:
    """The payloads of the mails of that kind."""
    found = rows(
        shop,
        "select payload from outbox where shop_id = :shop and kind = 'mail' and payload ->> 'purpose' = :purpose"
        " order by id",
        purpose=purpose,
    )
    return [row.payload for row in found]


def rows(shop: TestShop, statement: str, **parameters: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(statement), {"shop": shop.id, **parameters}).all())


def violations(shop: TestShop) -> list[Any]:
    """What `ledger check` says."""
    with transaction() as session:
        return check(session, clock.now(), clock.wall(), shop.id).violations
