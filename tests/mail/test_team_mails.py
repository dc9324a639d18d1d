"""What the merchant's team is told of by mail: once each, who may see it, in words that say what to do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import current_app

from backend import clock
from backend.db import db, transaction
from backend.jobs import upkeep
from backend.loyalty.notifications import endpoints
from backend.loyalty.points import approvals
from backend.loyalty.points.approvals import Person
from backend.loyalty.rewards import rewards
from backend.mail.about_the_shop import LETTERS, Inquiry, Letter, compose
from backend.mail.asking import NothingToTell
from backend.models import Staff
from backend.staff import accounts
from backend.staff.invitations import Links
from backend.staff.rights import Right
from backend.transfer import imports
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, member_with, redeem, reward, rows

Hire = Callable[..., int]


@pytest.fixture
def hire(shop: TestShop) -> Hire:
    """Somebody of the team with these rights; the person's id."""

    def make(name: str, *rights: Right) -> int:
        with transaction() as session:
            person: Staff = accounts.create(
                session,
                shop.id,
                clock.now(),
                email=f"{name}.{shop.id}@team.example",
                name=name,
                password="correct horse battery staple",
                rights=rights,
            )
            return person.id

    return make


def told(shop: TestShop, kind: str) -> list[Any]:
    """The payloads of the mails of this kind, in the order in which they were written."""
    found = rows(shop, "select payload from outbox where shop_id = :shop and kind = 'staff_mail' order by id")
    return [row.payload for row in found if row.payload["purpose"] == kind]


def letter(shop: TestShop, payload: dict[str, Any]) -> Letter:
    """As it is worded when it goes out; its texts are composed as well."""
    config = current_app.config["LAGNIAPPE"]
    links = Links(config.secret_keys, config.base_url)
    reader = payload["staff_id"]
    inquiry = Inquiry(db.session(), shop.facts, payload, reader, "Ada", clock.now(), clock.wall(), links)
    try:
        worded = LETTERS[payload["purpose"]](inquiry)
        assert worded.headline in compose(inquiry, worded).text
        return worded
    finally:
        db.session.rollback()


def test_codes_that_run_low_are_told_once_for_each_fall(shop: TestShop, hire: Hire, time: BusinessTime) -> None:
    ada, member = hire("ada", Right.REWARDS), member_with(shop, 10_000)
    hire("ben", Right.REPORTS)
    pool = reward(shop, FIVE_OFF, coupons=[f"A-{number}" for number in range(11)])
    watch()
    assert told(shop, "codes_low") == []
    for _ in range(2):
        redeem(shop, member, pool)
        watch()
        time.advance(minutes=5)
        watch()
    (first,) = told(shop, "codes_low")
    assert (first["staff_id"], first["reward_id"]) == (ada, pool.id)
    said = letter(shop, first)
    assert (said.subject, said.facts) == ("“5 off” has few codes left", (("Reward", "5 off"),))
    assert said.paragraphs[0].startswith("9 codes are left. At the pace of the last days they last")
    assert said.url.endswith(f"/admin/reward-campaigns/{pool.public_id}/codes")
    with transaction() as session:
        rewards.add_codes(session, shop.id, pool.id, [f"B-{number}" for number in range(50)], clock.now(), 0)
    watch()
    with pytest.raises(NothingToTell):
        letter(shop, first)
    assert len(told(shop, "codes_low")) == 1
    for _ in range(55):
        redeem(shop, member_with(shop, 500, "c-2"), pool)
    watch()
    assert len(told(shop, "codes_low")) == 2


def watch() -> None:
    upkeep.watch_codes()


def test_an_empty_pool_says_that_nobody_can_redeem(shop: TestShop, hire: Hire) -> None:
    hire("ada", Right.REWARDS)
    pool = reward(shop, FIVE_OFF, coupons=["A"])
    redeem(shop, member_with(shop, 500), pool)
    watch()
    said = letter(shop, told(shop, "codes_low")[0])
    assert said.paragraphs == ("No code is left.", "Nobody can redeem it until you upload codes.")


def test_an_endpoint_that_is_paused_is_told_without_its_address(shop: TestShop, hire: Hire) -> None:
    ada = hire("ada", Right.SETTINGS)
    url = "https://hooks.example/a-token-that-nobody-should-read"
    with transaction() as session:
        made = endpoints.add(session, shop.id, clock.now(), url=url, types=["member.created"], is_rehearsal=False)
        endpoints.pause(session, shop.id, made.id, "It has failed for 3 days without a break.")
    said = letter(shop, {"purpose": "endpoint_paused", "staff_id": ada, "endpoint_id": made.id})
    assert said.facts == (("Endpoint", "hooks.example"),)
    assert said.paragraphs[0] == "It has failed for 3 days without a break."
    with transaction() as session:
        endpoints.resume(session, shop.id, made.id)
    with pytest.raises(NothingToTell):
        letter(shop, {"purpose": "endpoint_paused", "staff_id": ada, "endpoint_id": made.id})


@pytest.mark.parametrize("took", [timedelta(seconds=5), timedelta(minutes=5)])
def test_who_began_a_long_import_is_told_when_it_is_over(shop: TestShop, hire: Hire, took: timedelta) -> None:
    ada = hire("ada", Right.EXPORT)
    hire("ben", Right.EXPORT)
    _begin(shop, "members", b"id\n1\n1\n", Person(ada, "ada"), took)
    upkeep.import_rows()
    mails = told(shop, "import_done")
    assert [each["staff_id"] for each in mails] == ([ada] if took > timedelta(minutes=1) else [])
    if mails:
        said = letter(shop, mails[0])
        assert said.subject == "Your import is done: file.csv"
        assert said.facts == (("Made", "1"), ("Changed", "0"), ("No effect", "0"), ("Refused", "1"))


def test_who_asked_for_an_import_is_not_asked_to_agree(shop: TestShop, hire: Hire) -> None:
    ada, ben = hire("ada", Right.ASSIGN_POINTS), hire("ben", Right.ASSIGN_POINTS)
    with transaction() as session:
        approvals.set_limit(session, shop.id, 100, "Ada", clock.now())
    transfer_id = _begin(shop, "balances", b"id,points\n1,5\n", Person(ada, "ada"))
    payload = {"purpose": "import_waiting", "transfer_id": transfer_id}
    assert letter(shop, {**payload, "staff_id": ben}).subject == "ada asks for your approval"
    with pytest.raises(NothingToTell):
        letter(shop, {**payload, "staff_id": ada})
    with transaction() as session:
        imports.cancel(session, shop.id, transfer_id, clock.wall())
    with pytest.raises(NothingToTell):
        letter(shop, {**payload, "staff_id": ben})


def _begin(shop: TestShop, kind: str, content: bytes, person: Person, took: timedelta = timedelta()) -> int:
    wall = clock.wall() - took
    with transaction() as session:
        made = imports.keep(session, shop.id, kind, "file.csv", iter([content]), person.name, wall)
        imports.begin(session, shop.id, made, wall, trial=False, person=person)
    return made


@pytest.mark.parametrize("points, said", [(250, "250 points alone on one day"), (None, "Nobody has to agree any more")])
def test_a_changed_limit_says_who_and_what(shop: TestShop, hire: Hire, points: int | None, said: str) -> None:
    payload = {"purpose": "limit_changed", "staff_id": hire("ada", Right.STAFF), "author": "Olga", "points": points}
    worded = letter(shop, payload)
    assert worded.paragraphs[0].startswith("Olga has changed the limit.")
    assert said in worded.paragraphs[0]
    assert worded.url.endswith("/admin/people")
