"""The page of the dry run: begun with a button, watched, read, and out of date when something has changed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.admin import dry_runs as pages
from backend.db import transaction
from backend.jobs import upkeep
from backend.loyalty.program import drafts
from backend.staff.rights import Right
from tests.admin.conftest import Desk
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import CASHBACK, reward, rows
from tests.loyalty.tiers_world import GOLD, SILVER, buy, enrol, program

NewShop = Callable[..., TestShop]
PATH = "/program/dry-run"


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    with transaction() as session:
        session.execute(text("delete from dry_run"))


@pytest.fixture
def shop(new_shop: NewShop, time: BusinessTime) -> TestShop:
    """Two members who ordered for 90.00 and 30.00, and a draft that doubles points and asks less of levels."""
    made = new_shop(program(SILVER, GOLD))
    time.advance(hours=1)
    enrol(made, "c-1")
    enrol(made, "c-2")
    buy(made, "90.00")
    buy(made, "30.00", "o-2", customer={"id": "c-2"})
    time.advance(hours=1)
    draft(made, "2")
    return made


def draft(shop: TestShop, factor: str) -> None:
    settings = {
        **program({**SILVER, "from": 50}, {**GOLD, "from": 150}),
        "earn": {"spend_step": "1", "points_per_step": int(factor)},
    }
    with transaction() as session:
        drafts.save(session, shop.id, settings, author="Ada", now=clock.now(), rehearsal=True)


def figures(page: BeautifulSoup) -> dict[str, str]:
    return {
        each.dt.get_text(strip=True): " ".join(each.dd.get_text(" ").split())  # type: ignore[union-attr]
        for each in page.select(".figure")
    }


def begin(desk: Desk) -> BeautifulSoup:
    answer = desk.post(PATH)
    assert answer.status_code == 303
    path, _, query = answer.headers["Location"].removeprefix("/admin").partition("?")
    return desk.page(path, **dict([query.split("=")]))


def test_the_draft_is_tried_and_read(desk: Desk, shop: TestShop) -> None:
    reward(shop, CASHBACK)
    empty = desk.page(PATH)
    assert "No dry run yet" in empty.get_text()
    assert [each.get_text(strip=True) for each in empty.select(f"form[action='/admin{PATH}'] button")] == [
        "Try the draft"
    ]
    page = begin(desk)
    assert page.select_one("progress[max='2'][value='0']") is not None
    assert page.select_one("[data-poll]") is not None
    upkeep.dry_run()
    page = desk.page(PATH)
    assert page.select_one("[data-poll]") is None
    found = figures(page)
    assert found["Points of these orders"] == "240 Now 120, so +120"
    assert found["Orders that earn"] == "100% Now 100% of 2"
    assert found["Points per order"] == "120.0 Now 60.0"
    assert found["Points outstanding"] == "240 Now 120, so +120"
    assert found["Liability"].startswith("€480.00 Now €240.00")
    assert found["Members who change level"] == "2 Of 2"
    steps = [[cell.get_text(strip=True) for cell in row.select("td")] for row in page.select("#levels tbody tr")]
    assert ["No level", "Gold", "1"] in steps
    assert ["No level", "Silver", "1"] in steps
    assert page.select_one("svg.chart title") is not None
    assert "Up to date" in page.get_text()


def test_a_result_says_when_it_is_out_of_date(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    begin(desk)
    upkeep.dry_run()
    draft(shop, "3")
    assert "Out of date" in desk.page(PATH).get_text()
    draft(shop, "2")
    assert "Up to date" in desk.page(PATH).get_text()
    shop.set_program(**program(SILVER))
    assert "Out of date" in desk.page(PATH).get_text()


def test_it_is_stopped_and_only_one_goes_on(desk: Desk, shop: TestShop) -> None:
    begin(desk)
    again = desk.post(PATH)
    assert again.status_code == 409
    assert "under way" in again.text
    (run,) = rows(shop, "select id from dry_run where shop_id = :shop")
    assert "stopped" in desk.done(f"{PATH}/{run.id}/stop")
    assert "No dry run yet" in desk.page(PATH).get_text()
    assert desk.post(f"{PATH}/{run.id}/stop").status_code == 404


def test_names_are_for_who_may_see_customers(sign_in: Callable[..., Desk], desk: Desk, shop: TestShop) -> None:
    shop.tell("customer.updated", {"id": "c-1", "first_name": "Ines"})
    begin(desk)
    upkeep.dry_run()
    assert "Ines" in desk.page(PATH).get_text()
    assert "Ines" not in sign_in(Right.SETTINGS).page(PATH).get_text()
    assert sign_in(Right.VIEW_CUSTOMERS).get(PATH).status_code == 403


def test_the_list_of_members_is_read_page_by_page(desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 1)
    begin(desk)
    upkeep.dry_run()

    def shown(page: BeautifulSoup) -> list[str]:
        links = page.select("#levels td a")
        return [re.sub(r"\D", "", str(each["href"])) for each in links]

    def follow(page: BeautifulSoup, rel: str) -> BeautifulSoup | None:
        link = page.select_one(f".pager [rel={rel}]")
        if link is None:
            return None
        query: dict[str, Any] = dict(each.split("=") for each in str(link["href"]).partition("?")[2].split("&"))
        return desk.page(PATH, **query)

    first = desk.page(PATH)
    second = follow(first, "next")
    assert second is not None
    assert shown(first) != shown(second)
    assert follow(first, "prev") is None
    assert follow(second, "next") is None
    back = follow(second, "prev")
    assert back is not None
    assert shown(back) == shown(first)


def test_another_shops_run_is_nobodys(
    sign_in: Callable[..., Desk], desk: Desk, shop: TestShop, new_shop: NewShop
) -> None:
    begin(desk)
    (run,) = rows(shop, "select id from dry_run where shop_id = :shop")
    stranger = sign_in(of=new_shop(), email="stranger@other.example")
    assert stranger.get(PATH, run=run.id).status_code == 404
    assert stranger.post(f"{PATH}/{run.id}/stop").status_code == 404
