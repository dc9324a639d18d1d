"""GET /widget/v1/<key>/program: what every visitor may know (contract section 5, S4.4 to S4.6)."""

import gzip
from typing import Any

import pytest

from backend.widget_api import program_document
from backend.widget_api.colours import READABLE, contrast, ink_on
from tests.conftest import TestShop
from tests.widget_api.conftest import Widget

PLAIN = {"text": None, "network": None, "is_claim": False, "limit_text": None, "active_to": None}
SIGN_UP = {
    "id": "signup",
    "kind": "signup",
    "points": 50,
    "title": {"en": "Create an account", "fr": "Créer un compte"},
}


def test_says_whose_program_it_is(widget: Widget) -> None:
    document = widget.program().json

    assert set(document) >= {"shop", "program", "appearance", "earn", "rewards", "referral", "campaign", "strings"}
    assert document["shop"] == {
        "name": "Maison Test",
        "url": "https://shop.example",
        "currency": "EUR",
        "locale": "en",
        "timezone": "Europe/Paris",
    }
    assert document["program"]["points_name"] == {"one": "point", "other": "points"}
    assert document["program"]["enabled"] is True


def test_what_does_not_work_yet_is_empty_and_not_missing(widget: Widget) -> None:
    document = widget.program().json
    assert document["rewards"] == []
    assert document["referral"] == {"enabled": False}
    assert document["campaign"] is None
    assert document["strings"] == {}


def test_shows_orders_first_with_the_button_purchase_that_leads_to_the_shop(widget: Widget) -> None:
    assert widget.program().json["earn"][0] == {
        "id": "order",
        "kind": "order",
        "title": "Complete an order",
        "points_text": "1 point for every €10",
        "button": {"label": "Purchase", "url": "https://shop.example"},
        **PLAIN,
    }


def test_shows_every_rule_that_the_merchant_made(shop: TestShop, widget: Widget) -> None:
    button = {"label": {"en": "Join us"}, "url": "/account/register"}
    shop.set_program(rules=[SIGN_UP, SIGN_UP | {"id": "again", "points": 1200, "button": button}])

    _, first, second = widget.program().json["earn"]
    assert first == {
        "id": "signup",
        "kind": "signup",
        "title": "Create an account",
        "points_text": "50 points",
        "button": {"label": "Sign up", "url": None},
        **PLAIN,
    }
    assert second["points_text"] == "1,200 points"
    assert second["button"] == {"label": "Join us", "url": "https://shop.example/account/register"}


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "first_order", "points": 50},
        {"kind": "product", "points": 5, "items": {"skus": ["A"]}},
        {"kind": "multiplier", "factor": "2"},
    ],
)
def test_what_orders_bring_has_a_button_into_the_shop(shop: TestShop, widget: Widget, rule: dict[str, Any]) -> None:
    """S4.5, S4.6: each rule has a button; a merchant's own comes first."""
    own = {"label": {"en": "See the tea"}, "url": "/tea"}
    rules = [
        {"id": "one", "title": {"en": "Tea"}, **rule},
        {"id": "two", "title": {"en": "Tea"}, "button": own, **rule},
    ]
    shop.set_program(rules=rules)
    _, first, second = widget.program().json["earn"]
    assert first["button"] == {"label": "Purchase", "url": "https://shop.example"}
    assert second["button"] == {"label": "See the tea", "url": "https://shop.example/tea"}


@pytest.mark.parametrize("kind", ["visit", "follow", "share"])
def test_what_members_claim_has_a_button_that_claims_it(shop: TestShop, widget: Widget, kind: str) -> None:
    """S4.5: without a page of the merchant's there would be no way to the points."""
    own = {"label": {"en": "See us there"}, "url": "https://social.example/shop"}
    claimed = {"kind": kind, "points": 5, "title": {"en": "Look in"}}
    shop.set_program(rules=[{"id": "one", **claimed}, {"id": "two", "button": own, **claimed}])
    _, first, second = widget.program().json["earn"]
    assert first["button"] == {"label": "Claim", "url": None}
    assert second["button"] == {"label": "See us there", "url": "https://social.example/shop"}


