"""Blocks outside the panel: points of a product, a cart, an order, and a member's balance (docs/widget.md)."""

import html
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.running import wait_until
from tests.widget.conftest import Store
from tests.widget.rewarding import redemption, reward, too_dear
from tests.widget.test_launcher import WATCH

PRODUCT = (
    '<lagniappe-product-points product-id="p1" sku="CUP" categories="Stoneware, Tea" price="60.80" quantity="2">'
    "&nbsp;</lagniappe-product-points>"
)
LINES = [{"product_id": "p1", "quantity": 2, "unit_price": "60.80"}]
CART = f'<lagniappe-cart-points lines="{html.escape(json.dumps(LINES))}" total="121.60">&nbsp;</lagniappe-cart-points>'
PURCHASE = f'<lagniappe-purchase-points lines="{html.escape(json.dumps(LINES))}">&nbsp;</lagniappe-purchase-points>'
BALANCE = "<lagniappe-balance>&nbsp;</lagniappe-balance>"
ALL = PRODUCT + CART + PURCHASE + BALANCE
AFTER = '<p id="after">What comes after</p>'


def points(count: int, more: str | None = "8.40", locale: str = "en") -> dict[str, Any]:
    text = f"{count} points"
    following = {"amount": more, "amount_text": f"€{more}", "points": count + 1, "points_text": f"{count + 1} points"}
    return {
        "locale": locale,
        "points": count,
        "points_text": text,
        "next": more and following | {"text": f"Spend €{more} more to earn {count + 1} points"},
        "when": {"days": 3, "on": "collected"},
        "when_text": "about 3 days after you receive it",
        "texts": {
            "earn": f"Earn {text}",
            "order": f"This order will bring {text}, about 3 days after you receive it.",
            "guest": f"This order is worth {text}. Sign up with the same e-mail address, and they are yours.",
            "sign_up": "Sign up",
        },
    }


def summary(available: int, following: str | None = "380 points to €10 off", locale: str = "en") -> dict[str, Any]:
    return {"locale": locale, "points_text": f"{available} points", "next_text": following}


@pytest.fixture
def store(store: Store) -> Store:
    store.answers["points"] = points(12)
    me = store.answers["me"] | {"summary": summary(120)}
    store.answers |= {"me": me, "session": store.answers["session"] | {"me": me}}
    return store


def block(store: Store, name: str) -> Locator:
    return store.page.locator(f"lagniappe-{name}")


def asked(store: Store) -> list[dict[str, str]]:
    """The parameters of each question for points."""
    urls = [urlsplit(call) for call in store.calls()]
    return [
        {name: given[0] for name, given in parse_qs(url.query).items()} for url in urls if url.path.endswith("/points")
    ]


def assets(store: Store) -> list[str]:
    return [url.partition("/assets/v1/")[2] for url in store.requests if "/assets/" in url]


class TestCostNothingUntilTheyAreUsed:
    def test_a_page_without_blocks_asks_for_nothing_but_the_loader(self, store: Store) -> None:
        store.visit(identity="jwt")
        store.page.wait_for_load_state("networkidle")
        assert (store.calls(), assets(store)) == (["loader.js?shop=wk_test"], [])

    def test_a_block_asks_for_its_two_modules_and_one_answer(self, store: Store) -> None:
        store.visit(main=PRODUCT, identity="jwt")
        expect(block(store, "product-points")).to_contain_text("Earn 12 points")
        assert assets(store) == ["blocks/points.js", "blocks/block.js"]
        assert len(store.calls()) == 2
        assert store.bodies == []

    def test_one_that_is_put_in_later_comes_to_life(self, store: Store) -> None:
        store.visit()
        store.page.locator("main").evaluate("(main, text) => main.insertAdjacentHTML('beforeend', text)", PRODUCT)
        expect(block(store, "product-points")).to_contain_text("Earn 12 points")

    def test_two_copies_of_the_script_and_of_a_block_do_no_harm(self, store: Store) -> None:
        errors: list[str] = []
        store.page.on("pageerror", lambda error: errors.append(str(error)))
        store.visit(main=PRODUCT * 2, times=2)
        for each in block(store, "product-points").all():
            expect(each).to_contain_text("Earn 12 points")
        assert errors == []


