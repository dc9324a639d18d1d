"""The link at the end of each mail: one click, and it is quiet; another one, and it is not."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from backend.db import db, transaction
from backend.mail.unsubscribing import UnsubscribeLinks
from backend.widget_api.tokens import Session, SessionTokens
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import member_with
from tests.widget_api.conftest import Machine, machine  # noqa: F401 - a fixture

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
"""What a mail program sends (RFC 8058)."""
BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture
def shop(time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    time.set("2026-05-04T12:00:00Z")
    return new_shop()


def link(app: Flask, shop: TestShop, member_id: int) -> str:
    keys = app.config["LAGNIAPPE"].secret_keys
    return UnsubscribeLinks(keys, BASE_URL).url(shop.id, member_id).removeprefix(BASE_URL)


def row(shop: TestShop, member_id: int) -> Any:
    found = db.session.execute(
        text("select * from member where shop_id = :shop and id = :id"), {"shop": shop.id, "id": member_id}
    ).one()
    db.session.rollback()
    return found


def set_locale(shop: TestShop, member_id: int, locale: str) -> None:
    with transaction() as session:
        session.execute(
            text("update member set locale = :locale where shop_id = :shop and id = :id"),
            {"locale": locale, "shop": shop.id, "id": member_id},
        )


def test_looking_at_the_page_changes_nothing(app: Flask, shop: TestShop, client: FlaskClient) -> None:
    """Mail programs and virus scanners open links before anybody has read the mail."""
    member = member_with(shop, email="ada@example.com")
    before = row(shop, member)
    for method in ("get", "head"):
        page = client.open(link(app, shop, member), method=method.upper())
        assert page.status_code == 200
    assert row(shop, member) == before


def test_the_button_unsubscribes_and_the_next_one_subscribes_again(
    app: Flask, shop: TestShop, client: FlaskClient, time: BusinessTime
) -> None:
    member = member_with(shop, email="ada@example.com")
    url = link(app, shop, member)
    asked = client.get(url)
    assert 'value="unsubscribe"' in asked.text
    assert "Maison Test" in asked.text
    done = client.post(url, data={"answer": "unsubscribe"})
    assert done.status_code == 200
    assert "You are unsubscribed" in done.text
    assert row(shop, member).unsubscribed_at.replace(microsecond=0) == time.now
    assert 'value="subscribe"' in client.get(url).text
    again = client.post(url, data={"answer": "subscribe"})
    assert 'value="unsubscribe"' in again.text
    assert row(shop, member).unsubscribed_at is None


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_in_a_mail_program_is_answered_at_once(  # RFC 8058, section 3.1: no cookie, no redirection
    app: Flask, shop: TestShop, client: FlaskClient, content_type: str
) -> None:
    member = member_with(shop, email="ada@example.com")
    said = client.post(link(app, shop, member), data=ONE_CLICK, content_type=content_type)
    assert said.status_code == 200
    assert "Set-Cookie" not in said.headers
    assert row(shop, member).unsubscribed_at is not None


def test_unsubscribing_twice_keeps_the_first_moment(
    app: Flask, shop: TestShop, client: FlaskClient, time: BusinessTime
) -> None:
    member = member_with(shop, email="ada@example.com")
    client.post(link(app, shop, member), data=ONE_CLICK)
    first = row(shop, member).unsubscribed_at
    time.advance(days=3)
    client.post(link(app, shop, member), data=ONE_CLICK)
    assert row(shop, member).unsubscribed_at == first


def test_a_link_is_good_for_one_member_of_one_shop(
    app: Flask, shop: TestShop, client: FlaskClient, new_shop: Callable[..., TestShop]
) -> None:
    member, friend = member_with(shop, email="ada@example.com"), member_with(shop, customer="c-2")
    client.post(link(app, shop, member), data=ONE_CLICK)
    assert row(shop, friend).unsubscribed_at is None
    elsewhere = new_shop()
    assert client.get(link(app, elsewhere, member)).status_code == 404


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: "9" + t, lambda t: "x", lambda t: t + "%00", lambda t: "é"]
)
def test_a_link_that_was_cut_or_made_up_says_so_kindly(
    app: Flask, shop: TestShop, client: FlaskClient, change: Callable[[str], str]
) -> None:
    member = member_with(shop, email="ada@example.com")
    folder, _, token = link(app, shop, member).rpartition("/")
    for page in (
        client.get(f"{folder}/{change(token)}", headers={"Accept-Language": "fr-CH, en"}),
        client.post(f"{folder}/{change(token)}", headers={"Accept-Language": "fr-CH, en"}, data=ONE_CLICK),
    ):
        assert page.status_code == 404
        assert "Ce lien ne fonctionne pas" in page.text
        assert "<form" not in page.text
    assert row(shop, member).unsubscribed_at is None


def test_no_other_signature_of_ours_opens_it(app: Flask, shop: TestShop, client: FlaskClient) -> None:
    """A session's token names the shop and the member, too, and is signed with the same key."""
    member = member_with(shop, email="ada@example.com")
    token, _ = SessionTokens(app.config["LAGNIAPPE"].secret_keys).issue(Session(shop.id, member, 0))
    assert client.get(f"/unsubscribe/{token}").status_code == 404


