"""GET /widget/v1/<key>/points: what a cart would earn, for everybody (decision 0015)."""

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from werkzeug.test import TestResponse

from backend.db import db
from backend.widget_api import signing
from backend.widget_api.block_words import BLOCK_SENTENCES
from backend.widget_api.words import SENTENCES
from tests.conftest import BusinessTime, TestShop
from tests.widget_api.test_words import MARKS

CUP = {"product_id": "p-cup", "sku": "CUP", "categories": ["Stoneware"], "unit_price": "60.80"}
RULES = [
    {"id": "no-sale", "kind": "exclusion", "title": {"en": "Not on sale"}, "items": {"categories": ["Sale"]}},
    {"id": "double", "kind": "multiplier", "factor": "2", "title": {"en": "Twice"}, "items": {"skus": ["POT"]}},
    {"id": "cups", "kind": "product", "points": 7, "title": {"en": "Cups"}, "items": {"product_ids": ["p-cup"]}},
]
TIERS = {"levels": [{"id": "gold", "from": 100, "name": {"en": "Gold"}, "multiplier": "1.5"}]}
_numbers = itertools.count(1)


def ask(shop: TestShop, *lines: dict[str, Any], headers: dict[str, str] | None = None, **query: str) -> TestResponse:
    asked = {"lines": json.dumps(lines)} if lines else {}
    address = f"/widget/v1/{shop.facts.widget_key}/points"
    return shop.client.get(address, query_string=asked | query, headers=headers)


def quoted(shop: TestShop, *lines: dict[str, Any], **query: str) -> dict[str, Any]:
    answer = ask(shop, *lines, **query)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json
    return said


def refusal(answer: TestResponse) -> str:
    assert answer.status_code == 422, answer.text
    field: str = answer.json["errors"][0]["field"]
    return field


def test_says_what_the_cart_would_earn_and_when_in_whole_sentences(shop: TestShop) -> None:
    said = quoted(shop, CUP | {"quantity": 2})
    assert said == {
        "locale": "en",
        "points": 12,
        "points_text": "12 points",
        "next": {
            "amount": "8.40",
            "amount_text": "€8.40",
            "points": 13,
            "points_text": "13 points",
            "text": "Spend €8.40 more to earn 13 points",
        },
        "when": {"days": 3, "on": "collected"},
        "when_text": "about 3 days after you receive it",
        "texts": {
            "earn": "Earn 12 points",
            "order": "This order will bring 12 points, about 3 days after you receive it.",
            "guest": "This order is worth 12 points. Sign up with the same e-mail address, and they are yours.",
            "sign_up": "Sign up",
        },
    }


def test_a_cart_may_be_known_by_its_total_alone(shop: TestShop) -> None:
    assert quoted(shop, total="99.99")["points"] == 9
    assert quoted(shop, total="100")["points"] == 10