class TestAProduct:
    def test_says_what_it_brings(self, store: Store) -> None:
        store.visit(main=PRODUCT)
        expect(block(store, "product-points").get_by_role("button")).to_have_text("Earn 12 points")
        line = {
            "product_id": "p1",
            "sku": "CUP",
            "categories": ["Stoneware", "Tea"],
            "quantity": 2,
            "unit_price": "60.80",
        }
        [query] = asked(store)
        assert json.loads(query.pop("lines")) == [line]
        assert query == {"locale": "en"}

    def test_says_it_again_when_another_variant_is_chosen(self, store: Store) -> None:
        store.answers["points"] = [points(12), points(20)]
        store.visit(main=PRODUCT)
        line = block(store, "product-points")
        expect(line).to_contain_text("Earn 12 points")
        line.evaluate("block => { block.setAttribute('sku', 'POT'); block.setAttribute('price', '100'); }")
        expect(line).to_contain_text("Earn 20 points")
        assert [json.loads(query["lines"])[0]["sku"] for query in asked(store)] == ["CUP", "POT"]

    def test_an_answer_that_is_overtaken_is_not_shown(self, store: Store) -> None:
        store.visit(main=PRODUCT)
        line = block(store, "product-points")
        expect(line).to_contain_text("Earn 12 points")
        held: list[Any] = []
        store.page.route("**/points?**", lambda route: held.append(route))
        for count, price in enumerate(("100", "200"), 1):
            line.evaluate("(block, price) => block.setAttribute('price', price)", price)
            wait_until(lambda count=count: store.page.evaluate("true") and len(held) == count, 60)  # type: ignore[misc]
        cors = {"Access-Control-Allow-Origin": "*"}
        held[-1].fulfill(json=points(20), headers=cors)
        expect(line).to_contain_text("Earn 20 points")
        for overtaken in held[:-1]:
            overtaken.abort()
        expect(line).to_contain_text("Earn 20 points")

    def test_knows_the_level_and_the_language_that_the_page_says(self, store: Store) -> None:
        store.visit(main=PRODUCT, lang="fr", tier="gold")
        expect(block(store, "product-points")).to_contain_text("Earn")
        assert [(query["locale"], query["tier"]) for query in asked(store)] == [("fr", "gold")]

    @pytest.mark.parametrize("markup", [PRODUCT.replace(' price="60.80"', ""), PRODUCT.replace("60.80", " ")])
    def test_without_a_price_there_is_nothing_to_ask(self, store: Store, markup: str) -> None:
        store.visit(main=markup)
        store.page.wait_for_load_state("networkidle")
        assert len([query for query in asked(store) if json.loads(query["lines"])[0]["unit_price"]]) == 0


class TestACart:
    def test_says_what_it_brings_and_how_little_brings_more(self, store: Store) -> None:
        store.visit(main=CART)
        expect(block(store, "cart-points")).to_contain_text("Earn 12 points")
        expect(block(store, "cart-points")).to_contain_text("Spend €8.40 more to earn 13 points")
        assert json.loads(asked(store)[0]["lines"]) == LINES
        assert asked(store)[0]["total"] == "121.60"

    def test_says_nothing_of_more_where_there_is_none(self, store: Store) -> None:
        store.answers["points"] = points(12, more=None)
        store.visit(main=CART)
        expect(block(store, "cart-points")).to_contain_text("Earn 12 points")
        expect(block(store, "cart-points")).not_to_contain_text("more")

    def test_a_cart_that_earns_nothing_yet_says_what_is_missing(self, store: Store) -> None:
        store.answers["points"] = points(0)
        store.visit(main=CART)
        expect(block(store, "cart-points").get_by_role("button")).to_have_text("Spend €8.40 more to earn 1 points")


class TestAnOrder:
    def test_tells_a_member_what_it_will_bring_and_when(self, store: Store) -> None:
        store.visit(main=PURCHASE, identity="jwt")
        expect(block(store, "purchase-points")).to_contain_text(
            "This order will bring 12 points, about 3 days after you receive it."
        )

    def test_invites_a_guest_to_make_them_theirs(self, store: Store) -> None:
        store.visit(main=PURCHASE, signup_url="https://store.example/join")
        line = block(store, "purchase-points")
        expect(line).to_contain_text(
            "This order is worth 12 points. Sign up with the same e-mail address, and they are yours."
        )
        expect(line.get_by_role("link", name="Sign up")).to_have_attribute("href", "https://store.example/join")

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x"])
    def test_leads_nowhere_that_is_not_of_the_web(self, store: Store, url: str) -> None:
        store.visit(main=PURCHASE, signup_url=url)
        expect(block(store, "purchase-points").get_by_role("button", name="Sign up")).to_be_visible()
        expect(block(store, "purchase-points").get_by_role("link")).to_have_count(0)


