"""The form of a value code in a shop on Shopify: a code, a gift card or store credit, and the permission for it."""

from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from backend.db import transaction
from backend.loyalty.rewards import reward_definition, rewards
from backend.models import ShopifyShop
from backend.platforms.shopify import scopes
from tests.admin.conftest import Desk
from tests.conftest import TestShop
from tests.loyalty.money_world import CARD as MADE_CARD
from tests.loyalty.money_world import CREDIT as MADE_CREDIT
from tests.loyalty.money_world import paid, shop_on_shopify
from tests.loyalty.rewards_world import member_with, rows

NEW = "/reward-campaigns/new"
CARD = {
    "campaign_type": "value_code",
    "given_as": "gift_card",
    "reward_name": "A gift card",
    "reward_id": "money",
    "points_to_be_redeemed": "500",
    "reward_value": "10",
    "is_active": "1",
    "all_time_active": "1",
}
CREDIT = CARD | {"given_as": "store_credit", "reward_name": "Store credit"}


@pytest.fixture
def kiln(new_shop: Callable[..., TestShop]) -> TestShop:
    """A shop on Shopify that grants what every app asks for, and nothing more."""
    return shop_on_shopify(new_shop)


@pytest.fixture
def desk(kiln: TestShop, sign_in: Callable[..., Desk]) -> Desk:
    return sign_in(of=kiln)


def grant(shop: TestShop, *more: str) -> None:
    with transaction() as session:
        session.get_one(ShopifyShop, shop.id).scopes = [*scopes.WANTED, *more]


def document(shop: TestShop) -> dict[str, Any]:
    with transaction() as session:
        (found,) = rewards.newest(session, shop.id, before=2**62, limit=10)
    return reward_definition.to_document(found.definition)


def address(shop: TestShop) -> str:
    with transaction() as session:
        (found,) = rewards.newest(session, shop.id, before=2**62, limit=10)
    return f"/reward-campaigns/{found.public_id}"


def is_shown(page: BeautifulSoup, name: str) -> bool:
    found = page.select_one(f'[name="{name}"]')
    return found is not None and not any(
        each.has_attr("hidden") for each in (found, *found.parents) if isinstance(each, Tag)
    )


def notice(page: BeautifulSoup, kind: str) -> Tag:
    found = page.select_one(f'.notice[data-shown-when$="given_as={kind}"]')
    assert found is not None
    return found


def test_a_value_code_may_be_one_of_three(desk: Desk) -> None:
    answer = BeautifulSoup(desk.post(NEW, **CARD | {"given_as": "code"}, do="fields").text, "html.parser")
    choice = answer.select_one("#field-given_as")
    assert choice is not None and is_shown(answer, "given_as")
    assert [each["value"] for each in choice.select("option")] == ["code", "gift_card", "store_credit"]
    assert not is_shown(desk.page(NEW), "given_as")  # of a discount code there is nothing to choose


@pytest.mark.parametrize(("document_", "is_prefix_shown"), [(CARD, True), (CREDIT, False)])
def test_fields_that_money_lacks_are_not_shown(desk: Desk, document_: dict[str, str], is_prefix_shown: bool) -> None:
    answer = BeautifulSoup(desk.post(NEW, **document_, do="fields").text, "html.parser")
    assert [is_shown(answer, name) for name in ("minimum_subtotal", "coupons_from", "coupons")] == [False] * 3
    assert is_shown(answer, "code_prefix") is is_prefix_shown
    assert is_shown(answer, "coupon_valid_days")


@pytest.mark.parametrize("form", [CARD, CREDIT])
def test_it_is_saved_without_what_stands_in_fields_that_it_lacks(
    desk: Desk, kiln: TestShop, form: dict[str, str]
) -> None:
    desk.done(NEW, **form, minimum_subtotal="20", code_prefix="SUN", coupons_from="uploaded", coupons="A1")
    saved = document(kiln)
    assert (saved["given_as"], saved["minimum_subtotal"]) == (form["given_as"], None)
    assert saved["code_prefix"] == ("SUN" if form is CARD else None)
    page = desk.page(address(kiln))
    assert page.select_one(f'#field-given_as option[value="{form["given_as"]}"][selected]') is not None
    assert "Paid by Shopify when somebody redeems" in page.get_text()
    assert "free)" not in page.select_one("main").get_text()  # type: ignore[union-attr]


def test_another_type_forgets_the_choice(desk: Desk, kiln: TestShop) -> None:
    desk.done(NEW, **CARD | {"campaign_type": "fixed_amount_discount"})
    assert "given_as" not in document(kiln)


def test_it_can_become_a_code_again(desk: Desk, kiln: TestShop) -> None:
    desk.done(NEW, **CARD)
    desk.done(address(kiln), **CARD | {"given_as": "code"})
    assert "given_as" not in document(kiln)


