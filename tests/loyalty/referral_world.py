"""What the tests of referrals have in common: an advocate with a link, friends who come by it, and what both have."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger.balance import balance
from backend.loyalty.referrals import referrals
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import rows

SIGN_UP = {"enabled": True, "reward_when": "registered", "hold_days": 0}
FIRST_ORDER = {"enabled": True, "reward_when": "first_order", "hold_days": 3}


def program(**referral: Any) -> dict[str, Any]:
    """The example program, with referrals: 100 points for the advocate, 50 for the friend."""
    return {**PROGRAM, "referral": {"enabled": True, "reward_when": "first_order", "hold_days": 3, **referral}}


def opened(new_shop: Callable[..., TestShop], time: BusinessTime, **referral: Any) -> TestShop:
    """A shop with that `program`, after whose opening a day has passed."""
    shop = new_shop(program(**referral))
    time.advance(days=1)
    return shop


def join(shop: TestShop, customer: str, code: str | None = None, **said: Any) -> int:
    """The store tells of a new account, made now, that came by a link; the member."""
    told = {"id": customer, "created_at": clock.now().isoformat(), **said}
    if code is not None:
        told["referral_code"] = code
    shop.tell("customer.created", told)
    return member(shop, customer)


def member(shop: TestShop, customer: str) -> int:
    (row,) = rows(shop, "select id from member where shop_id = :shop and external_id = :customer", customer=customer)
    return int(row.id)


def code_of(shop: TestShop, member_id: int) -> str:
    (row,) = rows(shop, "select referral_code from member where shop_id = :shop and id = :id", id=member_id)
    return str(row.referral_code)


def advocate(shop: TestShop, customer: str = "ada", **said: Any) -> tuple[int, str]:
    """Somebody with a link: the member, and the link's code."""
    made = join(shop, customer, email=f"{customer}@example.com", **said)
    return made, code_of(shop, made)


def open_widget(shop: TestShop, member_id: int, code: str, at: datetime | None = None) -> None:
    """The member opens the widget, brought by that link."""
    with transaction() as session:
        referrals.claim(session, shop.facts, member_id, code, at or clock.now())


def order(
    shop: TestShop, customer: str, order_id: str = "o-1", kind: str = "created", code: str | None = None, **given: Any
) -> dict[str, Any]:
    """Tell of an order of 100.00 by the customer, placed now; with the code of a link if they came by one."""
    told = {
        "id": order_id,
        "customer": {"id": customer} if code is None else {"id": customer, "referral_code": code},
        "currency": "EUR",
        "created_at": clock.now().isoformat(),
        "subtotal": "100.00",
        "total": "100.00",
        "payment_status": "paid",
        "line_items": [{"id": "l-1", "quantity": 1, "total": "100.00"}],
    } | given
    shop.tell(f"order.{kind}", told)
    return told


def collected(shop: TestShop, customer: str, order_id: str = "o-1", **given: Any) -> dict[str, Any]:
    """An order that was collected now."""
    now = clock.now().isoformat()
    return order(shop, customer, order_id, "collected", delivery_status="collected", collected_at=now, **given)


def refund_all(shop: TestShop, order_id: str = "o-1") -> None:
    line = {"line_item_id": "l-1", "quantity": 1, "amount": "100.00"}
    shop.tell("order.refunded", {"order_id": order_id, "refund": {"id": f"r-{order_id}", "line_items": [line]}})


def settle() -> None:
    """Let the jobs post and reward what is due."""
    points.post_due()
    points.reward_referrals()


def referral(shop: TestShop, friend_id: int) -> Any:
    """The row of the friend's referral, or None."""
    found = rows(shop, "select * from referral where shop_id = :shop and friend_id = :friend", friend=friend_id)
    return found[0] if found else None


def state(shop: TestShop, friend_id: int) -> Any:
    """`registered`, `qualified` or `rewarded`; of a rejected one the reason; None without a referral."""
    row = referral(shop, friend_id)
    return None if row is None else row.reason or row.state


def of_referral(shop: TestShop, member_id: int) -> int:
    """What referrals bring the member: promised or posted, and not taken back."""
    (row,) = rows(
        shop,
        "select coalesce(sum(points), 0) as points from bonus where shop_id = :shop and member_id = :member"
        " and rule = 'referral' and state = 'given'",
        member=member_id,
    )
    return int(row.points)


def available(shop: TestShop, member_id: int) -> int:
    with transaction() as session:
        return balance(session, shop.id, member_id, clock.now()).available
