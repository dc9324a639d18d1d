"""Redeemed rewards over the API: the columns, filters and marks of the documents' grid (S1.8 to S1.42)."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from backend.jobs import points
from tests.conftest import BusinessTime, TestShop
from tests.loyalty import rewards_world as world
from tests.loyalty.rewards_world import CASHBACK, FIVE_OFF, GIFT
from tests.merchant_api.conftest import Api
from tests.platforms.discount_store import open_store
from tests.widget_api.conftest import Widget

FREE = {"points_to_be_redeemed": 0}
ADA = {
    "id": "c-1",
    "email": "ada@mail.example",
    "phone": "+33 1 23 45 67 89",
    "first_name": "Ada",
    "last_name": "Diaz",
    "address": {"street": "1 rue de Rivoli", "city": "Paris"},
}
MOVED = {"street": "2 Unter den Linden", "city": "Berlin"}


@pytest.fixture
def at_noon(time: BusinessTime) -> BusinessTime:
    time.set("2026-11-23T12:00:00Z")
    return time


@pytest.fixture
def ada(at_noon: BusinessTime, api: Api) -> int:
    """A member with 1000 points."""
    api.shop.tell("customer.created", ADA)
    return world.member_with(api.shop, 1000)


def had(api: Api, member: int, document: dict[str, Any] = FIVE_OFF, /, **more: Any) -> str:
    """The id of a redemption that the member has just made of a reward of its own."""
    name = f"{document['reward_name']} {more}"[:60]
    return str(world.redeem(api.shop, member, world.reward(api.shop, {**document, "reward_name": name, **more})).id)


def one(api: Api, redemption: str) -> dict[str, Any]:
    answer = api.get(f"/redemptions/{redemption}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json
    return shown


def ids(api: Api, **query: Any) -> list[str]:
    answer = api.get("/redemptions", **query)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json["items"]]


def mark(api: Api, redemption: str, **what: str) -> Any:
    return api.call("PATCH", f"/redemptions/{redemption}", json=what)


def give_back(api: Api, redemption: str, key: str | None = None) -> Any:
    return api.post(f"/redemptions/{redemption}/return", key=key)


def balance(api: Api, member: int) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/members/{member}/balance").json
    return found


# What is shown


def test_a_redemption_has_every_column_of_the_documents_grid(api: Api, ada: int, at_noon: BusinessTime) -> None:
    reward = world.reward(
        api.shop, FIVE_OFF, reward_name="$5 OFF", coupons=["SPRING-1"], tax_value="0.95", coupon_valid_days=30
    )
    redemption = str(world.redeem(api.shop, ada, reward).id)
    at_noon.advance(hours=2)
    world.buy(api.shop, "spring-1", order_id="gid-1001")
    assert one(api, redemption) == {
        "id": redemption,
        "member": {
            "id": str(ada),
            "external_id": "c-1",
            "email": "ada@mail.example",  # S1.28
            "phone": "+33 1 23 45 67 89",  # S1.29
            "first_name": "Ada",  # S1.32
            "last_name": "Diaz",  # S1.33
        },
        "reward": {"id": f"{reward.id:024x}", "reward_id": reward.redemption_id, "name": "$5 OFF"},
        "reward_text": "$5 OFF (SPRING-1)",  # S1.30
        "type": "Discount code",  # S1.31
        "reward_type": "coupon_based_reward",
        "reward_sub_type": "fixed_amount_discount",
        "code": "SPRING-1",
        "worth": dict(reward.worth or {}),
        "origin": "points",  # S1.1
        "status": "issued",
        "ending": None,
        "use_state": "used",  # S1.11
        "unused_used": True,  # S1.39
        "delivery_status": "ordered",  # S1.14
        "redeemed_at": "2026-11-23T12:00:00Z",  # S1.24
        "issued_at": "2026-11-23T12:00:00Z",
        "used_at": "2026-11-23T14:00:00Z",  # S1.25
        "ended_at": None,
        "expires_at": "2026-12-23T23:00:00Z",
        "points": 500,  # S1.26
        "points_after": 500,  # S1.34
        "tax_value": "0.95",  # S1.27
        "cashback_status": "-",  # S1.37
        "discount": None,
        "address": ADA["address"],  # S1.41
        "order": "gid-1001",
        "attributes": {},
        "problem": None,
    }
    assert api.get("/redemptions").json["items"] == [one(api, redemption)]


_DISCOUNT = {"reward_type": "coupon_based_reward", "points_to_be_redeemed": 5}


@pytest.mark.parametrize(
    ("document", "label"),
    [
        (_DISCOUNT | {"reward_sub_type": "percentage_discount", "reward_value": "5"}, "Percentage discount code"),
        (_DISCOUNT | {"reward_sub_type": "fixed_amount_discount", "reward_value": "5"}, "Discount code"),
        (_DISCOUNT | {"reward_sub_type": "free_shipping"}, "Free delivery"),
        (_DISCOUNT | {"reward_sub_type": "value_code", "reward_value": "5"}, "Value code"),
        ({"reward_type": "gift", "points_to_be_redeemed": 5}, "Gift"),
        ({"reward_type": "event_invitation", "points_to_be_redeemed": 5}, "Invitation for the event"),
        ({"reward_type": "custom", "points_to_be_redeemed": 5}, "Custom campaign"),
    ],
)
def test_a_type_has_one_of_the_documents_names_and_is_found_by_it(
    api: Api, ada: int, document: dict[str, Any], label: str
) -> None:  # S1.31; cashback below
    other = had(api, ada, GIFT if label != "Gift" else FIVE_OFF, points_to_be_redeemed=5)
    redemption = had(api, ada, document | {"reward_name": "Any"})
    assert one(api, redemption)["type"] == label
    assert ids(api, type=label) == [redemption]
    assert set(ids(api)) == {redemption, other}


def test_a_code_in_the_making_is_no_code_yet(api: Api, ada: int, new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop(discounts_url="http://127.0.0.1:1/discounts")
    api = Api(shop, shop.made.api_key)
    shop.tell("customer.created", ADA)
    redemption = one(api, had(api, world.member_with(shop, 1000)))
    assert (redemption["status"], redemption["code"], redemption["issued_at"]) == ("requested", None, None)
    assert redemption["reward_text"] == redemption["reward"]["name"]
    assert ids(api, status="requested") == [redemption["id"]]


def test_a_reward_keeps_the_name_that_it_was_had_by(api: Api, ada: int) -> None:
    reward = world.reward(api.shop, GIFT)
    redemption = str(world.redeem(api.shop, ada, reward).id)
    world.change(api.shop, reward, reward_name="Thermos")
    assert one(api, redemption)["reward_text"] == "Water bottle"


@pytest.mark.parametrize(
    ("code", "message", "shown"),
    [
        ("0", "INIT: INIT", "0: INIT: INIT"),
        ("2", "GE_1: Wallet not found", "2: GE_1: Wallet not found"),
        ("3", "402: Pending at the bank", "3: 402: Pending at the bank"),
        ("7", "", "7"),
    ],
)
def test_cashback_shows_what_its_provider_said_last_as_it_came(
    api: Api, ada: int, code: str, message: str, shown: str
) -> None:  # S1.38, A8
    world.reward(api.shop, CASHBACK)
    held = str(world.hold(api.shop, ada, "100.00", 20).id)
    for payout in ({"provider": "PayTM", "code": "1"}, {"provider": "PayTM", "code": code, "message": message}):
        answer = api.call("PATCH", f"/redemptions/{held}", json={"payout": payout})
        assert answer.status_code == 200, answer.text
    assert (answer.json["cashback_status"], answer.json["status"]) == (shown, "requested")
    assert one(api, held)["cashback_status"] == shown


def test_nobody_pays_out_what_is_no_cashback(api: Api, ada: int) -> None:  # S1.37
    code = had(api, ada)
    refused = api.call("PATCH", f"/redemptions/{code}", json={"payout": {"provider": "PayTM", "code": "0"}})
    assert (refused.status_code, refused.json["code"]) == (409, "not_cashback")
    assert one(api, code)["cashback_status"] == "-"
    for wrong in ({}, {"provider": "PayTM"}, {"provider": "", "code": "0"}, {"provider": "PayTM", "code": 0}):
        assert api.call("PATCH", f"/redemptions/{code}", json={"payout": wrong}).status_code == 422


def test_cashback_tells_its_money_and_its_state_in_words(api: Api, ada: int, at_noon: BusinessTime) -> None:
    world.reward(api.shop, CASHBACK)
    held = str(world.hold(api.shop, ada, "100.00", 20).id)
    shown = one(api, held)
    assert (shown["type"], shown["discount"], shown["points"]) == ("Cashback", "40.00", 20)
    assert (shown["status"], shown["cashback_status"]) == ("requested", "On hold for a checkout")
    assert (shown["worth"]["kind"], shown["worth"]["value"]) == ("fixed_amount", "40.00")
    assert ids(api, type="Cashback") == [held]
    assert mark(api, held, use_state="used").json["code"] == "not_active"
    world.buy(api.shop, shown["code"])
    assert one(api, held)["cashback_status"] == "Paid to an order"
    let_go = str(world.hold(api.shop, ada, "100.00", 20).id)
    at_noon.advance(minutes=31)
    points.release_holds()
    shown = one(api, let_go)
    assert (shown["status"], shown["cashback_status"]) == ("expired", "Released: no order came in time")


def test_a_gift_goes_where_its_member_lived_then_and_all_else_to_where_they_live(
    api: Api, ada: int, at_noon: BusinessTime
) -> None:  # S1.16, S1.41
    gift, code = had(api, ada, GIFT), had(api, ada, FIVE_OFF)
    at_noon.advance(hours=1)
    api.shop.tell("customer.updated", ADA | {"address": MOVED})
    assert one(api, gift)["address"] == ADA["address"]
    assert one(api, code)["address"] == MOVED


def test_nothing_of_an_erased_member_is_shown_but_the_id(api: Api, ada: int) -> None:
    gift = had(api, ada, GIFT)
    api.shop.tell("customer.redacted", {"id": "c-1"})
    shown = one(api, gift)
    assert shown["address"] is None
    assert shown["member"] == {
        "id": str(ada), "external_id": None, "email": None, "phone": None, "first_name": None, "last_name": None,
    }  # fmt: skip


def test_what_the_member_was_asked_for_is_shown(api: Api, ada: int) -> None:
    size = {
        "attribute_name": "Size", "attribute_type": "Text", "attribute_id": "size", "is_attribute_mandatory": True,
    }  # fmt: skip
    reward = world.reward(api.shop, GIFT, custom_transaction_attributes=[size])
    assert one(api, str(world.redeem(api.shop, ada, reward, size="M").id))["attributes"] == {"size": "M"}


def test_one_that_does_not_exist_is_not_found(api: Api) -> None:
    for answer in (api.get("/redemptions/1"), mark(api, "1", use_state="used"), give_back(api, "1")):
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")


# Filters and pages


def test_the_list_holds_used_and_unused_newest_first(api: Api, ada: int) -> None:  # S1.20
    made = [had(api, ada, GIFT, points_to_be_redeemed=5, rank=number) for number in range(3)]
    mark(api, made[1], use_state="used")
    assert ids(api) == made[::-1]


def test_filters_by_when_it_was_redeemed_and_used(api: Api, ada: int, at_noon: BusinessTime) -> None:  # S1.17, S1.18
    first = had(api, ada, GIFT, points_to_be_redeemed=5)
    at_noon.advance(hours=1)
    second = had(api, ada, FIVE_OFF, points_to_be_redeemed=5)
    at_noon.advance(hours=1)
    mark(api, first, use_state="used")
    assert ids(api, redeemed_from="2026-11-23T13:00:00Z") == [second]
    assert ids(api, redeemed_to="2026-11-23T13:00:00Z") == [first]
    assert ids(api, redeemed_from="2026-11-23T13:00:00+01:00", redeemed_to="2026-11-23T15:00:00+01:00") == [
        second,
        first,
    ]
    assert ids(api, used_from="2026-11-23T14:00:00Z") == [first]
    assert ids(api, used_from="2026-11-23T14:00:01Z") == []
    assert ids(api, used_to="2026-11-23T14:00:00Z") == []
    assert ids(api, used_from="2026-11-23T00:00:00Z", used_to="2026-11-24T00:00:00Z") == [first]
    for wrong in ("yesterday", "2026-11-23", "2026-11-23T14:00:00", ""):
        answer = api.get("/redemptions", used_from=wrong)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "used_from")


def test_filters_by_use_and_by_delivery_status(api: Api, ada: int) -> None:  # S1.19, S1.21
    unused, used, sent = (had(api, ada, GIFT, points_to_be_redeemed=5, rank=number) for number in range(3))
    mark(api, used, use_state="used")
    mark(api, sent, use_state="used", delivery_status="shipped")
    assert ids(api, use_state="delivered") == [unused]
    assert ids(api, use_state="used") == [sent, used]
    assert ids(api, delivery_status="ordered") == [used]
    assert ids(api, delivery_status="shipped", use_state="used") == [sent]
    assert ids(api, delivery_status="delivered") == ids(api, use_state="delivered", delivery_status="ordered") == []
    assert api.get("/redemptions", delivery_status="lost").status_code == 400


def test_filters_by_member_reward_and_code(api: Api, ada: int) -> None:
    eve = world.member_with(api.shop, 1000, "c-2")
    reward = world.reward(api.shop, FIVE_OFF, coupons=["Spring-1", "Spring-2"])
    hers, eves = (str(world.redeem(api.shop, member, reward).id) for member in (ada, eve))
    other = had(api, eve, GIFT)
    assert ids(api, member=str(ada)) == [hers]
    assert ids(api, member=str(eve)) == [other, eves]
    assert ids(api, reward=reward.public_id) == [eves, hers]
    assert ids(api, reward=reward.public_id, member=str(eve)) == [eves]
    code = one(api, hers)["code"]
    for said in (code, code.upper(), code.lower()):
        assert ids(api, code=said) == [hers]
    assert ids(api, code=code[:-1]) == ids(api, code="") == []
    assert ids(api, member="9" * 19) == ids(api, reward="f" * 24) == []
    assert api.get("/redemptions", member="ada").status_code == api.get("/redemptions", reward="1").status_code == 400


def walk(api: Api, limit: int, between: Callable[[], object] | None = None, **query: Any) -> list[str]:
    """All pages, one after another."""
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = api.get("/redemptions", limit=limit, **query, **after).json
        assert 0 < len(page["items"]) <= limit
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            return seen
        assert re.fullmatch("[A-Za-z0-9_-]+", page["next"])
        after = {"after": page["next"]}
        if between is not None:
            between()


WAY = [None, "ordered", "shipped", "delivered", "canceled"]


@pytest.fixture
def delivered(api: Api, ada: int) -> dict[str, str | None]:
    """Gifts of every delivery status, newest first: id and status."""
    reward = world.reward(api.shop, GIFT, **FREE)
    gifts: dict[str, str | None] = {}
    for status in (WAY * 3)[::2] + WAY[1:4]:
        gift = str(world.redeem(api.shop, ada, reward).id)
        if status is not None:
            assert mark(api, gift, use_state="used", delivery_status=status).status_code == 200
        gifts[gift] = status
    return dict(reversed(gifts.items()))


@pytest.mark.parametrize("limit", [1, 2, 3, 11, 12])
@pytest.mark.parametrize(("sort", "way"), [("newest", None), ("delivery_status", WAY), ("-delivery_status", WAY[::-1])])
def test_the_pages_together_are_the_list_in_its_order(
    api: Api, delivered: dict[str, str | None], limit: int, sort: str, way: list[str | None] | None
) -> None:  # S1.21, S1.22
    newest = list(delivered)
    expected = newest if way is None else [each for step in way for each in newest if delivered[each] == step]
    assert walk(api, limit, sort=sort) == expected
    in_order = [delivered[each] for each in ids(api, sort=sort)]
    assert way is None or all(way.index(a) <= way.index(b) for a, b in pairwise(in_order))


@pytest.mark.parametrize("sort", ["newest", "delivery_status", "-delivery_status"])
def test_what_is_redeemed_between_two_pages_neither_shifts_nor_hides_anything(
    api: Api, ada: int, delivered: dict[str, str | None], sort: str
) -> None:
    reward = world.reward(api.shop, FIVE_OFF, **FREE)
    seen = walk(api, 2, between=lambda: world.redeem(api.shop, ada, reward), sort=sort)
    assert [each for each in seen if each in delivered] == walk(api, 1000, sort=sort, type="Gift")
    assert len(seen) == len(set(seen))


def test_a_filter_holds_on_every_page_of_every_order(api: Api, delivered: dict[str, str | None]) -> None:
    for sort in ("newest", "delivery_status", "-delivery_status"):
        assert walk(api, 1, sort=sort, delivery_status="shipped") == [
            each for each, status in delivered.items() if status == "shipped"
        ]


def test_every_cursor_is_good_for_every_order(api: Api, delivered: dict[str, str | None]) -> None:
    following = api.get("/redemptions", limit=1, sort="delivery_status").json["next"]
    assert ids(api, after=following, sort="newest") == list(delivered)  # before everything
    following = api.get("/redemptions", limit=1).json["next"]
    assert ids(api, after=following, sort="-delivery_status") == []  # after everything


# Marks


def test_a_reward_is_marked_used_and_unmarked(api: Api, ada: int, at_noon: BusinessTime) -> None:  # S1.12
    code = had(api, ada)
    before = one(api, code)
    assert (before["use_state"], before["unused_used"], before["delivery_status"]) == ("delivered", False, None)
    at_noon.advance(hours=1)
    used = mark(api, code, use_state="used").json
    assert (used["use_state"], used["unused_used"], used["delivery_status"]) == ("used", True, "ordered")  # S1.14
    assert used["used_at"] == "2026-11-23T13:00:00Z"
    assert mark(api, code, use_state="used").json == one(api, code) == used
    assert mark(api, code, use_state="delivered").json == before
    assert mark(api, code).json == before


def test_a_gift_is_ordered_shipped_and_delivered_and_can_be_canceled_at_any_time(api: Api, ada: int) -> None:  # S1.36
    gift = had(api, ada, GIFT)
    refused = mark(api, gift, delivery_status="shipped")
    assert (refused.status_code, refused.json["code"]) == (409, "delivery_status_not_allowed")
    for status in WAY[1:]:
        assert mark(api, gift, use_state="used", delivery_status=str(status)).json["delivery_status"] == status
    assert mark(api, gift, delivery_status="shipped").json["code"] == "delivery_status_not_allowed"


def test_everything_else_stays_ordered(api: Api, ada: int) -> None:  # S1.35
    code = had(api, ada)
    refused = mark(api, code, use_state="used", delivery_status="shipped")
    assert (refused.status_code, refused.json["code"]) == (409, "delivery_status_not_allowed")
    assert one(api, code)["use_state"] == "delivered"
    assert mark(api, code, use_state="used", delivery_status="ordered").json["delivery_status"] == "ordered"


@pytest.mark.parametrize("is_swept", [False, True])
def test_one_that_has_expired_is_expired_whether_or_not_the_sweep_has_run(
    api: Api, ada: int, at_noon: BusinessTime, is_swept: bool
) -> None:  # S1.13
    code = had(api, ada, coupon_valid_days=1)
    assert (one(api, code)["status"], ids(api, status="issued"), ids(api, status="expired")) == ("issued", [code], [])
    at_noon.set("2026-11-24T23:00:00Z")  # midnight in Paris
    if is_swept:
        points.expire_rewards()
    assert (one(api, code)["status"], ids(api, status="issued"), ids(api, status="expired")) == ("expired", [], [code])
    for use_state in ("used", "delivered"):
        refused = mark(api, code, use_state=use_state)
        assert (refused.status_code, refused.json["code"]) == (409, "not_active")


def test_what_was_used_does_not_expire(api: Api, ada: int, at_noon: BusinessTime) -> None:
    code = had(api, ada, coupon_valid_days=1)
    mark(api, code, use_state="used")
    at_noon.advance(days=9)
    points.expire_rewards()
    assert (one(api, code)["status"], ids(api, status="issued")) == ("issued", [code])


@pytest.mark.parametrize(
    "body", [{"use_state": "eaten"}, {"delivery_status": "lost"}, {"status": "returned"}, {"used_at": None}, [], "used"]
)
def test_a_mark_that_is_none_is_refused(api: Api, ada: int, body: Any) -> None:
    code = had(api, ada)
    assert api.call("PATCH", f"/redemptions/{code}", json=body).status_code == 422


# Returns


def test_a_merchant_gives_a_reward_back_for_its_member(api: Api, ada: int) -> None:
    code = had(api, ada)
    assert balance(api, ada)["available"] == 500
    answer = give_back(api, code)
    assert (answer.status_code, answer.json["status"], answer.json["ending"]) == (200, "returned", None)
    assert answer.json["ended_at"] == "2026-11-23T12:00:00Z"
    assert ids(api, status="returned") == [code]
    assert give_back(api, code).json == answer.json
    assert mark(api, code, use_state="used").json["code"] == "not_active"
    assert balance(api, ada)["available"] == 1000


def last_entry(api: Api, member: int) -> tuple[str, str, str | None]:
    """Kind, actor and the actor's name of what moved the member's points last."""
    newest = api.get(f"/members/{member}/transactions", limit=1).json["items"][0]
    return newest["kind"], newest["actor"], newest["actor_name"]


def test_the_entry_says_which_key_gave_it_back_and_a_shopper_s_own_that_it_was_they(
    api: Api, ada: int, key_with: Callable[..., Api]
) -> None:
    at_the_till, at_home = had(api, ada), had(api, ada, GIFT)
    assert give_back(key_with("points:assign", label="till"), at_the_till).status_code == 200
    assert last_entry(api, ada) == ("return", "staff", "API key “till”")
    assert Widget(api.shop).call(f"me/redemptions/{at_home}/return", "POST").status_code == 200
    assert last_entry(api, ada)[:2] == ("return", "customer")
    assert give_back(api, at_home).json["status"] == "returned"  # doing it again changes nothing
    assert last_entry(api, ada)[:2] == ("return", "customer")


def test_the_entry_says_it_too_when_the_store_disables_the_code_later(
    at_noon: BusinessTime, new_shop: Callable[..., TestShop], key_with: Callable[..., Api]
) -> None:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        api, till = Api(shop, shop.made.api_key), key_with("points:assign", label="till", of=shop)
        ada = world.member_with(shop, 1000)
        waiting = had(api, ada)
        assert one(api, waiting)["status"] == "requested"
        world.send_all(shop)
        assert give_back(till, waiting).json["ending"] == "returned"
        assert last_entry(api, ada)[0] == "capture"
        world.send_all(shop)
    assert last_entry(api, ada) == ("return", "staff", "API key “till”")


def test_the_same_key_again_gets_the_same_answer(api: Api, ada: int) -> None:
    code = had(api, ada)
    first, again = give_back(api, code, "a-key"), give_back(api, code, "a-key")
    assert (first.data, again.headers["Idempotency-Replayed"]) == (again.data, "true")


def test_what_was_used_cannot_be_given_back(api: Api, ada: int) -> None:
    code = had(api, ada)
    mark(api, code, use_state="used")
    refused = give_back(api, code)
    assert (refused.status_code, refused.json["code"]) == (409, "not_returnable")
    assert balance(api, ada)["available"] == 500


def test_nothing_comes_back_before_the_store_has_disabled_the_code(
    at_noon: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:
    shop = new_shop(discounts_url="http://127.0.0.1:1/discounts")
    api = Api(shop, shop.made.api_key)
    shop.tell("customer.created", ADA)
    ada = world.member_with(shop, 1000)
    code = had(api, ada, coupons=["SPRING-1"])
    answer = give_back(api, code).json
    assert (answer["status"], answer["ending"], balance(api, ada)["available"]) == ("issued", "returned", 500)
    at_noon.advance(days=9999)
    assert one(api, code)["status"] == "issued"
    assert mark(api, code, use_state="used").json["code"] == "not_active"


def test_looking_needs_no_more_than_read_and_points_come_back_only_by_points_assign(
    api: Api, ada: int, key_with: Callable[..., Api]
) -> None:
    code = had(api, ada)
    assert ids(key_with("read")) == [code]
    assert mark(key_with("read", "points:assign"), code, use_state="used").status_code == 403
    assert give_back(key_with("read", "write"), code).status_code == 403
    assert give_back(key_with("points:assign"), code).status_code == 200