class TestTheSumIsThatOfOrders:
    """Whatever is in the cart, the order that it becomes brings as many points."""

    lines = st.lists(
        st.fixed_dictionaries(
            {
                "product_id": st.sampled_from(["p-cup", "p-pot"]),
                "sku": st.sampled_from(["CUP", "POT", ""]),
                "categories": st.lists(st.sampled_from(["Stoneware", "sale"]), max_size=2),
                "quantity": st.integers(1, 5),
                "unit_price": st.decimals(0, 400, places=2).map(str),
                "gift_card": st.booleans(),
            }
        ),
        min_size=1,
        max_size=5,
    )

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(lines=lines, base=st.sampled_from(["items", "items_net", "total"]), discount=st.integers(0, 30))
    def test_for_whatever_is_in_it(
        self, new_shop: Any, time: BusinessTime, lines: list[dict[str, Any]], base: str, discount: int
    ) -> None:
        shop = self.shop(new_shop, base)
        subtotal = sum(round(100 * float(line["unit_price"])) * line["quantity"] for line in lines) / 100
        total = f"{max(0, subtotal - discount):.2f}"
        promised = quoted(shop, *lines, discount=f"{discount}.00", total=total)["points"]

        number = next(_numbers)
        data = {
            "id": f"o{number}",
            "number": str(number),
            "customer": {"id": "c-1"},
            "currency": "EUR",
            "created_at": time.now.isoformat(),
            "updated_at": time.now.isoformat(),
            "payment_status": "paid",
            "delivery_status": "collected",
            "collected_at": time.now.isoformat(),
            "subtotal": f"{subtotal:.2f}",
            "discount_total": f"{discount}.00",
            "total": total,
            "line_items": [{"id": f"{number}-{place}", **line} for place, line in enumerate(lines)],
        }
        shop.tell("order.collected", data)
        brought = db.session.execute(
            db.text(
                "select coalesce(sum(points), 0) from entry"
                " where shop_id = :shop and kind = 'promise' and why ->> 'order' = :order"
            ),
            {"shop": shop.id, "order": str(number)},
        ).scalar()
        db.session.rollback()
        assert promised == brought

    _shops: dict[str, TestShop] = {}  # noqa: RUF012 - one for each base, for all examples

    def shop(self, new_shop: Any, base: str) -> TestShop:
        program = {"earn": {"base": base}, "rules": RULES, "assign": {"delay_days": 0}}
        if base not in self._shops:
            self._shops[base] = new_shop(program)
        return self._shops[base]


class TestTheNextPoints:
    @pytest.mark.parametrize(
        ("earn", "total", "amount", "points"),
        [
            ({"spend_step": "10"}, "0.01", "9.99", 1),
            ({"spend_step": "10"}, "100", "10.00", 11),
            ({"spend_step": "10", "round": "nearest"}, "13", "2.00", 2),
            ({"spend_step": "10", "round": "ceil"}, "10", "0.01", 2),
            ({"spend_step": "0.01", "points_per_step": 5}, "1", "0.01", 505),
        ],
    )
    def test_are_as_near_as_it_says_and_not_nearer(
        self, new_shop: Any, earn: dict[str, Any], total: str, amount: str, points: int
    ) -> None:
        said = quoted(new_shop({"earn": earn}), total=total)["next"]
        assert (said["amount"], said["points"]) == (amount, points)

    def test_count_in_the_currencys_own_units(self, new_shop: Any) -> None:
        shop = new_shop({"earn": {"spend_step": "100"}}, currency="JPY", locale="ja")
        said = quoted(shop, total="130")["next"]
        assert (said["amount"], said["points"]) == ("70", 2)
        assert "￥70" in said["text"]

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        prices=st.lists(st.decimals(0, 99, places=2).map(str), min_size=1, max_size=4),
        tier=st.sampled_from(["", "gold"]),
    )
    def test_are_true_whatever_the_rules(self, new_shop: Any, prices: list[str], tier: str) -> None:
        """Who spends exactly that much more has them; who spends a cent less has not."""
        shop = self._shop or new_shop({"rules": RULES, "tiers": TIERS})
        TestTheNextPoints._shop = shop
        lines = [{"sku": "POT" if place % 2 else "CUP", "unit_price": price} for place, price in enumerate(prices)]
        said = quoted(shop, *lines, tier=tier)
        more = said["next"]
        assert more["points"] > said["points"]
        exactly = quoted(shop, *lines, {"unit_price": more["amount"]}, tier=tier)
        assert exactly["points"] == more["points"]
        cents = round(float(more["amount"]) * 100) - 1
        nearly = quoted(shop, *lines, {"unit_price": f"{cents / 100:.2f}"}, tier=tier)
        assert nearly["points"] <= said["points"]

    _shop: TestShop | None = None

    def test_are_not_offered_where_nothing_earns(self, new_shop: Any) -> None:
        assert quoted(new_shop({"enabled": False}), total="99")["next"] is None
        assert quoted(new_shop(), total="99", currency="USD")["next"] is None