@pytest.mark.parametrize(
    ("currency", "step", "points", "locale", "text"),
    [
        ("EUR", "10", 1, "en", "1 point for every €10"),
        ("EUR", "10", 1, "fr", "1 point tous les 10\u202f€"),
        ("EUR", "0.50", 2, "de", "2 Punkte je 0,50\xa0€"),
        ("JPY", "100", 1, "ja", "￥100ごとに1 ポイント"),
        ("TWD", "1000", 10, "zh-Hant", "每消費 $1,000 可得 10 點"),
        ("KWD", "1.250", 3, "en", "3 points for every KWD\xa01.250"),
        ("PLN", "10", 5, "pl", "5 punktów za każde 10\xa0zł"),
        ("BRL", "10", 1, "pt-BR", "1 ponto a cada R$\xa010"),
    ],
)
def test_the_rate_is_one_sentence_in_the_readers_language(
    new_shop: Any, currency: str, step: str, points: int, locale: str, text: str
) -> None:
    earn = {"spend_step": step, "points_per_step": points}
    widget = Widget(new_shop({"earn": earn}, currency=currency, locale=locale))
    said = widget.program().json["earn"][0]["points_text"]
    assert said.replace("\u202f", " ").replace("\xa0", " ") == text.replace("\u202f", " ").replace("\xa0", " ")


class TestLanguage:
    @pytest.fixture
    def widget(self, new_shop: Any) -> Widget:
        return Widget(
            new_shop(
                {
                    "rules": [SIGN_UP],
                    "rules_text": {"en": "<p>English</p>", "fr": "<p>Français</p>", "zh-Hant": "<p>中文</p>"},
                    "appearance": {"launcher_label": {"en": "Club", "fr": "Le club"}},
                },
                locale="fr",
            )
        )

    def spoken(self, widget: Widget, wanted: str | None) -> tuple[str, ...]:
        document = widget.program(query_string={} if wanted is None else {"locale": wanted}).json
        return (
            document["locale"],
            document["earn"][0]["button"]["label"],
            document["earn"][1]["title"],
            document["program"]["rules_html"],
            document["appearance"]["launcher_label"],
        )

    def test_speaks_the_wanted_language(self, widget: Widget) -> None:
        assert self.spoken(widget, "en") == ("en", "Purchase", "Create an account", "<p>English</p>", "Club")
        assert self.spoken(widget, "fr") == ("fr", "Acheter", "Créer un compte", "<p>Français</p>", "Le club")

    def test_a_dialect_reads_its_language(self, widget: Widget) -> None:
        assert self.spoken(widget, "en-GB")[0] == "en"
        assert self.spoken(widget, "fr-CA")[0] == "fr"
        assert self.spoken(widget, "zh-TW")[:2] == ("zh-Hant", "前往購買")

    def test_falls_back_to_the_shops_own_language_text_by_text(self, widget: Widget) -> None:
        """Ours in German, the merchant's in French: the merchant wrote nothing in German."""
        assert self.spoken(widget, "de") == ("de", "Einkaufen", "Créer un compte", "<p>Français</p>", "Le club")

    @pytest.mark.parametrize(
        "wanted", [None, "", "ko", "xx", "q", "../../etc", "en;drop", "\x00", "é", "*", "en" * 5000, "-", "_"]
    )
    def test_an_unknown_or_broken_wish_gets_the_shops_own_language(self, widget: Widget, wanted: str | None) -> None:
        assert self.spoken(widget, wanted)[0] == "fr"

    def test_accept_language_changes_nothing_because_the_answer_is_cached_for_everybody(self, widget: Widget) -> None:
        plain, asked = widget.program(), widget.program(headers={"Accept-Language": "de"})
        assert plain.data == asked.data
        assert plain.headers["ETag"] == asked.headers["ETag"]

    def test_asking_for_countless_languages_builds_no_more_documents(self, widget: Widget) -> None:
        widget.program(query_string={"locale": "fr"})
        before = len(program_document._documents)
        for number in range(200):
            assert widget.program(query_string={"locale": f"ko-{1000 + number}x"}).status_code == 200
        assert len(program_document._documents) == before


class TestMerchantsHtml:
    def test_arrives_cleaned(self, new_shop: Any) -> None:
        text = '<p onclick="x()">Hello <b>you</b><script>alert(1)</script><a href="javascript:x">l</a></p>'
        html = Widget(new_shop({"rules_text": {"en": text}})).program().json["program"]["rules_html"]
        assert "<b>you</b>" in html
        for bad in ("onclick", "script", "javascript"):
            assert bad not in html

    def test_is_cleaned_again_when_an_older_version_holds_what_is_not_allowed_today(
        self, app: Any, shop: TestShop
    ) -> None:
        from sqlalchemy import text

        from backend.db import transaction
        from backend.loyalty.program import programs

        with transaction() as session:
            session.execute(
                text(
                    "update program_version set settings = jsonb_set(settings, '{rules_text}',"
                    """ '{"en": "<p>Old</p><img src=x onerror=alert(1)>"}') where shop_id = :shop"""
                ),
                {"shop": shop.id},
            )
        programs.forget_current()
        assert Widget(shop).program().json["program"]["rules_html"] == "<p>Old</p>"

    def test_is_null_where_there_is_none(self, widget: Widget) -> None:
        assert widget.program().json["program"]["rules_html"] is None


