"""A member's own link leads to the member's shop, and nowhere else (reliability F-32, F-33)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from tests.conftest import TestShop
from tests.loyalty.referral_world import advocate, program
from tests.loyalty.rewards_world import rows
from tests.widget_api.conftest import Machine, machine  # noqa: F401 - a fixture

AGENT = {"User-Agent": "Mozilla/5.0 (iPhone) Safari/605.1"}


@pytest.fixture
def link(new_shop: Callable[..., TestShop]) -> tuple[TestShop, str, int]:
    shop = new_shop(program(), domain="maison.example")
    member, code = advocate(shop)
    return shop, code, member


def visits(shop: TestShop) -> int:
    return len(rows(shop, "select 1 from referral_visit where shop_id = :shop"))


@pytest.mark.parametrize("written", [str.upper, str.lower, str.title])
def test_it_leads_to_the_shop_with_the_code_whatever_its_case(
    link: tuple[TestShop, str, int], written: Callable[[str], str]
) -> None:
    shop, code, _ = link
    answer = shop.client.get(f"/r/{written(code)}", headers=AGENT)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"https://maison.example/?ref={code}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.data == b""


REDIRECTS = [
    "https://evil.example", "http://evil.example", "//evil.example", "///evil.example", "////evil.example/x",
    "/\\evil.example", "\\\\evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example",
    "https://evil.example\\@maison.example", "https://maison.example@evil.example", "https://maison.example.evil.example",
    "javascript:alert(1)", "data:text/html,x", "\thttps://evil.example", "%0d%0aLocation: https://evil.example",
]  # fmt: skip


def test_there_are_seventeen_ways_to_lead_astray() -> None:
    assert len(set(REDIRECTS)) == 17


@pytest.mark.parametrize("elsewhere", REDIRECTS)
def test_nothing_that_the_request_says_leads_elsewhere(link: tuple[TestShop, str, int], elsewhere: str) -> None:
    shop, code, _ = link
    home = f"https://maison.example/?ref={code}"
    for name in ("to", "url", "next", "redirect", "return_to", "ref"):
        assert shop.client.get(f"/r/{code}", query_string={name: elsewhere}, headers=AGENT).headers["Location"] == home
    in_headers = elsewhere.strip().replace("\\", "")
    for name in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "Referer",
                 "Origin"):  # fmt: skip
        answer = shop.client.get(f"/r/{code}", headers={**AGENT, name: in_headers})
        assert answer.headers["Location"] == home
    astray = shop.client.get(f"/r/{code}{elsewhere}", headers=AGENT)
    assert astray.status_code == 404 and "Location" not in astray.headers
    for path in (f"/r/{code}/{elsewhere}", f"/r/{elsewhere}", f"//r/{code}"):
        answer = shop.client.get(path, base_url="http://evil.example", headers=AGENT)
        assert answer.status_code == 404 and "Location" not in answer.headers


def test_the_host_of_the_request_has_no_part_in_it(link: tuple[TestShop, str, int]) -> None:
    shop, code, _ = link
    answer = shop.client.get(f"/r/{code}", base_url="http://evil.example", headers=AGENT)
    assert answer.headers["Location"] == f"https://maison.example/?ref={code}"


@pytest.mark.parametrize("code", ["0000000000", "GRACE-7", "x", "x" * 4000, "%00", "ünicode"])
def test_a_code_that_nobody_has_is_a_small_plain_page(link: tuple[TestShop, str, int], code: str) -> None:
    shop, _, _ = link
    answer = shop.client.get(f"/r/{code}", headers=AGENT)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert len(answer.data) < 400 and code.encode() not in answer.data
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_link_of_somebody_who_is_gone_leads_nowhere(link: tuple[TestShop, str, int]) -> None:
    shop, code, _ = link
    shop.tell("customer.redacted", {"id": "ada"})
    assert shop.client.get(f"/r/{code}", headers=AGENT).status_code == 404


def test_guessing_is_stopped_with_one_answer_for_right_and_wrong(
    another_app: Callable[..., Flask],
    link: tuple[TestShop, str, int],
    machine: Machine,  # noqa: F811
) -> None:
    _, code, _ = link
    client = another_app(LAGNIAPPE_RATE_LIMITS="links=100/minute").test_client()
    came = [client.get(f"/r/{number:010d}", headers=AGENT).status_code for number in range(200)]
    refused = [client.get(f"/r/{each}", headers=AGENT) for each in (code, "0000000000")]
    assert came == [404] * 100 + [429] * 100
    assert [each.status_code for each in refused] == [429, 429]
    assert refused[0].data.split(b"Try")[0] == refused[1].data.split(b"Try")[0]
    assert all(int(each.headers["Retry-After"]) >= 1 for each in refused)


# Visits


def test_a_visitor_counts_once_a_day(link: tuple[TestShop, str, int]) -> None:
    shop, code, member = link
    for agent in ("Firefox", "Firefox", "Safari"):
        shop.client.get(f"/r/{code}", headers={"User-Agent": agent})
    shop.client.get(f"/r/{code}", headers={"User-Agent": "Firefox", "X-Forwarded-For": "8.8.8.8"})
    assert visits(shop) == 3
    (row,) = rows(shop, "select distinct advocate_id from referral_visit where shop_id = :shop")
    assert row.advocate_id == member


def test_nothing_of_the_visitor_is_kept_in_clear(link: tuple[TestShop, str, int]) -> None:
    shop, code, _ = link
    shop.client.get(f"/r/{code}", headers={"User-Agent": "Firefox", "X-Forwarded-For": "8.8.8.8"})
    (row,) = rows(shop, "select * from referral_visit where shop_id = :shop")
    assert len(row.visitor) == 16 and "Firefox" not in str(row) and "8.8.8.8" not in str(row)


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": ""},
        {"User-Agent": "facebookexternalhit/1.1"},
        {"User-Agent": "WhatsApp/2.23"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0"},
        {"User-Agent": "TelegramBot (like TwitterBot)"},
        {"User-Agent": "Googlebot/2.1"},
        {"User-Agent": "curl/8.0"},
        {**AGENT, "Sec-Purpose": "prefetch;prerender"},
        {**AGENT, "Purpose": "prefetch"},
    ],
)
def test_who_only_looks_the_link_up_is_led_there_and_not_counted(
    link: tuple[TestShop, str, int], headers: dict[str, str]
) -> None:
    shop, code, _ = link
    assert shop.client.get(f"/r/{code}", headers=headers).status_code == 302
    assert visits(shop) == 0


def test_head_is_answered_and_not_counted(link: tuple[TestShop, str, int]) -> None:
    shop, code, _ = link
    answer = shop.client.head(f"/r/{code}", headers=AGENT)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"https://maison.example/?ref={code}")
    assert visits(shop) == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_only_read(link: tuple[TestShop, str, int], method: str) -> None:
    shop, code, _ = link
    assert shop.client.open(f"/r/{code}", method=method).status_code == 405


def test_visits_and_connections_go_after_thirty_days(link: tuple[TestShop, str, int]) -> None:
    shop, code, member = link
    shop.client.get(f"/r/{code}", headers=AGENT)
    shop.client.get(f"/r/{code}", headers={"User-Agent": "another"})
    given: dict[str, Any] = {"shop": shop.id, "member": member, "old": clock.wall() - timedelta(days=31)}
    with transaction() as session:
        session.execute(text("insert into member_connection values (:shop, :member, '\\x01', :old)"), given)
        session.execute(
            text("update referral_visit set at = :old where shop_id = :shop and visitor ="
                 " (select min(visitor) from referral_visit where shop_id = :shop)"), given)  # fmt: skip
    upkeep.purge()
    assert visits(shop) == 1
    assert rows(shop, "select 1 from member_connection where shop_id = :shop") == []