class TestRules:
    def test_exclusions_multipliers_and_what_pieces_bring_on_top(self, new_shop: Any) -> None:
        shop = new_shop({"rules": RULES})
        assert quoted(shop, {"unit_price": "100"})["points"] == 10
        assert quoted(shop, {"unit_price": "100", "categories": ["Sale"]})["points"] == 0
        assert quoted(shop, {"unit_price": "100", "sku": "POT"})["points"] == 20
        assert quoted(shop, {"unit_price": "100", "product_id": "p-cup", "quantity": 2})["points"] == 20 + 14

    def test_a_gift_card_earns_nothing(self, shop: TestShop) -> None:
        assert quoted(shop, {"unit_price": "100", "gift_card": True})["points"] == 0

    def test_a_level_has_its_multiplier_and_one_that_is_gone_has_none(self, new_shop: Any) -> None:
        shop = new_shop({"tiers": TIERS})
        assert quoted(shop, total="100", tier="gold")["points"] == 15
        assert quoted(shop, total="100", tier="silver")["points"] == 10

    def test_a_rule_for_some_members_alone_promises_nothing_to_everybody(self, new_shop: Any) -> None:
        vip = {"operator": "Contain all of", "attribute": "User Tags", "value": ["vip"]}
        shop = new_shop({"rules": [RULES[1] | {"eligibility": [{"conditions": [vip]}]}]})
        assert quoted(shop, {"unit_price": "100", "sku": "POT"})["points"] == 10

    def test_a_multiplier_counts_in_its_window_alone(self, new_shop: Any, time: BusinessTime) -> None:
        ends = (time.now + timedelta(hours=1)).isoformat()
        shop = new_shop({"rules": [RULES[1] | {"active_to": ends}]})
        assert quoted(shop, {"unit_price": "100", "sku": "POT"})["points"] == 20
        time.advance(hours=1)
        assert quoted(shop, {"unit_price": "100", "sku": "POT"})["points"] == 10

    def test_a_program_that_is_switched_off_promises_nothing(self, new_shop: Any) -> None:
        assert quoted(new_shop({"enabled": False}), total="100")["points"] == 0

    def test_an_order_in_another_currency_earns_nothing(self, shop: TestShop) -> None:
        assert quoted(shop, total="100", currency="USD")["points"] == 0


class TestWords:
    @pytest.mark.parametrize("language", BLOCK_SENTENCES)
    def test_every_sentence_stands_in_every_language_with_the_same_marks(self, language: str) -> None:
        assert BLOCK_SENTENCES[language].keys() == BLOCK_SENTENCES["en"].keys()
        for name, text in BLOCK_SENTENCES[language].items():
            assert sorted(MARKS.findall(text)) == sorted(MARKS.findall(BLOCK_SENTENCES["en"][name])), (language, name)

    def test_there_are_the_languages_that_the_server_speaks(self) -> None:
        assert BLOCK_SENTENCES.keys() == SENTENCES.keys()

    def test_the_page_says_in_which_language(self, new_shop: Any) -> None:
        shop = new_shop(locale="fr")
        assert quoted(shop, CUP)["texts"]["earn"] == "Gagnez 6 points"
        assert quoted(shop, CUP, locale="de-CH")["texts"]["sign_up"] == "Registrieren"
        assert quoted(shop, CUP, locale="no-such-language-anywhere")["locale"] == "fr"

    @pytest.mark.parametrize(
        ("assign", "text"),
        [
            ({"delay_days": 0, "on": "collected"}, "when you receive it"),
            ({"delay_days": 1, "on": "paid"}, "about 1 day after it is paid"),
            ({"delay_days": 40, "on": "shipped"}, "about 40 days after it is shipped"),
        ],
    )
    def test_when_they_come_is_what_the_program_says(self, new_shop: Any, assign: dict[str, Any], text: str) -> None:
        assert quoted(new_shop({"assign": assign}), CUP)["when_text"] == text