class TestTheBalance:
    def test_says_the_points_and_the_nearest_reward(self, store: Store) -> None:
        store.visit(main=BALANCE, identity="jwt")
        expect(block(store, "balance")).to_contain_text("120 points 380 points to €10 off")
        assert store.calls() == ["loader.js?shop=wk_test", "wk_test/session"]

    def test_brings_the_friends_code_along_when_it_begins_the_session(self, store: Store) -> None:
        store.visit(query="?ref=Friend-7", main=BALANCE, identity="jwt")
        expect(block(store, "balance")).to_contain_text("120 points")
        assert store.bodies == [{"identity": "jwt", "ref": "Friend-7"}]

    def test_shares_its_session_with_the_panel(self, store: Store) -> None:
        store.visit(main=BALANCE, identity="jwt")
        expect(block(store, "balance")).to_contain_text("120 points")
        store.open()
        store.page.get_by_text("Hello, Ada").wait_for()
        assert len(store.bodies) == 1

    def test_says_nothing_to_a_visitor_and_everything_once_they_have_signed_in(self, store: Store) -> None:
        store.visit(main=BALANCE)
        store.page.wait_for_load_state("networkidle")
        expect(block(store, "balance").get_by_role("button")).to_have_count(0)
        store.page.locator("lagniappe-widget").evaluate("widget => widget.setAttribute('identity', 'jwt')")
        expect(block(store, "balance")).to_contain_text("120 points")
        store.page.locator("lagniappe-widget").evaluate("widget => widget.removeAttribute('identity')")
        expect(block(store, "balance")).not_to_contain_text("120 points")

    def test_follows_what_is_redeemed_in_the_panel(self, store: Store) -> None:
        rewards = [reward(1, "€5 off", cost=100), too_dear(2, "€10 off", cost=500, missing=380)]
        before = store.answers["me"] | {"rewards": rewards}
        after = before | {"balance": before["balance"] | {"available": 20}, "summary": summary(20)}
        store.answers |= {
            "session": store.answers["session"] | {"me": before},
            "me": before,
            "POST me/redemptions": (201, redemption(1, points=100), {}),
        }
        store.visit(main=BALANCE, identity="jwt")
        expect(block(store, "balance")).to_contain_text("120 points")
        store.page.evaluate("document.querySelector('lagniappe-widget').open('redeem')")
        dialog = store.page.get_by_role("dialog", name="Rewards")
        dialog.get_by_role("button", name="Redeem").first.click()
        store.answers["me"] = after
        store.page.get_by_role("button", name="Confirm").click()
        expect(block(store, "balance")).to_contain_text("20 points")
        expect(block(store, "balance")).not_to_contain_text("120")


class TestOpenThePanel:
    @pytest.mark.parametrize(
        ("markup", "name", "tab"),
        [
            (PRODUCT, "Earn 12 points", "Earn points"),
            (PURCHASE, "Rewards", "My balance"),
            (BALANCE, "120 points", "My balance"),
        ],
    )
    def test_at_the_tab_that_says_more(self, store: Store, markup: str, name: str, tab: str) -> None:
        store.visit(main=markup, identity="jwt")
        store.page.locator("main").get_by_role("button", name=name).click()
        expect(store.page.get_by_role("tab", name=tab, selected=True)).to_be_visible()

    def test_a_page_may_name_any_tab(self, store: Store) -> None:
        store.visit(identity="jwt")
        store.page.evaluate("document.querySelector('lagniappe-widget').open('rewards')")
        expect(store.page.get_by_role("tab", name="My rewards", selected=True)).to_be_visible()

    @pytest.mark.parametrize("tab", ["balance", "no such tab"])
    def test_a_tab_that_is_not_for_this_reader_opens_the_first(self, store: Store, tab: str) -> None:
        errors: list[str] = []
        store.page.on("pageerror", lambda error: errors.append(str(error)))
        store.visit()
        store.page.evaluate("tab => document.querySelector('lagniappe-widget').open(tab)", tab)
        expect(store.page.get_by_role("tab", name="Earn points", selected=True)).to_be_visible()
        assert errors == []


