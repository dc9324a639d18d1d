"""What the tests of gift cards and store credit have in common. Shopify's answers are noted as the senders note them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import discounts, points
from backend.jobs.calls import Call
from backend.loyalty.coupons import coupons
from backend.models import ShopifyShop
from backend.platforms.shopify import scopes
from tests.conftest import TestShop
from tests.loyalty.rewards_world import redeem, redemption, reward, rows

CARD = {
    "reward_name": "A gift card of 10",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "value_code",
    "given_as": "gift_card",
    "points_to_be_redeemed": 500,
    "reward_value": "10",
}
CREDIT = CARD | {"reward_name": "10 of store credit", "given_as": "store_credit"}
KINDS = [coupons.SHOPIFY_GIFT_CARD, coupons.SHOPIFY_STORE_CREDIT]


def shop_on_shopify(new_shop: Callable[..., TestShop], *granted: str) -> TestShop:
    """A shop with the app, which grants what every app asks for, and `granted`."""
    made = new_shop(platform="shopify", domain=f"kiln-{uuid4().hex[:12]}.myshopify.com")
    with transaction() as session:
        row = session.get_one(ShopifyShop, made.id)
        row.state, row.installed_at, row.scopes = "installed", clock.wall(), [*scopes.WANTED, *granted]
        row.access_token = row.refresh_token = "of no Shopify"
    return made


def calls(shop: TestShop) -> list[Any]:
    """What Shopify is to be told, the oldest first."""
    return rows(
        shop,
        "select * from outbox where shop_id = :shop and kind = any(:kinds) and state = 'waiting' order by id",
        kinds=KINDS,
    )


def answer(shop: TestShop, refusal: str | None = None) -> None:
    """What Shopify says to the oldest of them: done, or why never."""
    row = calls(shop)[0]
    call = Call(row.shop_id, row.id, row.kind, row.key, row.payload, 1, row.created_at, uuid4())
    with transaction() as session:
        session.execute(
            text(
                "update outbox set state = :state, attempts = 1, last_error = :error where shop_id = :shop and id = :id"
            ),
            {"state": "parked" if refusal else "done", "error": refusal, "shop": shop.id, "id": row.id},
        )
        if refusal is None:
            discounts.done(session, call)
        else:
            discounts.never(session, call, refusal)


def paid(shop: TestShop, member: int, document: dict[str, Any], **more: Any) -> Any:
    """A redemption that Shopify has paid."""
    had = redeem(shop, member, reward(shop, document, **more))
    points.refill_coupons()
    answer(shop)
    return redemption(shop, had.id)
