"""Redeeming, seeing and giving back rewards, as the widget does it (contract section 5; S1.5 to S1.7, S2.11 to S2.28)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import check, posting
from backend.ledger.posting import SYSTEM
from backend.loyalty.rewards import rewards
from tests.conftest import BusinessTime, TestShop
from tests.loyalty import rewards_world as world
from tests.widget_api.conftest import Widget

FIVE_OFF = {
    "reward_name": "$5 OFF",
    "reward_id": "$5_OFF",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "reward_value": "5.00",
    "points_to_be_redeemed": 500,
}


@pytest.fixture(autouse=True)
def start(time: BusinessTime) -> None:
    time.set("2026-11-23T09:00:00+00:00")


@pytest.fixture
def offer(shop: TestShop) -> Callable[..., str]:
    """Make a reward, with its codes in stock; returns its public id."""

    def make(**document: Any) -> str:
        with transaction() as session:
            made = rewards.create(session, shop.facts, FIVE_OFF | document, clock.now(), rehearsal=True)
        points.refill_coupons()
        rewards.forget_current()
        return made.public_id

    return make


@pytest.fixture
def rich(widget: Widget) -> Widget:
    """A member with 1,200 points that never end."""
    give(widget, 1200)
    return widget


def give(widget: Widget, amount: int, *, expires_in: timedelta | None = None) -> None:
    if widget.token is None:
        widget.begin()
    with transaction() as session:
        member = session.execute(
            text("select id from member where shop_id = :shop and external_id = :id"),
            {"shop": widget.shop.id, "id": widget.customer},
        ).scalar_one()
        posting.grant(
            session,
            widget.shop.id,
            member,
            amount,
            at=clock.now(),
            key=f"gift:{member}:{amount}:{expires_in}",
            author=SYSTEM,
            reason="A gift",
            why={},
            expires_at=None if expires_in is None else clock.now() + expires_in,
        )


def redeem(widget: Widget, reward: str, key: str | None = None, **body: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return widget.call("me/redemptions", "POST", json={"reward_id": reward, **body}, headers=headers)


def mine(widget: Widget) -> list[dict[str, Any]]:
    return widget.call("me/redemptions").json["items"]


def violations(widget: Widget) -> list[Any]:
    with transaction() as session:
        return check.check(session, clock.now(), clock.wall(), widget.shop.id).violations


# What is on offer


def test_the_dashboard_says_how_far_the_member_is_from_each_reward(widget: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    give(widget, 120)
    (shown,) = widget.me()["rewards"]
    assert shown["id"] == reward
    assert (shown["reward_id"], shown["name"], shown["type"], shown["cost"]) == (
        "$5_OFF",
        "$5 OFF",
        "coupon_based_reward",
        500,
    )
    assert (shown["affordable"], shown["redeemable"], shown["missing_points"]) == (False, False, 380)
    assert shown["message"] == "You must have 380 more points to get reward"  # S1.7
    assert shown["value_text"] == "€5"


def test_a_reward_that_can_be_had_has_no_message(rich: Widget, offer: Callable[..., str]) -> None:
    offer()
    (shown,) = rich.me()["rewards"]
    assert (shown["affordable"], shown["redeemable"], shown["missing_points"], shown["message"]) == (
        True,
        True,
        0,
        None,
    )


@pytest.mark.parametrize(
    ("currency", "point_value", "said"),
    [
        ("EUR", "2", "€2"),
        ("EUR", "2.50", "€2.50"),
        ("EUR", "0.005", "€0.005"),
        ("JPY", "0.5", "¥0.5"),
        ("KWD", "0.0005", "KWD\N{NO-BREAK SPACE}0.0005"),
        ("KWD", "1.25", "KWD\N{NO-BREAK SPACE}1.250"),
    ],
)
def test_the_value_of_a_point_is_said_with_all_its_decimals(
    new_shop: Callable[..., TestShop], currency: str, point_value: str, said: str
) -> None:
    """S0.24: 200 points for a euro are not nothing for each."""
    shop = new_shop(currency=currency)
    world.reward(shop, world.CASHBACK, point_value=point_value)
    (shown,) = Widget(shop).me()["rewards"]
    assert shown["value_text"] == f"1 point = {said}"


def test_a_redeemed_reward_has_the_image_of_its_brand_where_its_card_has_none(rich: Widget) -> None:
    """S0.35."""
    shown = world.reward(rich.shop, world.GIFT, brand={"image_url": "https://shop.example/brand.png"})
    own = world.reward(
        rich.shop,
        world.GIFT,
        reward_name="Own",
        brand={"image_url": "https://shop.example/brand.png"},
        reward_card_background_image_url="https://shop.example/own.png",
    )
    for each, image in ((shown, "brand"), (own, "own")):
        had = redeem(rich, each.public_id)
        assert had.json["reward"]["image_url"] == f"https://shop.example/{image}.png"


def test_cashback_is_shown_without_a_way_to_redeem_it(rich: Widget, offer: Callable[..., str]) -> None:
    """S0.44, A2."""
    offer(
        reward_name="Pay with points",
        reward_id="pay",
        reward_type="cashback",
        reward_sub_type=None,
        reward_value=None,
        points_to_be_redeemed=None,
        point_value="2",
    )
    (shown,) = rich.me()["rewards"]
    assert (shown["type"], shown["point_value"], shown["redeemable"]) == ("cashback", "2", False)
    assert shown["value_text"] == "1 point = €2"
    refusal = redeem(rich, shown["id"])
    assert (refusal.status_code, refusal.json["code"]) == (409, "reward_inactive")


def test_visitors_see_what_is_shown_to_guests_and_nothing_of_members(widget: Widget, offer: Callable[..., str]) -> None:
    offer(show_on_guest_dashboard=True)
    offer(reward_name="Secret", reward_id="secret")
    (shown,) = widget.program().json["rewards"]
    assert shown["name"] == "$5 OFF"
    assert not {"affordable", "message", "redeemable"} & set(shown)


def test_a_reward_for_others_is_not_shown_and_cannot_be_had(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer(
        member_eligibility_rules=[
            {"conditions": [{"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortA"]}]}
        ]
    )
    assert rich.me()["rewards"] == []
    refusal = redeem(rich, reward)
    assert (refusal.status_code, refusal.json["code"]) == (409, "not_eligible")
    assert "cohortA" in refusal.json["detail"]
    rich.shop.tell("customer.updated", {"id": "c-1", "tags": ["cohortA"]})
    assert [each["id"] for each in rich.me()["rewards"]] == [reward]
    assert redeem(rich, reward).status_code == 201


def test_who_is_refused_reads_why_in_the_language_of_the_panel(rich: Widget, offer: Callable[..., str]) -> None:
    for_others = offer(
        member_eligibility_rules=[
            {"conditions": [{"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortA"]}]}
        ]
    )
    paused = offer(reward_name="A", reward_id="a", is_active=False)

    def refusal(reward: str, locale: str) -> str:
        body, query = {"reward_id": reward}, {"locale": locale}
        detail: str = rich.call("me/redemptions", "POST", json=body, query_string=query).json["detail"]
        return detail

    assert refusal(for_others, "de-AT") == "Für Mitglieder mit dem Schlagwort cohortA."
    assert refusal(for_others, "ko") == "For members with the tag cohortA."
    assert refusal(paused, "it") == "Questo premio al momento non è disponibile."


def test_a_reward_for_a_tier_waits_for_the_tier(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer(target={"type": "level", "levels": ["gold"]})
    assert rich.me()["rewards"] == []
    assert redeem(rich, reward).json["code"] == "not_eligible"
    with transaction() as session:
        session.execute(text("update member set tier = 'gold' where shop_id = :shop"), {"shop": rich.shop.id})
    assert [each["id"] for each in rich.me()["rewards"]] == [reward]


def test_texts_come_in_the_readers_language(rich: Widget, offer: Callable[..., str]) -> None:
    offer(translations={"fr": {"reward_name": "5 € offerts", "brand": {"name": "Maison"}}})
    (shown,) = rich.me(query_string={"locale": "fr"})["rewards"]
    assert (shown["name"], shown["cost_text"]) == ("5 € offerts", "500 points")
    assert shown["brand"] == {"name": "Maison", "description_html": None, "image_url": None}  # named there alone


# Redeeming


def test_redeeming_takes_the_points_and_gives_a_code(rich: Widget, offer: Callable[..., str]) -> None:
    answer = redeem(rich, offer(), "once")
    assert answer.status_code == 201
    had = answer.json
    assert (had["status"], had["use_state"], had["points"]) == ("issued", "delivered", 500)
    assert had["code"].startswith("LGN-")
    assert had["use"] == {"label": "Use it now", "url": f"https://shop.example/discount/{had['code']}"}
    assert had["can_return"]
    assert rich.me()["balance"]["available"] == 700
    assert mine(rich) == [had]
    spent = rich.call("me/activity").json["items"][0]
    assert (spent["kind"], spent["points"], spent["title"]) == ("spend", -500, "$5 OFF: Points spent")
    assert violations(rich) == []


def test_on_shopify_a_code_leads_into_the_cart_which_is_shown(new_shop: Callable[..., TestShop]) -> None:
    """Shopify's own `/discount/<code>` puts it there; a code of the merchant's own may hold anything."""
    widget = Widget(new_shop(platform="shopify", domain="kiln-cart.myshopify.com"))
    give(widget, 500)
    with transaction() as session:
        document = FIVE_OFF | {"coupons": ["50%/#?&É"]}
        made = rewards.create(session, widget.shop.facts, document, clock.now(), rehearsal=True)
    rewards.forget_current()
    origin = {"Origin": "https://kiln-cart.myshopify.com"}
    had = widget.call("me/redemptions", "POST", json={"reward_id": made.public_id}, headers=origin)
    assert had.status_code == 201, had.text
    address = "https://kiln-cart.myshopify.com/discount/50%25%2F%23%3F%26%C3%89?redirect=/cart"
    assert had.json["use"] == {"label": "Use it now", "url": address}


def test_the_same_key_is_the_same_redemption_as_it_now_is(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    first = redeem(rich, reward, "once").json
    assert redeem(rich, reward, "once").json == first
    rich.call(f"me/redemptions/{first['id']}/return", "POST")
    again = redeem(rich, reward, "once")
    assert (again.status_code, again.json["id"], again.json["status"]) == (201, first["id"], "returned")
    assert rich.me()["balance"]["available"] == 1200


def test_the_same_key_is_known_even_after_the_reward_has_ended(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    first = redeem(rich, reward, "once").json
    with transaction() as session:
        rewards.update(session, rich.shop.facts, rewards.parse_public_id(reward), {"is_active": False}, clock.now())
    rewards.forget_current()
    assert redeem(rich, reward, "once").json["id"] == first["id"]
    assert redeem(rich, reward, "twice").json["code"] == "reward_inactive"


def test_the_same_key_with_another_body_is_refused(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    other = offer(reward_name="Other", reward_id="other")
    redeem(rich, reward, "once")
    refusal = redeem(rich, other, "once")
    assert (refusal.status_code, refusal.json["code"]) == (422, "idempotency_key_reused")
    assert rich.me()["balance"]["available"] == 700


def test_too_few_points_are_refused_with_the_sentence_of_the_button(widget: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    give(widget, 120)
    refusal = redeem(widget, reward)
    assert (refusal.status_code, refusal.json["code"]) == (409, "not_enough_points")
    assert refusal.json["missing_points"] == 380
    assert refusal.json["detail"] == "You must have 380 more points to get reward"
    assert mine(widget) == []


def test_points_that_end_soonest_are_used_first(widget: Widget, offer: Callable[..., str]) -> None:
    """S1.5, S3.28."""
    reward = offer()
    give(widget, 400)
    give(widget, 300, expires_in=timedelta(days=5))
    redeem(widget, reward)
    assert widget.me()["balance"]["expiring"] == []
    assert widget.me()["balance"]["available"] == 200


def test_points_past_their_date_are_not_spent_and_their_owner_is_told(
    widget: Widget, offer: Callable[..., str], time: BusinessTime
) -> None:
    reward = offer()
    widget.shop.tell("customer.created", {"id": "c-1", "email": "ada@mail.example"})
    give(widget, 500)
    give(widget, 400, expires_in=timedelta(days=5))
    time.advance(days=6)
    assert redeem(widget, reward).status_code == 201
    assert widget.me()["balance"]["available"] == 0
    with transaction() as session:
        told = session.execute(
            text("select payload ->> 'purpose' from outbox where shop_id = :shop and kind = 'mail'"),
            {"shop": widget.shop.id},
        ).scalars()
        assert "points_expired" in set(told)
    assert violations(widget) == []


def test_each_refusal_has_its_own_code_and_changes_nothing(
    rich: Widget, offer: Callable[..., str], time: BusinessTime
) -> None:
    cases = {
        "reward_inactive": offer(reward_name="A", reward_id="a", is_active=False),
        "limit_reached": offer(reward_name="B", reward_id="b", limit_per_member=1, points_to_be_redeemed=10),
        "out_of_stock": offer(reward_name="C", reward_id="c", coupons=["ONLY-1"], points_to_be_redeemed=10),
        "attributes_missing": offer(
            reward_name="D",
            reward_id="d",
            custom_transaction_attributes=[{"attribute_name": "Engraving", "is_attribute_mandatory": True}],
        ),
    }
    assert redeem(rich, cases["limit_reached"]).status_code == 201
    assert redeem(rich, cases["out_of_stock"]).json["code"] == "ONLY-1"
    for code, reward in cases.items():
        refusal = redeem(rich, reward)
        assert (refusal.status_code, refusal.json["code"]) == (409, code), refusal.json
        assert refusal.json["detail"].endswith(".")
    assert rich.me()["balance"]["available"] == 1180
    shown = {each["name"]: each for each in rich.me()["rewards"]}
    assert shown["C"]["message"] == "Sold out at the moment. Look in again soon."
    assert not shown["C"]["redeemable"] and not shown["B"]["redeemable"]


def test_a_program_that_is_switched_off_offers_nothing_and_refuses_all(
    rich: Widget, offer: Callable[..., str], shop: TestShop
) -> None:
    reward = offer()
    offer(reward_name="Pay", reward_id="pay", reward_type="cashback", reward_sub_type=None, reward_value=None,
          points_to_be_redeemed=None, point_value="2")  # fmt: skip
    had = redeem(rich, reward).json
    shop.set_program(enabled=False)
    assert rich.me()["rewards"] == []
    refusal = redeem(rich, reward)
    assert (refusal.status_code, refusal.json["code"]) == (409, "reward_inactive")
    assert refusal.json["detail"] == "This reward is not available at the moment."
    for door in ("quote", "hold"):
        refusal = rich.call(f"me/cashback/{door}", "POST", json={"order_total": "10.00"})
        assert (refusal.status_code, refusal.json["code"]) == (409, "cashback_unavailable")
    assert [(each["id"], each["can_return"]) for each in mine(rich)] == [(had["id"], True)]
    assert rich.call(f"me/redemptions/{had['id']}/return", "POST").json["status"] == "returned"


def test_a_reward_that_nobody_knows_is_not_found(rich: Widget) -> None:
    for reward in ("0" * 24, "f" * 24, "7", "", "x" * 24):
        assert redeem(rich, reward).status_code == 404


def test_attributes_are_checked_and_stand_in_the_ledger(rich: Widget, offer: Callable[..., str]) -> None:
    """S2.3, S2.28."""
    reward = offer(
        custom_transaction_attributes=[
            {"attribute_name": "Source Of Redemption", "attribute_type": "Text"},
            {"attribute_name": "Pieces", "attribute_type": "Number"},
        ]
    )
    for wrong in ({"source_of_redemption": 7}, {"pieces": "many"}, {"unknown": "x"}):
        refusal = redeem(rich, reward, attributes=wrong)
        assert (refusal.status_code, refusal.json["code"]) == (422, "attributes_wrong")
        assert refusal.json["errors"][0]["field"].startswith("attributes.")
    assert redeem(rich, reward, attributes={"source_of_redemption": "widget"}).status_code == 201
    why = rich.call("me/activity").json["items"][0]["why"]
    assert why["attributes"] == {"source_of_redemption": "widget"}


def test_without_a_code_in_stock_the_points_wait_for_it(shop: TestShop, offer: Callable[..., str]) -> None:
    """Contract section 6: 201, requested, no code yet, the points on hold."""
    widget = Widget(shop)
    give(widget, 600)
    with transaction() as session:
        session.execute(
            text("update shop set discounts_url = 'http://127.0.0.1:1/discounts' where id = :id"), {"id": shop.id}
        )
    from backend.loyalty.shops import shops

    shops.forget_facts()
    reward = offer()
    had = redeem(widget, reward).json
    assert (had["status"], had["code"], had["can_return"]) == ("requested", None, True)
    balance = widget.me()["balance"]
    assert (balance["available"], balance["on_hold"]) == (100, 500)
    given_back = widget.call(f"me/redemptions/{had['id']}/return", "POST")
    assert given_back.json["status"] == "returned"
    assert widget.me()["balance"]["available"] == 600
    assert violations(widget) == []


# Giving back


def test_an_unused_reward_goes_back_with_the_old_dates(widget: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    give(widget, 300)
    give(widget, 300, expires_in=timedelta(days=5))
    before = widget.me()["balance"]
    had = redeem(widget, reward).json
    given_back = widget.call(f"me/redemptions/{had['id']}/return", "POST")
    assert (given_back.status_code, given_back.json["status"], given_back.json["can_return"]) == (
        200,
        "returned",
        False,
    )
    assert widget.me()["balance"] == before
    assert widget.call(f"me/redemptions/{had['id']}/return", "POST").json["status"] == "returned"
    assert widget.me()["balance"] == before
    assert violations(widget) == []


def test_a_used_reward_does_not_go_back(rich: Widget, offer: Callable[..., str]) -> None:
    had = redeem(rich, offer()).json
    rich.shop.tell(
        "order.paid",
        {
            "id": "o-1",
            "customer": {"id": "c-1"},
            "currency": "EUR",
            "created_at": "2026-11-23T10:00:00Z",
            "subtotal": "40.00",
            "discount_codes": [had["code"].lower()],
        },
    )
    (shown,) = mine(rich)
    assert (shown["use_state"], shown["used_at"], shown["use"]) == ("used", "2026-11-23T10:00:00Z", None)
    refusal = rich.call(f"me/redemptions/{had['id']}/return", "POST")
    assert (refusal.status_code, refusal.json["code"]) == (409, "not_returnable")


def test_what_an_order_has_used_is_not_offered_back_though_its_mark_was_taken_away(
    rich: Widget, offer: Callable[..., str]
) -> None:
    had, untouched = redeem(rich, offer()).json, redeem(rich, offer(reward_name="$5 more", reward_id="more")).json
    bought = world.buy(rich.shop, had["code"])
    world.mark(rich.shop, int(had["id"]), use_state="delivered")

    def offered_back() -> dict[str, bool]:
        return {each["id"]: each["can_return"] for each in mine(rich)}

    assert offered_back() == {had["id"]: False, untouched["id"]: True}
    assert rich.call(f"me/redemptions/{had['id']}/return", "POST").status_code == 409
    world.tell_again(rich.shop, bought, cancelled_at=bought["created_at"])
    assert offered_back() == {had["id"]: True, untouched["id"]: True}
    assert rich.call(f"me/redemptions/{had['id']}/return", "POST").status_code == 200


def test_nobody_gives_back_or_sees_what_is_anothers(
    rich: Widget, offer: Callable[..., str], widget_of: Callable[..., Widget]
) -> None:
    had = redeem(rich, offer()).json
    stranger = widget_of(rich.shop, "c-2")
    for path in (f"me/redemptions/{had['id']}/return", "me/redemptions/999999/return", "me/redemptions/x/return"):
        assert stranger.call(path, "POST").status_code == 404
    assert mine(stranger) == []


def test_a_code_runs_out_at_the_end_of_its_last_day(
    rich: Widget, offer: Callable[..., str], time: BusinessTime
) -> None:
    had = redeem(rich, offer(coupon_valid_days=2)).json
    assert had["expires_at"] == "2026-11-25T23:00:00Z"  # Paris
    time.set("2026-11-25T23:00:00+00:00")
    (shown,) = mine(rich)  # no sweep has run
    assert (shown["status"], shown["use"], shown["can_return"]) == ("expired", None, False)
    points.expire_rewards()
    assert mine(rich)[0]["status"] == "expired"
    assert rich.me()["balance"]["available"] == 700


def test_the_list_is_paged_without_gaps(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer(points_to_be_redeemed=10)
    had = [redeem(rich, reward).json["id"] for _ in range(5)]
    first = rich.call("me/redemptions?limit=2").json
    had.append(redeem(rich, reward).json["id"])
    second = rich.call(f"me/redemptions?limit=2&after={first['next']}").json
    third = rich.call(f"me/redemptions?limit=2&after={second['next']}").json
    seen = [each["id"] for page in (first, second, third) for each in page["items"]]
    assert seen == sorted(had[:5], key=int, reverse=True)
    assert third["next"] is None


def test_the_merchants_words_after_redeeming_carry_the_code(rich: Widget, offer: Callable[..., str]) -> None:
    """S2.14, S2.15: their marks are filled in, and nothing of it becomes markup that the merchant did not write."""
    reward = offer(
        enduser_reward_confirmation_html="<p>Spend 500 points. Do you wish to confirm?</p>",
        enduser_reward_post_confirmation_html="<p>Use <b>{{coupon_code}}</b> for {{reward_name}}<script>x</script></p>",
    )
    (shown,) = rich.me()["rewards"]
    assert shown["confirmation_html"] == "<p>Spend 500 points. Do you wish to confirm?</p>"
    had = redeem(rich, reward).json
    assert had["post_confirmation_html"] == f"<p>Use <b>{had['code']}</b> for $5 OFF</p>"


def test_a_revoked_session_redeems_nothing(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    had = redeem(rich, reward).json
    with transaction() as session:
        session.execute(
            text("update member set token_version = token_version + 1 where shop_id = :shop"), {"shop": rich.shop.id}
        )
    for path in ("me/redemptions", f"me/redemptions/{had['id']}/return"):
        answer = rich.call(path, "POST", json={"reward_id": reward})
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert rich.call("me/redemptions").status_code == 401


def test_bad_bodies_and_keys_are_refused_by_name(rich: Widget, offer: Callable[..., str]) -> None:
    reward = offer()
    for body in ({}, {"reward_id": 7}, {"reward_id": reward, "points": 1}, {"reward_id": reward, "attributes": []}):
        assert rich.call("me/redemptions", "POST", json=body).status_code == 422
    assert redeem(rich, reward, "with space").status_code == 400
    assert rich.me()["balance"]["available"] == 1200


def test_answers_are_signed_and_for_the_shops_own_pages(rich: Widget, offer: Callable[..., str]) -> None:
    answer = redeem(rich, offer())
    assert answer.headers["Lagniappe-Signature"].startswith("t=")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    foreign = rich.call("me/redemptions", "POST", json={}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
