"""Notes on a customer: for the team, kept with who wrote them and when, and gone with the person."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest

from backend import clock
from backend.db import transaction
from backend.ledger.posting import Author
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.members import erasing, merging
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import member_with, rows

SignIn = Callable[..., Desk]
LIMIT = 2_000


@pytest.fixture
def ada(sign_in: SignIn) -> Desk:
    return sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, name="Ada Care")


@pytest.fixture
def member(shop: TestShop) -> int:
    return member_with(shop, 10, "c-1")


def key_of(desk: Desk, member: int) -> str:
    field = desk.page(f"/customers/{member}").select_one("#notes [name=key]")
    assert field is not None
    return str(field["value"])


def write(desk: Desk, member: int, note: str) -> str:
    return desk.done(f"/customers/{member}/notes", key=key_of(desk, member), note=note)


def notes(desk: Desk, member: int, **query: object) -> list[str]:
    return [each.get_text() for each in desk.page(f"/customers/{member}", **query).select("#notes .written")]


def ids(shop: TestShop) -> list[int]:
    return [row.id for row in rows(shop, "select id from member_note where shop_id = :shop order by id")]


def test_a_note_stands_on_the_profile_newest_first_with_who_and_when(
    time: BusinessTime, ada: Desk, member: int
) -> None:
    assert "kept" in write(ada, member, "Calls on Mondays.")
    write(ada, member, "Prefers <b>green</b> tea,\r\nnever black.")
    assert notes(ada, member) == ["Prefers <b>green</b> tea,\nnever black.", "Calls on Mondays."]
    shown = ada.page(f"/customers/{member}").select_one("#notes li")
    written = time.now.astimezone(timezone(ada.shop.facts.timezone))
    assert shown is not None and f"Ada Care, {written:%b} {written.day}, {written.year}" in shown.text


def test_a_form_that_is_sent_twice_is_one_note(ada: Desk, member: int) -> None:
    key = key_of(ada, member)
    for _ in range(2):
        ada.done(f"/customers/{member}/notes", key=key, note="Once.")
    assert notes(ada, member) == ["Once."]


@pytest.mark.parametrize("note", ["", " \r\n ", "x" * (LIMIT + 1), "bell\x07"])
def test_what_is_no_note_is_refused_and_stays_in_the_form(note: str, ada: Desk, shop: TestShop, member: int) -> None:
    answer = ada.post(f"/customers/{member}/notes", key=key_of(ada, member), note=note)
    assert answer.status_code == 422
    assert (note.strip()[:50] in answer.text, ids(shop)) == (True, [])


def test_a_line_counts_once_however_a_browser_ends_it(ada: Desk, member: int) -> None:
    write(ada, member, "x\r\n" * (LIMIT // 2 - 1) + "xx")
    assert len(notes(ada, member)[0]) == LIMIT


def test_its_author_or_who_looks_after_the_team_deletes_it_and_nobody_else(
    ada: Desk, sign_in: SignIn, shop: TestShop, member: int
) -> None:
    write(ada, member, "One.")
    write(ada, member, "Two.")
    first, second = ids(shop)
    ben = sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, name="Ben Care")
    assert not ben.page(f"/customers/{member}").select("#notes li form")
    refused = ben.post(f"/customers/{member}/notes/{first}/delete")
    assert (refused.status_code, "Only who wrote this note" in said(refused)) == (409, True)
    assert len(ada.page(f"/customers/{member}").select("#notes li form")) == 2
    ada.done(f"/customers/{member}/notes/{first}/delete")
    sign_in(name="Olga Owner").done(f"/customers/{member}/notes/{second}/delete")
    assert ids(shop) == []


def test_who_may_only_see_customers_reads_notes_and_writes_none(
    ada: Desk, sign_in: SignIn, shop: TestShop, member: int
) -> None:
    write(ada, member, "Calls on Mondays.")
    eve = sign_in(Right.VIEW_CUSTOMERS)
    assert notes(eve, member) == ["Calls on Mondays."]
    assert not eve.page(f"/customers/{member}").select("#notes form")
    assert eve.post(f"/customers/{member}/notes", key="k" * 16, note="Mine").status_code == 403
    assert eve.post(f"/customers/{member}/notes/{ids(shop)[0]}/delete").status_code == 403


def test_another_shops_note_or_customer_is_none(
    ada: Desk, sign_in: SignIn, new_shop: Callable[..., TestShop], shop: TestShop, member: int
) -> None:
    write(ada, member, "Ours.")
    stranger = sign_in(of=new_shop())
    assert stranger.post(f"/customers/{member}/notes", key="k" * 16, note="Theirs").status_code == 404
    assert stranger.post(f"/customers/{member}/notes/{ids(shop)[0]}/delete").status_code == 404


def test_the_log_says_that_there_was_a_note_and_not_what_it_said(
    ada: Desk, sign_in: SignIn, shop: TestShop, member: int
) -> None:
    write(ada, member, "Calls on Mondays.")
    ada.done(f"/customers/{member}/notes/{ids(shop)[0]}/delete")
    log = sign_in().page(f"/customers/{member}/care").select_one("#care-log")
    assert log is not None
    told = " ".join(log.text.split())
    assert "Deleted a note Ada Care" in told and "Wrote a note Ada Care" in told and "Mondays" not in told


def test_older_notes_are_a_page_further(ada: Desk, member: int) -> None:
    for number in range(12):
        write(ada, member, f"Note {number}.")
    page = ada.page(f"/customers/{member}")
    assert len(page.select("#notes .written")) == 10
    older = page.select_one("#notes [rel=next]")
    assert older is not None
    assert notes(ada, member, notes_before=str(older["href"]).partition("notes_before=")[2]) == ["Note 1.", "Note 0."]


def test_notes_go_along_when_accounts_are_merged_and_with_the_person_when_they_are_erased(
    ada: Desk, sign_in: SignIn, shop: TestShop, member: int
) -> None:
    other = member_with(shop, 0, "c-2")
    write(ada, other, "Has two accounts.")
    by = Author("staff", "Ada Care")
    with transaction() as session:
        merging.merge(session, shop.facts, member, other, "She told us", by, clock.now())
    assert notes(ada, member) == ["Has two accounts."]
    refused = ada.post(f"/customers/{other}/notes", key="k" * 16, note="More")
    assert (refused.status_code, "merged into another one" in said(refused)) == (409, True)
    handed = sign_in().post(f"/customers/{member}/data")
    with zipfile.ZipFile(io.BytesIO(handed.data)) as archive:
        assert [each["text"] for each in json.loads(archive.read("data.json"))["notes"]] == ["Has two accounts."]
        assert "Notes of the team" in archive.read("data.html").decode()
    with transaction() as session:
        erasing.erase(session, shop.facts, member, by, clock.now())
    assert ids(shop) == []
