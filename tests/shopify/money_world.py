"""What the tests of gift cards and store credit have in common: rewards paid in money, and what waits to be asked for."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend.db import transaction
from backend.jobs import outbox as sending
from backend.jobs import points
from backend.loyalty.coupons import coupons
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import TestShop
from tests.loyalty import rewards_world
from tests.loyalty.rewards_world import redemption, rows

CUSTOMER = "115310627314723954"
TEN = {
    "reward_name": "10 for you",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "value_code",
    "points_to_be_redeemed": 500,
    "reward_value": "10",
}
GIFT_CARD = TEN | {"given_as": "gift_card"}
STORE_CREDIT = TEN | {"given_as": "store_credit"}


def park_others() -> None:
    """What other tests left to be told is none of ours."""
    with transaction() as session:
        session.execute(
            text("update outbox set state = 'parked' where state = 'waiting' and kind = any(:kinds)"),
            {"kinds": list(coupons.OUTBOX_KINDS)},
        )
        session.execute(text("update shopify_shop set codes_next_at = null"))


def send() -> None:
    """Ask Shopify for what waits, once."""
    for kind in (coupons.SHOPIFY_GIFT_CARD, coupons.SHOPIFY_STORE_CREDIT):
        sending.send_some(kind, sending.SENDERS[kind])


def redeem(shop: TestShop, member: int, which: Reward) -> Any:
    """Have it, up to where Shopify is to be asked; the redemption's row."""
    had = rewards_world.redeem(shop, member, which)
    points.refill_coupons()
    return redemption(shop, had.id)


def waiting(shop: TestShop) -> list[Any]:
    return rows(
        shop,
        "select * from outbox where shop_id = :shop and kind = any(:kinds) and state = 'waiting' order by id",
        **_KINDS,
    )


def calls(shop: TestShop) -> list[Any]:
    """All that Shopify was asked for or is to be."""
    return rows(shop, "select * from outbox where shop_id = :shop and kind = any(:kinds) order by id", **_KINDS)


def payouts(shop: TestShop) -> list[Any]:
    return rows(shop, "select * from shopify_payout where shop_id = :shop order by coupon_id, is_back")


def coupon_of(shop: TestShop, had: Any) -> Any:
    """The coupon's row of a redemption."""
    (row,) = rows(shop, "select * from coupon where shop_id = :shop and redemption_id = :redemption", redemption=had.id)
    return row


def let_pass(shop: TestShop, **time: float) -> None:
    """As if that time had passed on the machine's clock since Shopify was last asked."""
    rewards_world.let_pass(shop, **time)
    with transaction() as session:
        session.execute(
            text(
                "update shopify_payout set asked_at = asked_at - :time, last_asked_at = last_asked_at - :time"
                " where shop_id = :shop"
            ),
            {"time": timedelta(**time), "shop": shop.id},
        )


def send_all(shop: TestShop) -> None:
    """Ask Shopify until nothing waits."""
    for _ in range(50):
        points.refill_coupons()
        if not waiting(shop):
            return
        let_pass(shop, minutes=3)
        send()
    raise AssertionError(f"Shopify is never done: {[call.last_error for call in waiting(shop)][:5]}")


_KINDS = {"kinds": [coupons.SHOPIFY_GIFT_CARD, coupons.SHOPIFY_STORE_CREDIT]}