class TestAppearance:
    def test_is_the_merchants(self, new_shop: Any) -> None:
        widget = Widget(new_shop({"appearance": {"position": "left", "accent": "#FFE08A"}}))
        assert widget.program().json["appearance"] == {
            "position": "left",
            "accent": "#FFE08A",
            "accent_ink": "#1a1a1a",
            "launcher_label": "Rewards",
        }

    def test_is_right_and_called_rewards_by_default(self, widget: Widget) -> None:
        appearance = widget.program().json["appearance"]
        assert (appearance["position"], appearance["launcher_label"]) == ("right", "Rewards")

    def test_its_ink_can_be_read_on_every_accent(self) -> None:
        grid = range(0, 256, 15)
        for red in grid:
            for green in grid:
                for blue in grid:
                    accent = f"#{red:02x}{green:02x}{blue:02x}"
                    assert contrast(ink_on(accent), accent) >= READABLE, accent

    def test_black_on_white_is_21_to_1(self) -> None:
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_program_that_is_switched_off_shows_no_way_to_earn(shop: TestShop, widget: Widget) -> None:
    shop.set_program(enabled=False, rules=[SIGN_UP])
    document = widget.program().json
    assert document["program"]["enabled"] is False
    assert document["earn"] == []


class TestCaching:
    def test_may_be_cached_by_everybody(self, widget: Widget) -> None:
        answer = widget.program()
        assert answer.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.content_type == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers

    def test_what_has_not_changed_is_not_sent_again(self, widget: Widget) -> None:
        etag = widget.program().headers["ETag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = widget.program(headers={"If-None-Match": known})
            assert answer.status_code == 304, known
            assert answer.data == b""
            assert answer.headers["ETag"] == etag
            assert answer.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize("known", ['"other"', "", "nonsense", '"', 'W/"', "é"])
    def test_another_version_is_sent_whole(self, widget: Widget, known: str) -> None:
        assert widget.program(headers={"If-None-Match": known}).status_code == 200

    def test_each_language_and_each_version_has_its_own_etag(self, shop: TestShop, widget: Widget) -> None:
        etags = [widget.program(query_string={"locale": locale}).headers["ETag"] for locale in ("en", "fr")]
        shop.set_program(rules=[SIGN_UP])
        etags.append(widget.program().headers["ETag"])
        assert len(set(etags)) == 3

    def test_the_same_words_have_the_same_etag_on_every_machine(self, widget: Widget) -> None:
        before = widget.program().headers["ETag"]
        program_document._documents.clear()
        assert widget.program().headers["ETag"] == before

    def test_a_new_version_is_shown_at_once_by_the_process_that_made_it(self, shop: TestShop, widget: Widget) -> None:
        widget.program()
        shop.set_program(rules=[SIGN_UP])
        assert len(widget.program().json["earn"]) == 2

    def test_head_answers_like_get_without_the_body(self, widget: Widget) -> None:
        answer = widget.shop.client.head(f"/widget/v1/{widget.key}/program")
        assert answer.status_code == 200
        assert answer.headers["ETag"] == widget.program().headers["ETag"]
        assert answer.data == b""


@pytest.mark.parametrize("key", ["wk_unknown", "x", "wk_%00", "%F0%9F%8E%81", "a" * 500, "1' or '1'='1"])
def test_an_unknown_key_is_not_found(shop: TestShop, key: str) -> None:
    answer = shop.client.get(f"/widget/v1/{key}/program")
    assert answer.status_code == 404
    assert answer.json["code"] == "not_found"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Lagniappe-Signature" not in answer.headers


def test_each_key_shows_its_own_shop(new_shop: Any) -> None:
    one, two = new_shop(name="One", domain="one.example"), new_shop(name="Two", domain="two.example")
    assert Widget(one).program().json["shop"]["name"] == "One"
    assert Widget(two).program().json["shop"]["name"] == "Two"


def test_whoever_takes_gzip_gets_the_same_document_smaller_and_signed_as_it_reads(widget: Widget) -> None:
    plain = widget.program()
    assert "Content-Encoding" not in plain.headers
    packed = widget.program(headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert (
        packed.headers["Lagniappe-Signature"].partition(",")[2]
        == plain.headers["Lagniappe-Signature"].partition(",")[2]
    )
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]
    kept = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert widget.program(headers=kept).status_code == 304
    assert widget.program(headers={"Accept-Encoding": "gzip;q=0"}).data == plain.data
