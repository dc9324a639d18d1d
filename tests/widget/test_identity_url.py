"""Who is signed in is asked for at the store's own address when somebody is interested, and not before."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.widget.conftest import STORE, Store

ADDRESS = "/apps/lagniappe/identity"
BALANCE = "<lagniappe-balance>&nbsp;</lagniappe-balance>"


class Identities:
    """What the store's address says, one after the other and the last one from then on."""

    def __init__(self, store: Store, *said: Any) -> None:
        self.said = list(said)
        self.asked: list[str] = []
        store.page.route(f"{STORE}{ADDRESS}", self._answer)

    def _answer(self, route: Route) -> None:
        self.asked.append(route.request.method)
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, int):
            route.fulfill(status=said, json={"detail": "no"})
        elif said == "lost":
            route.abort()
        elif said == "page":
            route.fulfill(body="<!doctype html>", content_type="text/html")
        else:
            route.fulfill(json={"identity": said and said})


def identities(store: Store, *said: Any, address: str = ADDRESS, **options: Any) -> Identities:
    store.visit(identity_url=address, **options)
    return Identities(store, *said)


def greeting(store: Store) -> Any:
    return store.page.get_by_text("Hello, Ada")


def test_nothing_is_asked_before_somebody_is_interested(store: Store) -> None:
    found = identities(store, "jwt")
    store.page.wait_for_load_state("networkidle")
    assert found.asked == []
    assert store.calls() == ["loader.js?shop=wk_test"]


def test_an_opening_asks_once_and_begins_the_members_session_with_the_answer(store: Store) -> None:
    found = identities(store, "a.b.c")
    store.open()
    expect(greeting(store)).to_be_visible()
    assert found.asked == ["GET"]
    assert store.bodies == [{"identity": "a.b.c"}]


def test_the_session_is_used_as_long_as_it_lives(store: Store) -> None:
    found = identities(store, "a.b.c")
    for _ in range(2):
        store.open()
        expect(greeting(store)).to_be_visible()
        store.page.keyboard.press("Escape")
    assert found.asked == ["GET"]


def test_a_session_that_has_run_out_asks_again(store: Store) -> None:
    found = identities(store, "first", "second")
    store.open()
    expect(greeting(store)).to_be_visible()
    store.page.keyboard.press("Escape")
    store.answers["me"] = (401, {}, {})
    with store.page.expect_response("**/session"):
        store.open()
    expect(greeting(store)).to_be_visible()
    assert [each["identity"] for each in store.bodies] == ["first", "second"]
    assert len(found.asked) == 2


def test_who_is_not_signed_in_is_a_visitor(store: Store) -> None:
    identities(store, None)
    store.open()
    expect(store.page.get_by_text("Join Maison Verte")).to_be_visible()
    expect(store.page.get_by_role("tab", name="My balance")).to_have_count(0)
    assert store.bodies == []


def test_who_has_signed_out_meanwhile_is_a_visitor(store: Store) -> None:
    identities(store, "a.b.c", None)
    store.open()
    expect(greeting(store)).to_be_visible()
    store.page.keyboard.press("Escape")
    store.answers["me"] = (401, {}, {})
    store.open()
    expect(store.page.get_by_text("Join Maison Verte")).to_be_visible()
    expect(greeting(store)).to_have_count(0)


def test_until_it_is_known_the_panel_takes_nobody_for_a_visitor(store: Store) -> None:
    store.visit(identity_url=ADDRESS)
    held: list[Route] = []
    store.page.route(f"{STORE}{ADDRESS}", lambda route: held.append(route))
    with store.page.expect_request(f"{STORE}{ADDRESS}"):
        store.open()
    expect(store.page.get_by_role("dialog", name="Rewards")).to_have_attribute("aria-busy", "true")
    expect(store.page.get_by_text("Join Maison Verte")).to_have_count(0)
    held[0].fulfill(json={"identity": "jwt"})
    expect(greeting(store)).to_be_visible()


@pytest.mark.parametrize("trouble", [500, 404, "lost", "page"])
def test_trouble_can_be_tried_again(store: Store, trouble: Any) -> None:
    """`page`: a storefront behind a password answers with its own page."""
    identities(store, trouble, "jwt")
    store.open()
    store.page.get_by_role("button", name="Try again").click()
    expect(greeting(store)).to_be_visible()
    assert store.bodies == [{"identity": "jwt"}]


@pytest.mark.parametrize("address", ["https://elsewhere.example/identity", "//elsewhere.example/identity", "http://["])
def test_only_the_pages_own_origin_is_asked(store: Store, address: str) -> None:
    store.answers["session"] = (401, {}, {})
    store.visit(identity_url=address)
    store.open()
    store.page.wait_for_load_state("networkidle")
    expect(store.page.get_by_role("dialog", name="Rewards")).not_to_have_attribute("aria-busy", "true")
    assert not any("elsewhere" in url for url in store.requests)


def test_a_token_of_the_page_goes_first(store: Store) -> None:
    found = identities(store, "other", identity="jwt")
    store.open()
    expect(greeting(store)).to_be_visible()
    assert (found.asked, store.bodies) == ([], [{"identity": "jwt"}])


def test_a_balance_asks_for_its_member_and_shares_the_session_with_the_panel(store: Store) -> None:
    found = identities(store, "jwt")
    store.answers["session"]["me"]["summary"] = {"locale": "en", "points_text": "120 points", "next_text": None}
    store.page.locator("main").evaluate("(main, text) => main.insertAdjacentHTML('beforeend', text)", BALANCE)
    expect(store.page.locator("lagniappe-balance")).to_contain_text("120 points")
    store.open()
    expect(greeting(store)).to_be_visible()
    assert (found.asked, len(store.bodies)) == (["GET"], 1)


def test_no_signed_in_shopper_is_a_guest_to_an_orders_block(store: Store) -> None:
    points = {"points": 12, "locale": "en", "next": None, "texts": {"order": "It will bring 12.", "guest": "Join!"}}
    store.answers["points"] = points
    store.visit(main='<lagniappe-purchase-points total="10">&nbsp;</lagniappe-purchase-points>', identity_url=ADDRESS)
    expect(store.page.locator("lagniappe-purchase-points")).to_contain_text("It will bring 12.")
