"""The matrix: every page and form of the admin, as every role, as somebody without any right, and as another shop's staff.

A page that is added is in the matrix at once. What an address names (`<row_id:…>`) does not exist here: who has the right
gets further than the door, to an answer that is not 403; who has not gets 403 whatever it names.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import text

from backend.admin import routes
from backend.admin.door import ANYBODY, DECLARED, SIGNED_IN, Declared
from backend.db import transaction
from backend.loyalty.rewards.rewards import public_id
from backend.staff.rights import ROLES, Right
from tests.admin.conftest import Desk, forget_request
from tests.conftest import BusinessTime, TestShop
from tests.transfer import rich_shop

assert routes.PAGES, "importing them declares every page"
NO_SUCH = "999999999"
NEEDING_A_RIGHT = [each for each in DECLARED.values() if each.right not in (ANYBODY, SIGNED_IN)]
SAMPLES = {"row_id": NO_SUCH, "reward_id": "f" * 24, "": "nothing", "path": "nothing"}
"""By the kind of blank: something that it may hold."""


def address(declared: Declared) -> str:
    """Its address, with something that nobody has in each blank."""
    return re.sub(r"<(?:([a-z_]+):)?[a-z_]+>", lambda blank: SAMPLES[blank[1] or ""], declared.path)


@dataclass
class Team:
    """One person of each role."""

    people: dict[str, Desk]


@pytest.fixture(scope="module")
def rights_of() -> dict[str, frozenset[Right]]:
    """The roles that are usual, and each right alone."""
    return {**ROLES, **{f"only {right.value}": frozenset({right}) for right in Right}}


@pytest.fixture
def team(sign_in: Callable[..., Desk], rights_of: dict[str, frozenset[Right]]) -> Iterator[Team]:
    yield Team({name: sign_in(*held, name=f"Some {number}") for number, (name, held) in enumerate(rights_of.items())})


def answer(desk: Desk, declared: Declared) -> int:
    if declared.method == "GET":
        return desk.get(address(declared)).status_code
    return desk.post(address(declared)).status_code


def test_every_page_opens_for_who_has_its_right_and_for_nobody_else(
    team: Team, rights_of: dict[str, frozenset[Right]]
) -> None:
    wrong = [
        (declared.name, name, status)
        for name, desk in team.people.items()
        for declared in NEEDING_A_RIGHT
        if ((status := answer(desk, declared)) == 403) != (declared.right not in rights_of[name])
        or status in (500, 503)
    ]
    assert wrong == []


def test_a_stranger_is_sent_away_from_all_of_them(app: Flask, desk: Desk) -> None:
    stranger = app.test_client()
    desk.csrf()
    wrong = []
    for declared in DECLARED.values():
        if declared.right == ANYBODY:
            continue
        forget_request()
        if declared.method == "GET":
            got = stranger.get(f"/admin{address(declared)}")
            if got.status_code != 303 or not got.headers["Location"].startswith("/admin/log-in"):
                wrong.append((declared.name, got.status_code))
        elif stranger.post(f"/admin{address(declared)}").status_code != 400:  # no token: refused before anything else
            wrong.append((declared.name, "POST"))
    assert wrong == []


ROWS = {
    "member_id": "select id from member where shop_id = :shop",
    "reward": "select id from reward where shop_id = :shop",
    "delivery_id": "select id from delivery where shop_id = :shop",
    "endpoint_id": "select id from endpoint where shop_id = :shop",
    "transfer_id": "select id from transfer where shop_id = :shop",
    "redemption_id": "select id from redemption where shop_id = :shop",
    "staff_id": "select id from staff where shop_id = :shop",
    "key_id": "select id from api_key where shop_id = :shop",
    "session_id": "select id from staff_session where shop_id = :shop",
}
"""Where ids of a shop's rows come from, by the name of the blank."""


def test_nothing_of_another_shop_is_found_by_its_id(
    shop: TestShop, time: BusinessTime, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop]
) -> None:
    """Real ids of one shop in every address that takes them, by somebody of another shop with every right."""
    rich_shop.fill(shop, time)
    desk = sign_in()
    desk.post("/webhooks/new", url="http://127.0.0.1:9/hooks", types=["points.earned"])
    desk.done("/export")
    outsider = sign_in(of=new_shop(), name="Otto Other")
    seen: set[str] = set()
    found = []
    for declared in DECLARED.values():
        blanks = re.findall(r"<(?:[a-z_]+:)?([a-z_]+)>", declared.path)
        if not blanks or not set(blanks) <= set(ROWS):
            continue
        seen |= set(blanks)
        path = declared.path
        for blank in blanks:
            path = re.sub(rf"<(?:[a-z_]+:)?{blank}>", shown(blank, desk.shop.id), path)
        status = (outsider.get(path) if declared.method == "GET" else outsider.post(path)).status_code
        # a form may say what is wrong with it before it looks for the row, and then shows its page: 404
        if status != 404:
            found.append((declared.method, path, status))
    assert found == []
    assert seen == set(ROWS)


def shown(blank: str, shop_id: int) -> str:
    """One of the shop's ids as an address shows it."""
    with transaction() as session:
        found = session.execute(text(f"{ROWS[blank]} order by id desc limit 1"), {"shop": shop_id}).scalar_one()
    return public_id(found) if blank == "reward" else str(found)


def test_no_page_needs_another_test_for_its_blanks() -> None:
    kinds = {blank for each in DECLARED.values() for blank in re.findall(r"<(?:([a-z_]+):)?[a-z_]+>", each.path)}
    assert kinds <= set(SAMPLES)


def test_every_right_opens_something() -> None:
    assert {each.right for each in NEEDING_A_RIGHT} == set(Right)
