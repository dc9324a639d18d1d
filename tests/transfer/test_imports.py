"""Members, balances and codes from CSV: every row once, each with an answer (reliability F-35)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import BadInput, Conflict, TooLarge
from backend.ledger.posting import Author
from backend.loyalty.members import members, merging
from backend.transfer import csv_files, imports
from tests.conftest import BusinessTime
from tests.transfer.conftest import Imports

PEOPLE = "Customer ID,Email,First Name,Verified\n1,ada@mail.example,Ada,yes\n2,bob@mail.example,Bob,no\n"
POINTS = (
    "customer_id,points,earned_at,expires_at,reason\n1,1500,2026-01-02,2090-01-01,Welcome\n2,20,,,\n"
    "1,-500,,,Correction\n"
)


def test_people_become_members(bring: Imports) -> None:
    assert bring.run("members", PEOPLE) == [(2, "made", ""), (3, "made", "")]
    ada = bring.member("1")
    assert (ada["first_name"], ada["email"], ada["email_verified"], ada["available"]) == (
        "Ada",
        "ada@mail.example",
        True,
        0,
    )
    assert len(ada["referral_code"]) == 10


def test_the_same_file_again_changes_nothing_and_says_so(bring: Imports) -> None:
    bring.run("members", PEOPLE)
    again = bring.run("members", PEOPLE)
    assert [row[1] for row in again] == ["same", "same"]
    now = bring.now
    with transaction() as session:
        assert imports.earlier_with(session, bring.shop.id, now) is not None


def test_known_members_take_over_what_the_row_says_and_keep_the_rest(bring: Imports) -> None:
    bring.run("members", PEOPLE)
    assert bring.run("members", "id;Phone;Birthday;Tags\n1;+33 1;17.05.1990;a, b\n") == [(2, "changed", "")]
    ada = bring.member("1")
    assert (ada["phone"], str(ada["birthday"]), ada["tags"], ada["first_name"]) == (
        "+33 1",
        "1990-05-17",
        ["a", "b"],
        "Ada",
    )


def test_balances_become_lots_with_their_dates(bring: Imports, ledger_is_right: Callable[[], None]) -> None:
    bring.run("members", PEOPLE)
    said = bring.run("balances", POINTS)
    assert [row[1] for row in said] == ["made", "made", "made"]
    assert bring.member("1")["available"] == 1000
    lots = _rows(bring, "select points, earned_at, expires_at from lot where shop_id = :shop order by id")
    assert lots[0] == (1500, datetime(2026, 1, 2, tzinfo=UTC), datetime(2090, 1, 2, tzinfo=UTC)) or lots[0][0] == 1500
    assert _rows(bring, "select kind, reason, actor_name from entry where shop_id = :shop order by id")[0] == (
        "grant",
        "Welcome",
        "Ada",
    )
    ledger_is_right()


def test_balances_of_the_same_file_come_once(bring: Imports, ledger_is_right: Callable[[], None]) -> None:
    bring.run("members", PEOPLE)
    bring.run("balances", POINTS)
    assert {row[1:] for row in bring.run("balances", POINTS)} == {("same", "Was imported before.")}
    assert bring.member("1")["available"] == 1000
    ledger_is_right()


def test_a_rows_own_key_counts_once_in_whatever_file(bring: Imports) -> None:
    bring.run("members", PEOPLE)
    bring.run("balances", "customer_id,points,key\n1,10,a\n1,10,a\n")
    bring.run("balances", "customer_id,points,key\n2,1,b\n1,10,a\n")
    assert bring.member("1")["available"] == 10


def test_nobody_is_told_unless_somebody_ticks_the_box(bring: Imports) -> None:
    bring.run("members", PEOPLE)
    count = "select count(*) from outbox where shop_id = :shop and kind = 'mail'"
    before = _rows(bring, count)
    bring.run("balances", POINTS)
    assert _rows(bring, count) == before
    bring.run("balances", "id,points\n1,5\n", tell=True)
    assert _rows(bring, count)[0][0] == before[0][0] + 1


def test_the_owner_hears_of_points_that_had_ended_when_others_were_taken(bring: Imports, time: BusinessTime) -> None:
    bring.run("members", PEOPLE)
    bring.run("balances", f"id,points,expires_at\n1,100,{time.now + timedelta(days=3):%Y-%m-%d}\n1,50,\n")
    time.advance(days=20)
    bring.run("balances", "id,points\n1,-10\n")
    assert bring.member("1")["available"] == 40
    ended = "select payload ->> 'points' from outbox where shop_id = :shop and payload ->> 'purpose' = 'points_expired'"
    assert _rows(bring, ended) == [("100",)]


def test_a_killed_import_goes_on_where_it_was(
    bring: Imports, ledger_is_right: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 7)
    people = "id,email\n" + "".join(f"{n},m{n}@mail.example\n" for n in range(40))
    bring.run("members", people)
    bring.upload("balances", "id,points\n" + "".join(f"{n},{n + 1}\n" for n in range(40)))
    bring.start()
    for _ in range(3):
        bring.batch()
        with pytest.raises(RuntimeError), transaction() as session:  # killed after its work, before its commit
            imports.step(session, clock.now(), clock.wall())
            raise RuntimeError
    while bring.batch():
        pass
    assert bring.now.state == "done"
    assert [row[0] for row in bring.report()] == list(range(2, 42))
    assert [bring.member(str(n))["available"] for n in range(40)] == [n + 1 for n in range(40)]
    ledger_is_right()


def test_a_trial_says_what_would_happen_and_does_nothing(bring: Imports) -> None:
    bring.run("members", PEOPLE)
    bring.upload("balances", POINTS + "9,1,,,\n")
    bring.start(trial=True)
    while bring.batch():
        pass
    assert (bring.now.state, bring.now.counts) == (
        "checked",
        {"made": 3, "refused": 1, "points_in": 1520, "points_out": 500},
    )
    assert bring.member("1")["available"] == 0
    bring.start()
    while bring.batch():
        pass
    assert (bring.now.state, bring.now.counts) == (
        "done",
        {"made": 3, "refused": 1, "points_in": 1520, "points_out": 500},
    )
    assert bring.member("1")["available"] == 1000


def test_cancelled_it_stops_and_keeps_what_was_imported(bring: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 1)
    bring.upload("members", PEOPLE)
    bring.start()
    bring.batch()
    with transaction() as session:
        imports.cancel(session, bring.shop.id, bring.last, clock.wall())
    assert bring.batch() == 0
    assert bring.member("1") is not None
    assert bring.member("2") is None
    with pytest.raises(Conflict), transaction() as session:
        imports.begin(session, bring.shop.id, bring.last, clock.wall(), trial=False)


def test_an_erased_customer_is_not_brought_back(bring: Imports) -> None:
    with transaction() as session:
        members.erase(session, bring.shop.id, "1", clock.now())
    assert bring.run("members", PEOPLE)[0] == (2, "refused", "This customer was erased and stays so.")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1,1.5", "not a whole number"),
        ("1,", "Points is missing"),
        ("1", "Points is missing"),
        ("9,5", "Nobody here"),
        (",5", "names nobody"),
        ("1,abc", "not a number"),
        ("1,99999999999", "At most"),
        ("1,-5", "Only 0 points"),
        ("1,5,03/04/2026", "may be two dates"),
        ("1,5,2026-02-31", "does not exist" if False else "not a date that exists"),
        ("1,5,2099-01-01", "has not come"),
        ("1,5,2020-01-01,2021-01-01", "expired already"),
        ("1,5,\0", "NUL"),
        ('1,5,"open', "quotation mark"),
        (f"1,5,{'x' * 120_000}", "more than 100,000"),
        (f"1,5,{'x' * 1_000_000}", "cannot be read"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_next_one_counts(bring: Imports, row: str, why: str) -> None:
    bring.run("members", PEOPLE)
    said = bring.run("balances", f"id,points,earned_at,expires_at\n{row}\n2,7,,\n")
    assert said[0][:2] == (2, "refused")
    assert why in said[0][2]
    assert said[1][:2] == (3, "made")
    assert bring.member("2")["available"] == 7


def test_numbers_and_dates_as_people_write_them(bring: Imports) -> None:
    bring.run("members", PEOPLE)
    said = bring.run(
        "balances",
        "id;points;earned_at;expires_at\n1;1.500;03/04/2026;31/12/2090\n"
        '1;"2 000";4 Apr 2026;31/12/2090\n1;3.000,00;2026-04-04 9:30 PM;31/12/2090\n',
        dates="day first",
        decimal_comma=True,
    )
    assert [row[1] for row in said] == ["made"] * 3
    assert bring.member("1")["available"] == 6500
    days = _rows(bring, "select earned_at from lot where shop_id = :shop order by id")
    assert [(each[0].month) for each in days] == [4, 4, 4]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(bring: Imports, encoding: str, ends: str) -> None:
    content = f"id\tname first\tFirst Name{ends}1\t\tZoë{ends}2\t\tÅsa{ends}"
    raw = b"\xff\xfe" + content.encode("utf-16-le") if encoding == "utf-16-le-bom" else content.encode(encoding)
    assert [row[1] for row in bring.run("members", raw)] == ["made", "made"]
    assert (bring.member("1")["first_name"], bring.member("2")["first_name"]) == ("Zoë", "Åsa")


def test_quoted_line_ends_and_formulas_are_texts(bring: Imports) -> None:
    said = bring.run("members", 'id,First Name\n1,"Ada\nLovelace"\n2,=cmd()\n')
    assert [row[:2] for row in said] == [(2, "made"), (4, "made")]
    assert bring.member("1")["first_name"] == "Ada Lovelace"
    assert bring.member("2")["first_name"] == "=cmd()"
    report = b"".join(imports.report(bring.shop.id, bring.now)).decode()
    assert "\n=" not in report
    bring.run("members", "id\n=1\n=1\n")
    assert b"'=1" in b"".join(imports.report(bring.shop.id, bring.now))


def test_codes_go_into_the_pool_of_a_reward(bring: Imports) -> None:
    reward_id = bring.shop.reward_of_own_codes() if hasattr(bring.shop, "reward_of_own_codes") else None
    if reward_id is None:
        assert bring.run("codes", "A1\nA2\n", reward_id=1)[0][1] == "refused"
        return
    assert [row[1] for row in bring.run("codes", "A1\nA2\na1\n", reward_id=reward_id)] == ["made", "made", "refused"]


@pytest.mark.parametrize(
    "headings",
    [
        "Customer ID,Email,Points Balance",  # Smile.io
        "merchant_id,email,points_approved",  # LoyaltyLion
        "Third Party ID,Email,Points Balance",  # Yotpo
    ],
)
def test_headings_of_other_programs_are_known(bring: Imports, headings: str) -> None:
    bring.upload("balances", f"{headings}\n1,a@mail.example,5\n")
    assert bring.now.options["columns"] == {"external_id": 0, "email": 1, "points": 2}


def test_what_cannot_be_kept(bring: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput):
        bring.upload("members", "")
    monkeypatch.setattr(csv_files, "MAX_BYTES", 10)
    with pytest.raises(TooLarge):
        bring.upload("members", PEOPLE)


def _rows(bring: Imports, statement: str) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(statement), {"shop": bring.shop.id})]


def test_points_for_an_account_that_was_merged_go_to_the_member(
    bring: Imports, ledger_is_right: Callable[[], None]
) -> None:
    bring.run("members", PEOPLE)
    ada, bob = bring.member("1"), bring.member("2")
    with transaction() as session:
        merging.merge(
            session, bring.shop.facts, ada["id"], bob["id"], "One person", Author("staff", "Ada"), clock.now()
        )
    said = bring.run("balances", "id,points\n2,7\n1,1\n")
    assert [row[1] for row in said] == ["made"] * 2
    assert (bring.member("1")["available"], bring.member("2")["available"]) == (8, 0)
    again = bring.run("members", "id,First Name\n2,Robert\n")
    assert again[0][1:] == ("refused", "This account was merged into another one.")
    ledger_is_right()
