"""What the tests of codes at Shopify have in common: stock, what waits to be told, and what Shopify ends with."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox as sending
from backend.jobs import points
from backend.loyalty.coupons import coupons
from backend.loyalty.rewards.rewards import Reward
from backend.models import Reward as RewardRow
from tests.conftest import TestShop
from tests.loyalty.rewards_world import let_pass, rows

MADE = {"DiscountCreateBasic", "DiscountCreateFreeShipping"}


def send() -> None:
    """Tell Shopify what waits, once."""
    for kind in (coupons.SHOPIFY_DISCOUNT, coupons.SHOPIFY_CODE):
        sending.send_some(kind, sending.SENDERS[kind])


def waiting(shop: TestShop) -> list[Any]:
    return rows(
        shop,
        "select * from outbox where shop_id = :shop and kind in ('shopify_code', 'shopify_discount')"
        " and state = 'waiting' order by id",
    )


def calls(shop: TestShop) -> list[Any]:
    """All that Shopify was told or is to be told."""
    return rows(
        shop,
        "select * from outbox where shop_id = :shop and kind in ('shopify_code', 'shopify_discount') order by id",
    )


def send_all(shop: TestShop) -> None:
    """Tell Shopify until nothing waits, looking after the stock in between."""
    for _ in range(50):
        points.refill_coupons()
        if not waiting(shop):
            return
        let_pass(shop, hours=2)
        send()
    raise AssertionError(f"Shopify is never done: {[call.last_error for call in waiting(shop)][:5]}")


def make_stock(shop: TestShop, which: Reward, count: int) -> None:
    """So many codes more, still to be told."""
    with transaction() as session:
        row = session.get_one(RewardRow, (shop.id, which.id))
        coupons.make(session, shop.facts, row, row.worth, count, [], clock.now())


def working(shop: TestShop) -> set[str]:
    """The codes that we believe to work, in capitals."""
    found = rows(shop, "select upper(code) as code from coupon where shop_id = :shop and state = 'ready'")
    return {row.code for row in found}


def let_lease_end(shop: TestShop) -> None:
    """As if whoever had taken the rows had died two minutes ago."""
    with transaction() as session:
        session.execute(
            text(
                "update outbox set next_try_at = next_try_at - :time, lease_until = lease_until - :time"
                " where shop_id = :shop and state = 'waiting'"
            ),
            {"time": timedelta(minutes=2), "shop": shop.id},
        )
