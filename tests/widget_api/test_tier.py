"""What the widget says about levels: everybody's ladder, and where a member stands on it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.loyalty.program import programs
from backend.loyalty.tiers import tiers
from backend.loyalty.tiers.tier_changes import ByHand
from backend.widget_api import reading
from backend.widget_api.tier_shape import ORDERS
from backend.widget_api.words import SENTENCES
from tests.conftest import NEXT_YEAR, BusinessTime, TestShop
from tests.loyalty.tiers_world import GOLD, SILVER, buy, earn, enrol, program, settle, take_back
from tests.widget_api.conftest import Widget

NewShop = Callable[..., TestShop]
BETTER_GOLD = {**GOLD, "from": 1000, "perks": [{"en": "Early access", "de": "Früher dabei"}]}


def of(shop: TestShop, **claims: Any) -> Any:
    return Widget(shop).call("me", **claims).json["tier"]


def test_everybody_sees_the_ladder(new_shop: NewShop) -> None:
    shop = new_shop(program(BETTER_GOLD, SILVER))
    shown = shop.client.get(f"/widget/v1/{shop.facts.widget_key}/program").json["tiers"]
    assert shown == {
        "basis": "points_earned",
        "window": "lifetime",
        "levels": [
            {
                "id": "silver",
                "name": "Silver",
                "from": 100,
                "from_text": "100 points",
                "multiplier": "1",
                "multiplier_text": None,
                "perks": [],
            },
            {
                "id": "gold",
                "name": "Gold",
                "from": 1000,
                "from_text": "1,000 points",
                "multiplier": "1.5",
                "multiplier_text": "1.5× points",
                "perks": ["Early access"],
            },
        ],
    }


def test_the_ladder_is_read_in_the_shoppers_language(new_shop: NewShop) -> None:
    shop = new_shop(program(BETTER_GOLD, SILVER))
    shown = shop.client.get(f"/widget/v1/{shop.facts.widget_key}/program?locale=de").json["tiers"]["levels"]
    assert (shown[0]["name"], shown[1]["from_text"]) == ("Silber", "1.000 Punkte")
    assert (shown[1]["multiplier_text"], shown[1]["perks"]) == ("1,5× Punkte", ["Früher dabei"])


def test_without_levels_both_say_so(shop: TestShop) -> None:
    assert shop.client.get(f"/widget/v1/{shop.facts.widget_key}/program").json["tiers"] is None
    assert of(shop) is None


def test_a_member_sees_how_far_the_next_level_is(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program(SILVER, BETTER_GOLD))
    nothing = of(shop)
    assert (nothing["level"], nothing["value"], nothing["fraction"]) == (None, 0, 0.0)
    assert nothing["next"]["missing_text"] == "100 points to Silver"
    earn(shop, enrol(shop), 620)
    widget = Widget(shop)
    assert widget.call("me").json["member"]["tier"] == "silver"
    assert widget.call("me").json["tier"] == {
        "level": {"id": "silver", "name": "Silver", "multiplier_text": None, "perks": []},
        "basis": "points_earned",
        "value": 620,
        "value_text": "620 points",
        "next": {"id": "gold", "name": "Gold", "at": 1000, "missing": 380, "missing_text": "380 points to Gold"},
        "fraction": 0.62,
        "keeps_until": None,
        "leaves_at": None,
        "is_manual": False,
    }


def test_nothing_is_said_to_be_missing_to_a_level_that_begins_at_nothing(new_shop: NewShop) -> None:
    """A newcomer is looked at a moment later."""
    shop = new_shop(program({**SILVER, "id": "clay", "from": 0, "name": {"en": "Clay"}}, SILVER))
    assert of(shop)["next"]["missing_text"] == "100 points to Silver"


def test_at_the_highest_level_nothing_is_missing(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    earn(shop, enrol(shop), 400)
    shown = of(shop)
    assert (shown["level"]["id"], shown["next"], shown["fraction"]) == ("gold", None, 1.0)


@pytest.mark.parametrize(
    ("basis", "starts_at", "value_text", "missing_text"),
    [("spend", 100, "€49.50", "€50.50 to Silver"), ("orders", 3, "1 order", "2 orders to Silver")],
)
def test_money_and_orders_are_said_as_such(
    new_shop: NewShop, time: BusinessTime, basis: str, starts_at: int, value_text: str, missing_text: str
) -> None:
    shop = new_shop(program({**SILVER, "from": starts_at}, basis=basis))
    enrol(shop)
    buy(shop, "49.50")
    shown = of(shop)
    assert (shown["value_text"], shown["next"]["missing_text"]) == (value_text, missing_text)


def test_money_that_a_third_of_a_line_was_taken_from_is_said_to_the_coin(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program({**SILVER, "from": 200}, basis="spend"))
    enrol(shop)
    buy(shop, "100.00", "o-1", line_items=[{"id": "l", "quantity": 3, "total": "100.00"}])
    refund = {"id": "r-1", "line_items": [{"line_item_id": "l", "quantity": 1}]}
    shop.tell("order.refunded", {"order_id": "o-1", "refund": refund})
    points.tiers()
    shown = of(shop)
    assert (shown["value_text"], shown["next"]["missing_text"]) == ("€66.67", "€133.33 to Silver")


def test_who_is_about_to_leave_a_level_sees_when(new_shop: NewShop, time: BusinessTime) -> None:
    time.set("2026-06-10T10:00:00+02:00")
    shop = new_shop(program(downgrade={"grace_days": 14}))
    member = enrol(shop)
    earn(shop, member, 100, "test:gone")
    take_back(shop, "test:gone")
    shown = of(shop)
    assert (shown["level"]["id"], shown["leaves_at"], shown["value"]) == ("silver", "2026-06-23T22:00:00Z", 0)
    assert shown["next"]["id"] == "gold"


def test_a_level_by_hand_is_said_to_be_one_and_until_when(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    until = datetime(NEXT_YEAR, 3, 1, tzinfo=UTC)
    with transaction() as session:
        tiers.give_by_hand(session, shop.facts, member, ByHand("gold", until, "Ada", "kind"), clock.now())
    shown = of(shop)
    assert (shown["level"]["id"], shown["is_manual"], shown["keeps_until"]) == (
        "gold",
        True,
        f"{NEXT_YEAR}-03-01T00:00:00Z",
    )
    assert (shown["value"], shown["next"]) == (0, None)


def test_what_a_year_reached_is_kept_to_the_end_of_the_next(new_shop: NewShop, time: BusinessTime) -> None:
    time.set("2026-06-10T10:00:00+02:00")
    shop = new_shop(program(window="calendar_year"))
    earn(shop, enrol(shop), 120)
    assert of(shop)["keeps_until"] == "2027-12-31T23:00:00Z"
    time.set("2027-06-10T10:00:00+02:00")
    settle()
    shown = of(shop)
    assert (shown["level"]["id"], shown["value"], shown["keeps_until"]) == ("silver", 0, "2027-12-31T23:00:00Z")


def test_between_a_change_of_the_program_and_the_next_look_nothing_wrong_is_said(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop(program())
    earn(shop, enrol(shop), 120)
    shop.set_program(**program({**SILVER, "from": 2}, basis="orders"))
    programs.forget_current()
    shown = of(shop)
    assert (shown["value"], shown["level"]["id"]) == (0, "silver")
    points.tiers()
    assert of(shop)["value"] == 0


def test_the_dashboard_reads_the_standing_in_its_one_statement(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    for _ in range(30):
        earn(shop, member, 3)
        time.advance(days=1)
    assert reading.ME_SQL.count("tier_standing") == 1
    assert "member_day" not in reading.ME_SQL  # the sums are there already
    assert of(shop)["value"] == 90


@pytest.mark.parametrize("language", SENTENCES)
def test_orders_are_counted_in_every_language(language: str) -> None:
    assert "other" in ORDERS[language]