def test_links_of_an_older_key_stay_good(app: Flask, shop: TestShop, client: FlaskClient) -> None:
    """They lie in mailboxes for years."""
    links = UnsubscribeLinks(("new key", *app.config["LAGNIAPPE"].secret_keys), BASE_URL)
    old = UnsubscribeLinks(app.config["LAGNIAPPE"].secret_keys, BASE_URL).url(7, 8)
    assert links.read(old.rpartition("/")[2]) == (7, 8)


def test_who_was_erased_reads_that_no_mail_will_come(app: Flask, shop: TestShop, client: FlaskClient) -> None:
    member = member_with(shop, email="ada@example.com")
    url = link(app, shop, member)
    shop.tell("customer.redacted", {"id": "c-1"})
    for page in (client.get(url), client.post(url, data=ONE_CLICK)):
        assert page.status_code == 200
        assert "You are no longer with us" in page.text
        assert "<form" not in page.text


def test_the_page_speaks_the_members_language(app: Flask, shop: TestShop, client: FlaskClient) -> None:
    member = member_with(shop, email="ada@example.com")
    set_locale(shop, member, "ar-EG")
    page = client.get(link(app, shop, member), headers={"Accept-Language": "de"})
    assert '<html lang="ar" dir="rtl">' in page.text


def test_the_page_keeps_itself_to_itself(app: Flask, shop: TestShop, client: FlaskClient) -> None:
    """No script, no frame, no trace in a cache, a search engine or another page's log."""
    said = client.get(link(app, shop, member_with(shop)))
    policy = said.headers["Content-Security-Policy"]
    nonce = re.search(r"style-src 'nonce-([^']+)'", policy)
    assert nonce is not None and f'<style nonce="{nonce[1]}">' in said.text
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert said.headers["Cache-Control"] == "no-store"
    assert said.headers["Referrer-Policy"] == "no-referrer"
    assert said.headers["X-Robots-Tag"] == "noindex"
    assert "<script" not in said.text


def test_a_shops_name_is_text_and_never_markup(
    app: Flask, shop: TestShop, client: FlaskClient, new_shop: Callable[..., TestShop]
) -> None:
    nasty = new_shop(name="<img src=x>{shop.__class__}{{7*7}}")
    page = client.get(link(app, nasty, member_with(nasty)))
    assert "<img" not in page.text
    assert "{shop.__class__}{{7*7}}" in page.text


def test_too_many_clicks_are_asked_to_wait(
    another_app: Callable[..., Flask],
    app: Flask,
    shop: TestShop,
    machine: Machine,  # noqa: F811
) -> None:
    member = member_with(shop, email="ada@example.com")
    url = link(app, shop, member)
    client = another_app(LAGNIAPPE_RATE_LIMITS="writes=1/minute").test_client()
    assert client.post(url, data=ONE_CLICK).status_code == 200
    said = client.post(url, data=ONE_CLICK, headers={"Accept-Language": "de"})
    assert said.status_code == 429
    assert int(said.headers["Retry-After"]) >= 1
    assert "Einen Moment, bitte" in said.text
    assert client.get(url).status_code == 200
