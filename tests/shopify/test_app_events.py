"""The app and the shop on Shopify: taken away, installed again, changed, forgotten (S3.25, platforms.md 2.5)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import inbox, upkeep
from backend.ledger import check
from backend.models import ShopifyShop
from backend.platforms.shopify.oauth import Tokens
from backend.shopify import installing
from backend.shopify.installing import InstalledShop
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import member_with
from tests.shopify.store import ANN, Store, customer, fulfilment, of_the_shop, order


@pytest.fixture
def store(installed_shop: TestShop) -> Store:
    """A shop with the app installed."""
    return Store(installed_shop)


def row(store: Store) -> ShopifyShop:
    with transaction() as session:
        found = session.get_one(ShopifyShop, store.shop.id)
        session.refresh(found)
        session.expunge(found)
    return found


def change(store: Store, **values: Any) -> None:
    with transaction() as session:
        found = session.get_one(ShopifyShop, store.shop.id)
        for name, value in values.items():
            setattr(found, name, value)


def uninstall(store: Store) -> None:
    store.tell("app/uninstalled", of_the_shop(store.domain))


def install(store: Store) -> None:
    """Somebody opens the app."""
    shop = InstalledShop("548380009", store.domain, "Kiln", "EUR", "Europe/Paris", "en")
    wall = clock.wall()
    tokens = Tokens("shpat_new", wall + timedelta(hours=1), "shprt_new", wall + timedelta(days=90), ("read_orders",))
    with transaction() as session:
        installing.install(session, shop, tokens, now=clock.now())


def ask_for_redaction(store: Store) -> None:
    store.tell("shop/redact", {"shop_id": 548380009, "shop_domain": store.domain})


def two_days_later(store: Store) -> None:
    """As if 48 hours had passed since the app was taken away."""
    with transaction() as session:
        session.execute(
            text(
                "update shopify_shop set redact_at = redact_at - interval '48 hours',"
                " uninstalled_at = uninstalled_at - interval '48 hours' where shop_id = :shop"
            ),
            {"shop": store.shop.id},
        )


def is_forgotten(store: Store) -> bool:
    kept = store.look("select email, status from member where shop_id = :shop")
    return all(each.email is None and each.status == "erased" for each in kept)


def with_people(store: Store) -> None:
    store.tell("customers/create", customer())
    store.tell("orders/fulfilled", order(fulfillments=[fulfilment()]))
    store.tell("orders/paid", order(1002, customer=None, email="guest@shop.example"))


# Taken away, and back.


def test_when_the_app_is_taken_away_its_tokens_go_and_nothing_is_asked_any_more(store: Store) -> None:
    change(store, orders_next_at=clock.wall(), topics_next_at=clock.wall(), codes_next_at=clock.wall())
    uninstall(store)
    found = row(store)
    assert (found.state, found.access_token, found.refresh_token) == ("uninstalled", None, None)
    assert (found.orders_next_at, found.topics_next_at, found.codes_next_at) == (None, None, None)
    assert found.uninstalled_at is not None
    assert [each.event for each in store.look("select event from installation where shop_id = :shop")] == [
        "uninstalled"
    ]


def test_points_that_were_promised_before_are_posted_and_later_orders_earn_nothing(
    store: Store, time: BusinessTime
) -> None:
    time.set("2026-11-21T12:00:00+01:00")
    store.tell("orders/fulfilled", order(fulfillments=[fulfilment()]))
    uninstall(store)
    time.advance(days=4)
    later = clock.now().isoformat()
    store.tell("orders/fulfilled", order(1002, created_at=later, updated_at=later, fulfillments=[fulfilment(at=later)]))
    found = store.balance()
    assert found is not None and (found.available, found.pending) == (10, 0)


def test_a_shop_that_comes_back_has_everything_as_it_was(store: Store) -> None:
    with_people(store)
    uninstall(store)
    ask_for_redaction(store)
    assert row(store).redact_at is not None
    install(store)
    two_days_later(store)
    upkeep.redact_shops()
    member = store.member()
    assert member is not None and member.email == "ann@shop.example"
    assert (row(store).state, row(store).redact_at) == ("installed", None)


def test_an_uninstall_that_is_handled_after_the_shop_came_back_leaves_its_new_tokens(
    store: Store, time: BusinessTime
) -> None:
    uninstall(store)
    time.advance(minutes=1)
    answer = store.send("app/uninstalled", of_the_shop(store.domain))
    assert answer.status_code == 202
    time.advance(minutes=1)
    install(store)
    inbox.drain()
    assert row(store).state == "installed" and row(store).access_token is not None


# Forgotten.


def test_a_shop_that_stays_away_is_forgotten_and_its_ledger_is_nobodys(store: Store) -> None:
    with_people(store)
    uninstall(store)
    ask_for_redaction(store)
    upkeep.redact_shops()
    assert not is_forgotten(store), "it may come back for two days"
    two_days_later(store)
    upkeep.redact_shops()
    assert is_forgotten(store)
    left = store.look(
        "select (select count(*) from delivery where shop_id = :shop and body is not null) as bodies,"
        " (select count(*) from orders where shop_id = :shop and known::text like '%@%') as addresses,"
        " (select count(*) from verified_address where shop_id = :shop) as verified,"
        " (select sum(points) from entry where shop_id = :shop and kind = 'promise') as points"
    )
    assert tuple(left[0]) == (0, 0, 0, 10)
    assert row(store).redact_at is None
    with transaction() as session:
        assert check.check(session, clock.now(), clock.wall(), store.shop.id).violations == []


def test_a_large_shop_is_forgotten_in_steps(store: Store) -> None:
    for number in range(45):
        member_with(store.shop, 1, str(8000 + number), email=f"m{number}@shop.example")
    uninstall(store)
    ask_for_redaction(store)
    two_days_later(store)
    upkeep.redact_shops()
    assert is_forgotten(store)


def test_no_other_shop_is_forgotten_with_it(store: Store, new_shop: Any) -> None:
    other = Store(new_shop(platform="shopify", domain="neighbour.myshopify.com"))
    with_people(store)
    with_people(other)
    uninstall(store)
    ask_for_redaction(store)
    two_days_later(store)
    upkeep.redact_shops()
    assert is_forgotten(store) and other.member() is not None


def test_a_request_that_comes_after_the_shop_is_back_wipes_nothing(store: Store) -> None:
    with_people(store)
    uninstall(store)
    install(store)
    ask_for_redaction(store)
    assert row(store).redact_at is None
    upkeep.redact_shops()
    assert store.member() is not None


def test_a_shop_whose_uninstall_was_never_told_is_forgotten_too(store: Store) -> None:
    with_people(store)
    change(store, needs_opening=True)  # Shopify has refused its tokens since
    ask_for_redaction(store)
    assert row(store).state == "uninstalled"
    upkeep.redact_shops()
    assert store.member() is not None
    two_days_later(store)
    upkeep.redact_shops()
    assert is_forgotten(store)


def test_a_request_of_an_earlier_leave_waits_two_days_from_the_last(store: Store) -> None:
    with_people(store)
    uninstall(store)
    install(store)
    uninstall(store)
    ask_for_redaction(store)
    found = row(store)
    assert found.redact_at is not None and found.uninstalled_at is not None
    assert found.redact_at == found.uninstalled_at + timedelta(hours=48)


def test_a_shop_that_comes_back_while_it_is_forgotten_keeps_who_is_left(store: Store) -> None:
    with_people(store)
    uninstall(store)
    ask_for_redaction(store)
    two_days_later(store)
    change(store, state="installed", access_token="sealed")
    upkeep.redact_shops()
    assert store.member() is not None


# Changed.


def test_the_shop_is_called_and_found_as_it_says(store: Store) -> None:
    store.tell(
        "shop/update",
        of_the_shop(
            store.domain,
            name="Four",
            domain="Kiln.Example",
            iana_timezone="Asia/Tokyo",
            primary_locale="ja",
            currency="JPY",
        ),
    )
    found = store.shop.facts
    assert (found.name, found.timezone, found.locale, found.currency) == ("Four", "Asia/Tokyo", "ja", "JPY")
    assert (found.domain, found.shopify_domain) == ("kiln.example", store.domain)
    assert found.is_at("https://kiln.example") and found.is_at(f"https://{store.domain}")


def test_the_currency_stays_once_points_have_moved(store: Store) -> None:
    member_with(store.shop, 5, str(ANN))
    store.tell("shop/update", of_the_shop(store.domain, currency="JPY"))
    assert store.shop.facts.currency == "EUR"


@pytest.mark.parametrize(
    "odd",
    [
        {"iana_timezone": "Mars/Olympus"}, {"iana_timezone": None}, {"primary_locale": "not a language"}, {"currency": "XXZ"},
        {"domain": "no domain at all/"}, {"name": None}, {"name": "x" * 300},
    ],
)  # fmt: skip
def test_what_makes_no_sense_leaves_the_shop_as_it_is(store: Store, odd: dict[str, Any]) -> None:
    before = store.shop.facts
    body = of_the_shop(store.domain, name=before.name) | odd
    store.tell("shop/update", body)
    after = store.shop.facts
    assert (after.timezone, after.locale, after.currency, after.domain) == (
        before.timezone, before.locale, before.currency, before.domain,
    )  # fmt: skip
    assert after.name == before.name or odd.get("name", "").startswith(after.name)


def test_an_older_state_of_the_shop_changes_nothing(store: Store) -> None:
    store.tell("shop/update", of_the_shop(store.domain, name="New"))
    store.tell("shop/update", of_the_shop(store.domain, name="Old", updated_at="2026-11-01T00:00:00Z"))
    assert store.shop.facts.name == "New"


def test_what_the_merchant_has_granted_is_noted(store: Store) -> None:
    body = {"id": 1, "shop_id": "gid://shopify/Shop/5", "previous": [], "current": ["write_discounts", "read_orders"]}
    store.tell("app/scopes_update", body)
    assert row(store).scopes == ["read_orders", "write_discounts"]