class TestAreGoodGuests:
    @pytest.mark.parametrize(
        "broken", [(500, {}, {}), (422, {"detail": "no"}, {}), (429, {}, {}), ("lost", {}, {}), (200, [], {})]
    )
    def test_say_nothing_when_there_is_trouble(self, store: Store, broken: Any) -> None:
        errors: list[str] = []
        store.page.on("pageerror", lambda error: errors.append(str(error)))
        store.answers |= {"points": broken, "session": broken, "me": broken}
        store.visit(main=ALL + AFTER, identity="jwt")
        store.page.wait_for_load_state("networkidle")
        for name in ("product-points", "cart-points", "purchase-points", "balance"):
            assert block(store, name).evaluate("block => block.shadowRoot.textContent") == ""
        assert errors == []

    @pytest.mark.parametrize("lines", ["", "[", "{}", "x" * 9000])
    def test_say_nothing_of_lines_that_are_none(self, store: Store, lines: str) -> None:
        store.answers["points"] = (422, {}, {})
        store.visit(main=f'<lagniappe-cart-points lines="{lines}"></lagniappe-cart-points>')
        store.page.wait_for_load_state("networkidle")
        assert block(store, "cart-points").evaluate("block => block.shadowRoot.textContent") == ""

    @pytest.mark.parametrize("trouble", [False, True])
    @pytest.mark.parametrize("width", [360, 1280])
    def test_move_nothing(self, store: Store, trouble: bool, width: int) -> None:
        """A space in a block keeps its line; two lines are the style sheet's, as the documentation says."""
        if trouble:
            store.answers["points"] = (500, {}, {})
        store.page.set_viewport_size({"width": width, "height": 800})
        store.page.add_init_script(WATCH)
        style = "<style>lagniappe-cart-points, lagniappe-purchase-points { display: block; min-height: 4.5em; }</style>"
        store.visit(main=ALL + AFTER, identity="jwt", head=style)
        store.page.wait_for_load_state("networkidle")
        if not trouble:
            expect(block(store, "balance")).to_contain_text("120 points")
        store.page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
        assert store.page.evaluate("shifts") == 0

    def test_wear_the_pages_own_type_and_colour(self, store: Store) -> None:
        style = """<style>main { font: italic 22px/30px serif; color: rgb(1, 2, 3) }
            button { display: none !important; color: red !important } p { margin: 99px }
            lagniappe-product-points { --lagniappe-accent: rgb(200, 0, 0) }
            lagniappe-product-points::part(open) { text-transform: uppercase }</style>"""
        store.visit(main=PRODUCT, head=style)
        button = block(store, "product-points").get_by_role("button")
        expect(button).to_have_css("font-style", "italic")
        expect(button).to_have_css("font-size", "22px")
        expect(button).to_have_css("color", "rgb(1, 2, 3)")
        expect(button).to_have_css("text-transform", "uppercase")
        expect(block(store, "product-points").locator("svg")).to_have_css("fill", "rgb(200, 0, 0)")
        assert (block(store, "product-points").bounding_box() or {})["height"] == 30

    def test_are_read_from_right_to_left_where_the_language_is(self, store: Store) -> None:
        store.answers["points"] = points(12, locale="ar") | {"texts": points(12)["texts"] | {"earn": "اكسب 12 نقطة"}}
        store.visit(main=PRODUCT, lang="ar")
        line = block(store, "product-points").locator("p")
        expect(line).to_have_attribute("lang", "ar")
        expect(line).to_contain_text("اكسب")
        assert line.evaluate("line => getComputedStyle(line).direction") == "rtl"

    def test_work_where_scripts_and_styles_are_held_on_a_short_lead(self, store: Store) -> None:
        policy = (
            "default-src 'none'; script-src https://points.example; connect-src https://points.example; style-src 'none';"
            "require-trusted-types-for 'script'; trusted-types lagniappe"
        )
        errors: list[str] = []
        store.page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        store.visit(head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">', main=ALL, identity="jwt")
        expect(block(store, "balance")).to_contain_text("120 points")
        expect(block(store, "product-points")).to_contain_text("Earn 12 points")
        assert [error for error in errors if "favicon" not in error] == []

    def test_no_text_becomes_markup(self, store: Store) -> None:
        said = points(12)
        store.answers["points"] = said | {"texts": said["texts"] | {"earn": "<img src=x onerror=alert(1)>"}}
        store.visit(main=PRODUCT)
        expect(block(store, "product-points").get_by_role("button")).to_have_text("<img src=x onerror=alert(1)>")