def test_a_prefix_that_is_too_long_is_said_at_its_field(desk: Desk) -> None:
    refused = desk.post(NEW, **CARD, code_prefix="SUMMER2026")
    page = BeautifulSoup(refused.text, "html.parser")
    assert "at most 8 letters and digits" in page.select_one("#wrong-code_prefix").get_text()  # type: ignore[union-attr]


def test_without_the_permission_it_says_so_and_shopify_is_asked_with_saving(desk: Desk) -> None:
    page = BeautifulSoup(desk.post(NEW, **CARD, do="fields").text, "html.parser")
    said = " ".join(notice(page, "gift_card").get_text().split())
    assert "has not granted so far: write_gift_cards and write_gift_card_transactions." in said
    assert "Open this page in your shop’s admin at Shopify" in said
    assert not notice(page, "gift_card").has_attr("hidden")
    assert notice(page, "store_credit").has_attr("hidden")
    option = page.select_one('#field-given_as option[value="gift_card"]')
    assert option is not None and option["data-scope"] == "write_gift_cards write_gift_card_transactions"


def test_what_was_granted_is_asked_for_no_more(desk: Desk, kiln: TestShop) -> None:
    grant(kiln, "write_gift_cards", "write_gift_card_transactions", "write_store_credit_account_transactions")
    page = BeautifulSoup(desk.post(NEW, **CARD, do="fields").text, "html.parser")
    assert page.select_one('.notice[data-shown-when$="given_as=gift_card"]') is None
    assert "data-scope" not in page.select_one('#field-given_as option[value="gift_card"]').attrs  # type: ignore[union-attr]
    assert "so far: read_store_credit_accounts." in " ".join(notice(page, "store_credit").get_text().split())


def test_what_is_granted_is_read_anew_once_it_was_asked_for(desk: Desk, kiln: TestShop) -> None:
    desk.done(NEW, **CARD | {"given_as": "code"})
    assert [row.topics_next_at for row in rows(kiln, "select * from shopify_shop where shop_id = :shop")] == [None]
    desk.done(address(kiln), **CARD)
    [row] = rows(kiln, "select * from shopify_shop where shop_id = :shop")
    assert row.topics_next_at is not None


def test_the_page_of_its_codes_tells_of_no_stock(desk: Desk, kiln: TestShop) -> None:
    desk.done(NEW, **CARD)
    page = desk.page(f"{address(kiln)}/codes")
    assert [each.get_text(strip=True) for each in page.select("dl.figures dt")] == ["Issued", "Redeemed"]
    assert "Paid by Shopify when somebody redeems" in page.get_text()
    assert page.select(".notice.warn") == []
    assert "Paid by Shopify" in desk.page("/reward-campaigns").get_text()


@pytest.mark.parametrize(("form", "is_listed"), [(MADE_CARD, True), (MADE_CREDIT, False)])
def test_the_receipt_of_store_credit_is_in_no_file(
    desk: Desk, kiln: TestShop, form: dict[str, Any], is_listed: bool
) -> None:
    had = paid(kiln, member_with(kiln, 500), form)
    lines = desk.get(f"{address(kiln)}/codes.csv").text.splitlines()
    assert lines[0] == "code,state,created_at"
    assert [line.split(",")[:2] for line in lines[1:]] == ([[had.code, "issued"]] if is_listed else [])


def test_a_reward_with_codes_of_ones_own_stays_with_them(desk: Desk, kiln: TestShop) -> None:
    desk.done(NEW, **CARD | {"given_as": "code"}, coupons_from="uploaded", coupons="A1")
    assert desk.page(address(kiln)).select_one("#field-given_as") is None


def test_other_platforms_see_nothing_of_it(shop: TestShop, sign_in: Callable[..., Desk]) -> None:
    elsewhere = sign_in(of=shop)
    assert elsewhere.page(NEW).select_one("#field-given_as") is None
    answer = BeautifulSoup(elsewhere.post(NEW, **CARD, do="fields").text, "html.parser")
    assert is_shown(answer, "minimum_subtotal")
    assert "only a shop on Shopify" in elsewhere.post(NEW, **CARD).text
    elsewhere.done(NEW, **{name: value for name, value in CARD.items() if name != "given_as"})
    assert document(shop)["reward_sub_type"] == "value_code"


@pytest.mark.parametrize(
    ("form", "says"), [(MADE_CARD, "Gift card, 10.00 EUR"), (MADE_CREDIT, "Store credit, 10.00 EUR")]
)
def test_what_was_redeemed_says_how_it_was_paid(desk: Desk, kiln: TestShop, form: dict[str, Any], says: str) -> None:
    member = member_with(kiln, 500)
    had = paid(kiln, member, form)
    rows_ = desk.page("/redeemed-rewards").get_text()
    assert (had.code in rows_) if had.code else "(LGN" not in rows_
    assert says in " ".join(desk.page(f"/redeemed-rewards/{had.id}").get_text().split())
    of_customer = " ".join(desk.page(f"/customers/{member}/redemptions/{had.id}").get_text().split())
    assert says in of_customer
    assert "The money is taken back at Shopify first, if none of it is spent, then the 500 points return" in of_customer
