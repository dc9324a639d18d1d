"""What webhooks say: every type as it comes, as the OpenAPI document and docs/webhooks-out.md describe it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox, points
from backend.ledger.posting import Author
from backend.loyalty.notifications.endpoints import TYPES
from backend.loyalty.points import adjustments
from backend.merchant_api import openapi
from backend.merchant_api.webhooks_schema import MESSAGES
from tests.conftest import BusinessTime, TestShop
from tests.jobs.receiver import Receiver, open_receiver
from tests.jobs.test_webhooks_out import listen, send
from tests.loyalty import referral_world, tiers_world
from tests.loyalty.rewards_world import FIVE_OFF, give_back, mark, redeem, reward, rows

PAGE = Path(__file__).parents[2] / "docs" / "webhooks-out.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as opened:
        yield opened


@pytest.fixture
def told(
    app: Flask, new_shop: Callable[..., TestShop], receiver: Receiver, time: BusinessTime
) -> dict[str, dict[str, Any]]:
    """The first message of each type in the life of a shop where everything happens."""
    outbox.publish()
    with transaction() as session:
        session.execute(text("update outbox set state = 'parked' where kind = 'webhook' and state = 'waiting'"))
    program = {
        **referral_world.program(**referral_world.SIGN_UP),
        "expiry": {"kind": "days", "days": 30},
        "tiers": {"window": "lifetime", "levels": [tiers_world.SILVER]},
    }
    shop = new_shop(program)
    time.advance(days=1)
    listen(shop, receiver.url)
    ada, code = referral_world.advocate(shop)
    referral_world.join(shop, "ben", code, email="ben@example.com")
    _adjust(shop, ada, 700)
    points.tiers()
    five_off = reward(shop, FIVE_OFF, points_to_be_redeemed=50)
    returned, used = (redeem(shop, ada, five_off, key) for key in ("one", "two"))
    give_back(shop, ada, returned.id)
    mark(shop, used.id, use_state="used")
    referral_world.collected(shop, "ben", number="#1001")
    time.advance(days=5)
    shop.work()
    points.reward_referrals()
    shop.work()
    referral_world.refund_all(shop)
    time.advance(days=60)
    for _ in range(3):
        points.remind()
        _deliver_reminders(shop)
        points.expire()
        time.advance(days=10)
    for _ in range(10):
        send()
    return {each.said["type"]: each.said for each in reversed(receiver.in_order)}


def _adjust(shop: TestShop, member_id: int, points_: int) -> None:
    with transaction() as session:
        adjustments.adjust(
            session, shop.id, member_id, points_, "Sorry for the late parcel", Author("staff", "Ada"), "1", clock.now()
        )


def _deliver_reminders(shop: TestShop) -> None:
    with transaction() as session:
        session.execute(
            text("update lot set reminder = 'impossible' where shop_id = :shop and reminder in ('waiting', 'queued')"),
            {"shop": shop.id},
        )


def test_every_type_is_told_as_the_document_says(told: dict[str, dict[str, Any]]) -> None:
    assert set(told) == set(TYPES)
    for type_, said in told.items():
        MESSAGES[type_].model_validate(said)


def test_the_page_has_an_example_of_each_type_with_the_fields_that_come(told: dict[str, dict[str, Any]]) -> None:
    page = examples()
    assert set(page) == set(TYPES)
    for type_, example in page.items():
        MESSAGES[type_].model_validate(example)
        assert example["type"] == type_
        assert list(example) == list(told[type_])
        assert list(example["data"]) == list(told[type_]["data"]), type_


def test_a_reward_is_told_as_it_was_when_it_happened(told: dict[str, dict[str, Any]]) -> None:
    """In this story the first is returned, and the second used, before anybody is told."""
    states = {
        type_: (each["data"]["status"], each["data"]["use_state"]) for type_, each in told.items() if "reward." in type_
    }
    assert states == {
        "reward.redeemed": ("issued", "delivered"),
        "reward.used": ("issued", "used"),
        "reward.returned": ("returned", "delivered"),
    }


def test_the_openapi_document_has_them_as_webhooks(app: Flask) -> None:
    described = openapi.document()["webhooks"]
    assert set(described) == set(TYPES)
    schemas = openapi.document()["components"]["schemas"]
    for each in described.values():
        schema = each["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema["$ref"].rpartition("/")[2] in schemas


def test_no_name_and_no_address_of_a_person_leaves(told: dict[str, dict[str, Any]]) -> None:
    assert "example.com" not in json.dumps(list(told.values()))


def test_a_batch_that_posts_many_awards_tells_of_each(
    app: Flask, shop: TestShop, receiver: Receiver, time: BusinessTime
) -> None:
    listen(shop, receiver.url, "points.earned")
    now = time.now.isoformat()
    for number in range(30):
        shop.deliver(
            "order.collected",
            {
                "id": f"o-{number}",
                "customer": {"id": f"c-{number}"},
                "currency": "EUR",
                "created_at": now,
                "subtotal": "50.00",
                "payment_status": "paid",
                "collected_at": now,
                "delivery_status": "collected",
            },
        )
    shop.work()
    time.advance(days=5)
    shop.work()
    events = rows(shop, "select type, subject_id from outgoing_event where shop_id = :shop order by id")
    posted = rows(shop, "select id from entry where shop_id = :shop and kind = 'post' order by id")
    assert [each.subject_id for each in events] == [each.id for each in posted]
    assert len(events) == 30


def examples() -> dict[str, dict[str, Any]]:
    """The JSON below each heading that names a type."""
    found = re.findall(r"^### `([a-z._]+)`\n.*?```json\n(.*?)```", PAGE.read_text(), re.M | re.S)
    return {type_: json.loads(body) for type_, body in found}