class TestForEverybody:
    def test_is_signed_and_may_be_read_by_every_page_and_kept_for_a_minute(self, shop: TestShop) -> None:
        answer = ask(shop, CUP, headers={"Origin": "https://anywhere.example"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"].startswith("public, max-age=60")
        assert "Set-Cookie" not in answer.headers
        at, _, _ = answer.headers[signing.HEADER].removeprefix("t=").partition(",")
        assert len(at) == 10

    def test_who_has_the_answer_already_gets_no_other(self, shop: TestShop) -> None:
        known = ask(shop, CUP).headers["ETag"]
        again = ask(shop, CUP, headers={"If-None-Match": known})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", known)
        other = ask(shop, CUP, headers={"If-None-Match": known}, locale="fr")
        assert other.status_code == 200

    def test_a_process_that_knows_the_program_asks_the_database_nothing(self, shop: TestShop) -> None:
        ask(shop, CUP)
        statements: list[str] = []
        note = lambda *given: statements.append(given[2])  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            for quantity in range(1, 20):
                quoted(shop, CUP | {"quantity": quantity})
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        assert statements == []

    def test_an_unknown_shop_is_not_there(self, shop: TestShop) -> None:
        assert shop.client.get("/widget/v1/wk_nobody/points?total=5").status_code == 404


class TestRefusals:
    @pytest.mark.parametrize(
        ("line", "field"),
        [
            ({}, "lines.0.unit_price"),
            ({"unit_price": 12.5}, "lines.0.unit_price"),
            ({"unit_price": "-1"}, "lines.0.unit_price"),
            ({"unit_price": "1e9"}, "lines.0.unit_price"),
            ({"unit_price": "1", "quantity": 0}, "lines.0.quantity"),
            ({"unit_price": "1", "quantity": "2"}, "lines.0.quantity"),
            ({"unit_price": "1", "quantity": 10**9}, "lines.0.quantity"),
            ({"unit_price": "1", "colour": "red"}, "lines.0.colour"),
            ({"unit_price": "1", "categories": "Sale"}, "lines.0.categories"),
        ],
    )
    def test_name_the_place(self, shop: TestShop, line: dict[str, Any], field: str) -> None:
        assert refusal(ask(shop, line)) == field

    @pytest.mark.parametrize(
        "lines", ["", "{}", "[1]", "null", "[", '[{"unit_price":"1","unit_price":"2"}]', "[NaN]", "\ud800"]
    )
    def test_lines_that_are_none(self, shop: TestShop, lines: str) -> None:
        answer = shop.client.get(
            f"/widget/v1/{shop.facts.widget_key}/points", query_string={"lines": lines.encode("utf-8", "replace")}
        )
        assert refusal(answer).startswith("lines")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("total", "many"), ("discount", "-3"), ("currency", "XXY"), ("currency", "eur"), ("tier", "g" * 65)],
    )
    def test_the_other_parameters(self, shop: TestShop, name: str, value: str) -> None:
        assert refusal(ask(shop, CUP, **{name: value})) == name

    def test_nothing_to_sum_up(self, shop: TestShop) -> None:
        assert refusal(ask(shop)) == "lines"

    def test_more_than_a_cart_holds(self, shop: TestShop) -> None:
        assert quoted(shop, *[{"unit_price": "1"}] * 100)["points"] == 10
        assert refusal(ask(shop, *[{"unit_price": "1"}] * 101)) == "lines"
        assert refusal(ask(shop, *[CUP | {"product_id": "p" * 200}] * 20)) == "lines"

    def test_absurd_amounts_come_to_the_most_that_an_order_brings(self, shop: TestShop) -> None:
        dear = {"unit_price": "999999999999999.9999", "quantity": 1_000_000}
        assert quoted(shop, *[dear] * 50)["points"] == 1_000_000_000
