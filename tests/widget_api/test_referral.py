"""The widget's referral tab: the member's own link, and each friend's way in plain words."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend.db import db
from backend.loyalty.program import programs
from backend.widget_api.referral import REFERRAL_SQL
from backend.widget_api.referral_words import WORDS
from backend.widget_api.words import SENTENCES
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.referral_world import (
    advocate,
    code_of,
    collected,
    join,
    open_widget,
    program,
    refund_all,
    settle,
    state,
)
from tests.loyalty.rewards_world import reward, rows
from tests.widget_api.conftest import Widget

AGENT = {"User-Agent": "Mozilla/5.0 (iPhone) Safari/605.1"}


@pytest.fixture
def shop(new_shop: Callable[..., TestShop], time: BusinessTime) -> TestShop:
    time.set("2026-11-28T12:00:00+01:00")
    shop = new_shop(program())
    time.advance(days=1)
    return shop


@pytest.fixture
def ada(shop: TestShop) -> Widget:
    advocate(shop)
    return Widget(shop, "ada")


def mine(widget: Widget, **options: Any) -> dict[str, Any]:
    answer = widget.call("me/referral", **options)
    assert answer.status_code == 200, answer.text
    return answer.json


def friends(widget: Widget, **options: Any) -> list[tuple[str | None, str, str]]:
    return [(each["name"], each["state"], each["text"]) for each in mine(widget, **options)["friends"]]


# The program


def test_everybody_sees_what_friends_bring(shop: TestShop, widget_of: Callable[..., Widget]) -> None:
    assert widget_of(shop).program().json["referral"] == {
        "enabled": True,
        "reward_when": "first_order",
        "advocate_text": "100 points",
        "friend_text": "50 points",
    }


def test_a_reward_is_called_by_its_name(shop: TestShop, time: BusinessTime, widget_of: Callable[..., Widget]) -> None:
    bottle = reward(shop, reward_name="5 off")
    shop.set_program(
        **program(advocate={"points": 100, "reward": bottle.public_id}, friend={"reward": bottle.public_id})
    )
    programs.forget_current()
    shown = widget_of(shop).program().json["referral"]
    assert (shown["advocate_text"], shown["friend_text"]) == ("100 points and 5 off", "5 off")


def test_without_referrals_nothing_is_shown(
    new_shop: Callable[..., TestShop], widget_of: Callable[..., Widget]
) -> None:
    widget = widget_of(new_shop())
    assert widget.program().json["referral"] == {"enabled": False}
    assert widget.me()["referral"] == {"enabled": False}
    answer = widget.call("me/referral")
    assert (answer.status_code, answer.json["code"]) == (404, "referral_off")


# The member's own


def test_the_dashboard_brings_the_link(ada: Widget) -> None:
    code = code_of(ada.shop, int(ada.me()["member"]["id"]))
    assert ada.me()["referral"] == {"enabled": True, "url": f"http://127.0.0.1:8000/r/{code}", "code": code}


def test_at_first_there_is_the_link_and_what_it_brings(ada: Widget) -> None:
    found = mine(ada)
    assert found["url"].endswith(f"/r/{found['code']}")
    assert found == {
        "url": found["url"],
        "code": found["code"],
        "share_text": "I like Maison Test. With my link you get 50 points:",
        "reward_when": "first_order",
        "advocate": {"text": "100 points"},
        "friend": {"text": "50 points"},
        "counts": {"visited": 0, "registered": 0, "qualified": 0, "rewarded": 0, "rejected": 0},
        "earned_text": "0 points",
        "friends": [],
        "next": None,
    }


def test_the_merchants_own_text_is_shared(ada: Widget) -> None:
    ada.shop.set_program(**program(text={"en": "Come along!", "fr": "Venez !"}))
    programs.forget_current()
    assert mine(ada)["share_text"] == "Come along!"
    assert mine(ada, query_string={"locale": "fr"})["share_text"] == "Venez !"


def test_each_step_is_said_in_plain_words(ada: Widget, time: BusinessTime) -> None:
    shop, code = ada.shop, mine(ada)["code"]
    shop.client.get(f"/r/{code}", headers=AGENT)
    assert friends(ada) == [(None, "visited", "Somebody opened your link.")]
    shop.client.get(f"/r/{code}", headers={"User-Agent": "Firefox"})
    assert friends(ada) == [(None, "visited", "Several people opened your link.")]
    bea = join(shop, "bea", code, first_name="Bea", last_name="Secret")
    assert friends(ada)[0] == ("Bea", "registered", "Bea has joined. You get 100 points after the first order.")
    collected(shop, "bea")
    shown = mine(ada)
    assert shown["friends"][0]["text"] == "Bea has joined. You get 100 points on December 2."
    assert shown["friends"][0]["due_at"] == "2026-12-01T23:00:00Z"
    assert shown["counts"] == {"visited": 2, "registered": 0, "qualified": 1, "rewarded": 0, "rejected": 0}
    time.advance(days=3)
    settle()
    shown = mine(ada)
    assert shown["friends"][0]["text"] == "Bea has joined, and you have got 100 points."
    assert (shown["friends"][0]["due_at"], shown["earned_text"]) == (None, "100 points")
    refund_all(shop)
    shown = mine(ada)
    assert friends(ada)[0] == (None, "rejected", "This one did not count: the order was given back.")
    assert (shown["earned_text"], shown["counts"]["rejected"]) == ("0 points", 1)
    assert state(shop, bea) == "refunded" and "Secret" not in str(shown)


def test_who_did_not_count_is_not_named_and_nobody_is_accused(ada: Widget, time: BusinessTime) -> None:
    shop, code = ada.shop, mine(ada)["code"]
    bea = join(shop, "bea", first_name="Bea")
    collected(shop, "bea")
    time.advance(hours=2)
    open_widget(shop, bea, code)
    assert friends(ada) == [(None, "rejected", "This one did not count: only people who are new to the shop do.")]


def test_one_that_is_looked_at_says_so_kindly(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = new_shop(program(reward_when="registered", hold_days=3))
    time.advance(days=1)
    home = {"line1": "1 Rue de la Paix", "city": "Paris"}
    _, code = advocate(shop, address=home)
    join(shop, "bea", code, address=home)
    assert friends(Widget(shop, "ada")) == [
        (None, "qualified", "A friend has joined. Maison Test is having a look at this one.")
    ]


def test_an_erased_friend_stays_without_a_name(ada: Widget) -> None:
    shop = ada.shop
    join(shop, "bea", mine(ada)["code"], first_name="Bea")
    collected(shop, "bea")
    shop.tell("customer.redacted", {"id": "bea"})
    ((name, _, sentence),) = friends(ada)
    assert name is None and sentence.startswith("A friend has joined.")


@pytest.mark.parametrize("language", WORDS)
def test_every_language_says_everything_with_the_same_marks(ada: Widget, language: str) -> None:
    assert set(WORDS) == set(SENTENCES)
    marks = {key: sorted(part.split("}")[0] for part in said.split("{")[1:]) for key, said in WORDS["en"].items()}
    assert {
        key: sorted(part.split("}")[0] for part in said.split("{")[1:]) for key, said in WORDS[language].items()
    } == marks
    join(ada.shop, "bea", mine(ada)["code"], first_name="Bea")
    collected(ada.shop, "bea")
    answer = mine(ada, query_string={"locale": language})
    sentence = answer["friends"][0]["text"]
    assert "Bea" in sentence and "{" not in sentence + answer["share_text"]


def test_pages_meet_each_friend_once(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = new_shop(program(households=True))
    time.advance(days=1)
    _, code = advocate(shop)
    for number in range(5):
        join(shop, f"friend-{number}", code, first_name=f"F{number}")
    ada, seen, after = Widget(shop, "ada"), [], None
    while True:
        page = mine(ada, query_string={"limit": 2, **({"after": after} if after else {})})
        seen += [each["name"] for each in page["friends"]]
        if (after := page["next"]) is None:
            break
    assert seen == ["F4", "F3", "F2", "F1", "F0"]
    assert ada.call("me/referral", query_string={"after": "x"}).json["code"] == "bad_page"
    assert ada.call("me/referral", query_string={"limit": "0"}).status_code == 400


def test_what_a_friend_brought_is_called_so_in_the_history(ada: Widget, time: BusinessTime) -> None:
    join(ada.shop, "bea", mine(ada)["code"])
    collected(ada.shop, "bea")
    time.advance(days=4)
    settle()
    titles = [each["title"] for each in ada.call("me/activity").json["items"]]
    assert titles == ["Referral program", "Referral program: points on their way"]


def test_it_is_one_statement_on_indexes(ada: Widget) -> None:
    who = {"shop": ada.shop.id, "member": int(ada.me()["member"]["id"]), "version": 1, "before": 2**62, "limit": 21}
    with db.engine.connect() as connection:
        connection.execute(text("set enable_seqscan = off"))
        raw = connection.connection.dbapi_connection
        assert raw is not None
        plan = "\n".join(row[0] for row in raw.cursor().execute(f"explain {REFERRAL_SQL}", who).fetchall())
    assert "Seq Scan" not in plan, plan


# How a session finds its advocate


def test_the_session_of_a_friend_brings_the_link_along(ada: Widget, widget_of: Callable[..., Widget]) -> None:
    code = mine(ada)["code"]
    bea = widget_of(ada.shop, "bea", {"first_name": "Bea"})
    assert bea.begin(ref=code.lower()).status_code == 200
    assert friends(ada)[0][:2] == ("Bea", "registered")
    assert bea.begin(ref=code).status_code == 200
    assert len(rows(ada.shop, "select 1 from referral where shop_id = :shop")) == 1


@pytest.mark.parametrize("ref", ["0000000000", "FRIEND-1_x", "x" * 64, "", "spring sale", "../x\n", "x" * 5000])
def test_an_unknown_code_changes_nothing_and_fails_nothing(
    ada: Widget, widget_of: Callable[..., Widget], ref: str
) -> None:
    assert widget_of(ada.shop, "bea").begin(ref=ref).status_code == 200
    assert rows(ada.shop, "select 1 from referral where shop_id = :shop") == []


def test_ones_own_link_brings_nothing(ada: Widget) -> None:
    assert ada.begin(ref=mine(ada)["code"]).status_code == 200
    assert friends(ada) == [(None, "rejected", "This one did not count: the link is for your friends.")]


def test_the_same_connection_is_looked_at(ada: Widget, widget_of: Callable[..., Widget]) -> None:
    shop, code = ada.shop, mine(ada)["code"]
    for customer, ref in (("ada", None), ("bea", code)):
        widget = widget_of(shop, customer)
        body = {"identity": widget.identity(), **({"ref": ref} if ref else {})}
        answer = shop.client.post(f"/widget/v1/{widget.key}/session", json=body, headers={"X-Forwarded-For": "8.8.8.8"})
        assert answer.status_code == 200
    (row,) = rows(shop, "select review, evidence from referral where shop_id = :shop")
    assert (row.review, row.evidence) == ("waiting", {"review": ["connection"]})
    assert "8.8.8.8" not in str(rows(shop, "select * from member_connection where shop_id = :shop"))


def test_a_private_address_is_nobodys_connection(ada: Widget) -> None:
    ada.begin()
    assert rows(ada.shop, "select 1 from member_connection where shop_id = :shop") == []
