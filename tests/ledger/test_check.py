"""`ledger check` finds every corruption that can be planted, and nothing where nothing is wrong (design section 4)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import text

from backend.cli import main
from backend.db import transaction
from backend.errors import NotFound
from backend.ledger.check import QUESTIONS, Violation, check
from tests.ledger.books import START, Book, days


@pytest.fixture
def busy(book: Book) -> Book:
    """A shop in which everything has happened: every kind of entry, open and closed lots, somebody who owes."""
    member = book.member()
    order_id = book.order(member)
    award_id = book.promise(member, 100, order_id=order_id, expires_at=START + days(300))
    assert award_id is not None
    book.void(award_id, 10)
    book.post_due()
    book.promise(member, 40, order_id=order_id, due_at=START + days(90))
    book.grant(member, 20, expires_at=START + days(2))
    book.grant(member, 5, expires_at=START + days(3))
    captured, released, _open = book.hold(member, 10), book.hold(member, 10), book.hold(member, 10)
    spent, _kept = book.spend(member, 10), book.spend(member, 10)
    assert captured is not None and released is not None and spent is not None
    book.capture(member, captured)
    book.release(member, released)
    book.give_back(member, spent)
    book.claw_back(member, 20, order_id=order_id)
    book.deduct(member, 5)
    book.now = START + days(4)
    book.expire_due()
    owing = book.member()
    book.grant(owing, 10)
    book.spend(owing, 50, may_owe=True)
    book.grant(owing, 20)
    book.execute(
        "insert into delivery (shop_id, delivery_id, type, state, body, received_at, next_try_at)"
        " values (:shop, 'd-1', 'order.created', 'received', '{}', :now, :now),"
        " (:shop, 'd-2', 'order.created', 'failed', '{}', :now, null),"
        " (:shop, 'd-3', 'order.created', 'handled', null, :now, null)",
        now=datetime.now(UTC),
    )
    return book


def found_after(book: Book, statements: Sequence[str]) -> list[Violation]:
    """What the check says with this planted: committed by nobody, seen by the check alone."""
    with transaction() as session:
        session.execute(text("set transaction isolation level repeatable read"))
        session.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            changed = session.execute(text(statement), {"shop": book.shop_id, "wall": datetime.now(UTC)})
            assert changed.rowcount != 0, f"planted nothing: {statement}"
        found = check(session, book.now, datetime.now(UTC), book.shop_id).violations
        session.rollback()
    return found


FIRST = "(select min(member_id) from account where shop_id = :shop)"
SECOND = "(select max(member_id) from account where shop_id = :shop)"
THE_LOT = f"(select min(id) from lot where shop_id = :shop and member_id = {FIRST} and open)"
A_CLOSED_LOT = f"(select min(id) from lot where shop_id = :shop and member_id = {FIRST} and not open)"
COLUMNS = (
    "shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor, reason,"
    " answers_entry_id"
)


def again(kind: str, /, **changed: str) -> str:
    """An entry of that kind written a second time under a key of its own, with some columns changed."""
    copied = COLUMNS.replace("source_key", "source_key || '(again)'")
    for column, value in changed.items():
        copied = copied.replace(f" {column},", f" '{value}',")
    return (
        f"insert into entry ({COLUMNS}) select {copied} from entry where shop_id = :shop and kind = '{kind}'"
        " order by id limit 1"
    )


CORRUPTIONS = {
    "an account with a point too many": (
        1,
        "the account says",
        [f"update account set available = available + 1 where shop_id = :shop and member_id = {FIRST}"],
    ),
    "pending points that nobody promised": (
        1,
        "points are pending, the waiting awards hold",
        ["update account set pending = pending + 1 where shop_id = :shop"],
    ),
    "points on hold that nobody holds": (
        6,
        "points are on hold, the open holds took",
        ["update account set on_hold = on_hold + 1 where shop_id = :shop"],
    ),
    "a debt forgiven by hand": (
        1,
        "the account says",
        ["update account set owed = 0 where shop_id = :shop and owed < 0"],
    ),
    "a point moved from one member to another": (
        1,
        "the account says",
        [
            f"update account set on_hold = on_hold - 1 where shop_id = :shop and member_id = {FIRST}",
            f"update account set on_hold = on_hold + 1 where shop_id = :shop and member_id = {SECOND}",
        ],
    ),
    "an account that is gone": (
        1,
        "belongs to no account",
        [f"delete from account where shop_id = :shop and member_id = {FIRST}"],
    ),
    "an award that promises more than its entry": (
        1,
        "the waiting awards hold",
        ["update award set promised = promised + 1, pending = pending + 1 where shop_id = :shop and state = 'pending'"],
    ),
    "an entry that is gone": (
        1,
        "the account says",
        ["delete from entry where shop_id = :shop and kind = 'deduct'"],
    ),
    "an entry that was made bigger": (
        1,
        "the account says",
        ["update entry set points = points + 1 where shop_id = :shop and kind = 'deduct'"],
    ),
    "a lot with a point too few": (
        2,
        "points are available, the open lots hold",
        [f"update lot set remaining = remaining - 1 where shop_id = :shop and id = {THE_LOT}"],
    ),
    "a lot that is gone": (
        2,
        "points are available, the open lots hold",
        [f"delete from lot where shop_id = :shop and id = {THE_LOT}"],
    ),
    "a lot that holds more than was put in": (
        2,
        r"lot \d+ holds \d+ of \d+ points",
        [
            "alter table lot drop constraint lot_check",
            f"update lot set remaining = points + 1 where shop_id = :shop and id = {THE_LOT}",
        ],
    ),
    "a lot that holds less than nothing": (
        2,
        r"lot \d+ holds -1 of \d+ points",
        [
            "alter table lot drop constraint lot_check",
            f"update lot set remaining = -1 where shop_id = :shop and id = {A_CLOSED_LOT}",
        ],
    ),
    "a lot that is closed with points in it": (
        2,
        r"holds \d+ of \d+ points and is closed",
        [
            "alter table lot drop constraint open_while_something_remains",
            f"update lot set open = false where shop_id = :shop and id = {THE_LOT}",
        ],
    ),
    "points moved from one lot to another": (
        2,
        "its entries leave",
        [
            f"update lot set remaining = remaining - 1 where shop_id = :shop and id = {THE_LOT}",
            f"update lot set remaining = 1, open = true where shop_id = :shop and id = {A_CLOSED_LOT}",
        ],
    ),
    "a movement without its lots": (
        2,
        r"\(deduct\) moves 5 points and its lots 0",
        [
            "delete from entry_lot where shop_id = :shop and entry_id ="
            " (select id from entry where shop_id = :shop and kind = 'deduct')"
        ],
    ),
    "points spent after their end": (
        2,
        r"\(hold\) took from lot \d+ after its end",
        ["update lot set expires_at = earned_at where shop_id = :shop and not open"],
    ),
    "a negative balance": (
        3,
        "on_hold -1",
        [
            "alter table account drop constraint account_on_hold_check",
            f"update account set on_hold = -1 where shop_id = :shop and member_id = {FIRST}",
        ],
    ),
    "somebody who owes and has": (
        3,
        "owed -",
        [
            "alter table account drop constraint owed_only_while_nothing_is_available",
            "update account set available = 1 where shop_id = :shop and owed < 0",
        ],
    ),
    "an entry that tells another balance": (
        4,
        "available after it, the one before it leads to",
        ["update entry set available_after = available_after + 1 where shop_id = :shop and kind = 'hold'"],
    ),
    "a first entry that tells another balance": (
        4,
        "the one before it leads to 0",
        ["update entry set available_after = 7 where shop_id = :shop and kind = 'promise' and available_after = 0"],
    ),
    "an order that gave back more than it brought": (
        5,
        "counted as expired",
        ["update orders set expired_taken_back = 1000 where shop_id = :shop"],
    ),
    "an award that ended without an entry": (
        5,
        r"award \d+ is posted",
        ["update award set state = 'posted', pending = 0 where shop_id = :shop and state = 'pending'"],
    ),
    "an award that was posted and waits again": (
        5,
        r"award \d+ is pending",
        ["update award set state = 'pending', pending = 90 where shop_id = :shop and state = 'posted'"],
    ),
    "a hold released twice": (6, r"hold \d+ ended 2 times", [again("release")]),
    "a hold released and captured": (
        6,
        r"hold \d+ ended 2 times",
        [again("release", kind="capture", to_bucket="spent")],
    ),
    "points returned twice": (6, r"entry \d+ was returned 2 times", [again("return")]),
    "a return of what was never spent": (
        6,
        r"\(return of 10 points\) answers entry \d+ \(hold of 10 points by member \d+, not captured\)",
        [
            "update entry set answers_entry_id = (select h.id from entry h where h.shop_id = :shop and h.kind = 'hold'"
            " and not exists (select 1 from entry e where e.shop_id = :shop and e.answers_entry_id = h.id))"
            " where shop_id = :shop and kind = 'return'"
        ],
    ),
    "a release of more than was held": (
        6,
        r"\(release of 11 points\) answers entry \d+ \(hold of 10 points",
        ["update entry set points = points + 1 where shop_id = :shop and kind = 'release'"],
    ),
    "a release that answers nothing": (
        6,
        r"\(release of 10 points\) answers no entry",
        ["update entry set answers_entry_id = null where shop_id = :shop and kind = 'release'"],
    ),
    "a release that answers another member's hold": (
        6,
        r"\(release of 10 points\) answers entry \d+ \(hold of 10 points",
        [
            f"update entry set member_id = {SECOND} where shop_id = :shop and id ="
            " (select answers_entry_id from entry where shop_id = :shop and kind = 'release')"
        ],
    ),
    "an acknowledged delivery that nobody handles": (
        8,
        "has been waiting since",
        [
            "update delivery set next_try_at = cast(:wall as timestamptz) - interval '11 minutes' where state = 'received'"
        ],
    ),
    "an acknowledged delivery that nobody will ever handle": (
        8,
        "has been waiting since",
        ["update delivery set next_try_at = null where state = 'received'"],
    ),
    "a failed delivery that was emptied": (
        8,
        "failed and its body is gone",
        ["update delivery set body = null where state = 'failed'"],
    ),
    "points that a merge took out of one account and put nowhere": (
        1,
        "points are between two accounts that were merged",
        [again("deduct", kind="merge", to_bucket="merged")],
    ),
    "an account that was merged and still has points": (
        1,
        "the account was merged into",
        [
            "update member set status = 'merged', merged_into = (select min(id) from member where shop_id = :shop)"
            " where shop_id = :shop and id = (select max(id) from member where shop_id = :shop)"
        ],
    ),
    "points out of nothing, lot and entry and account in agreement": (
        9,
        "the entries close at",
        [
            "alter table entry drop constraint a_kind_moves_between_its_buckets",
            "update entry set kind = 'release', from_bucket = 'nowhere' where shop_id = :shop and kind = 'grant'",
        ],
    ),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_every_planted_corruption_is_found(busy: Book, corruption: str) -> None:
    invariant, says, statements = CORRUPTIONS[corruption]
    found = found_after(busy, statements)
    assert [each for each in found if each.invariant == invariant and re.search(says, each.what)], found


def test_nothing_is_found_where_nothing_is_wrong(busy: Book) -> None:
    assert found_after(busy, []) == []
    kinds = {row.kind for row in busy.rows("select distinct kind from entry where shop_id = :shop")}
    assert kinds == {
        "promise", "post", "void", "grant", "deduct", "hold", "release", "capture", "spend", "return", "expire",
        "claw_back", "settle",
    }  # fmt: skip


def test_every_question_has_a_corruption_that_it_alone_or_with_others_finds(busy: Book) -> None:
    said = [each.what for _, _, statements in CORRUPTIONS.values() for each in found_after(busy, statements)]
    silent = [question.rows for question in QUESTIONS if not any(map(sentence(question.rows).fullmatch, said))]
    assert silent == []


def sentence(rows: str) -> re.Pattern[str]:
    """What the question says, whatever the figures."""
    literals = re.findall(r"format\(((?:\s*'[^']*')+)", rows)[0]
    template = "".join(re.findall(r"'([^']*)'", literals))
    return re.compile(re.escape(template).replace("%s", ".*"))


def test_a_corruption_is_told_with_the_shop_the_member_and_the_figures(busy: Book) -> None:
    member = busy.rows(f"select {FIRST}")[0][0]
    found = found_after(busy, CORRUPTIONS["an account with a point too many"][2])
    assert {(each.shop_id, each.member_id) for each in found} == {(busy.shop_id, member), (busy.shop_id, None)}
    assert "the account says pending 40, available 56" in next(each.what for each in found if each.invariant == 1)


def test_another_shops_corruption_is_not_this_shops(busy: Book) -> None:
    other = Book()
    other.grant(other.member(), 10)
    corrupt_for_good(other)
    assert busy.check().violations == []
    with transaction() as session:
        everywhere = check(session, busy.now, datetime.now(UTC)).violations
    assert {each.shop_id for each in everywhere} == {other.shop_id}


def test_a_delivery_may_wait_ten_minutes(busy: Book) -> None:
    busy.execute(
        "update delivery set next_try_at = :at where shop_id = :shop and state = 'received'",
        at=datetime.now(UTC) - timedelta(minutes=9),
    )
    assert busy.check().violations == []


def test_a_shop_that_does_not_exist_is_said_so(busy: Book) -> None:
    with transaction() as session, pytest.raises(NotFound):
        check(session, busy.now, datetime.now(UTC), shop_id=busy.shop_id + 1000)


# The command


def corrupt_for_good(book: Book) -> None:
    book.execute("update account set available = available + 1 where shop_id = :shop")


@pytest.fixture
def ledger_check(ledger_app: Flask, environ: dict[str, str]) -> "Command":
    return Command({**environ, "DATABASE_URL": ledger_app.config["LAGNIAPPE_DATABASE_URL"]})


class Command:
    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def __call__(self, *arguments: object) -> Result:
        return CliRunner(env=self._environ).invoke(main, ["ledger", "check", *map(str, arguments)])


def test_the_command_answers_0_and_says_how_much_it_looked_at(busy: Book, ledger_check: Command) -> None:
    for answer in (ledger_check("--shop", busy.shop_id), ledger_check()):
        assert answer.exit_code == 0, answer.output
        entries = busy.count("entry")
        assert orjson.loads(answer.stdout) == {"members": 2, "entries": entries, "violations": []}


def test_the_command_answers_1_and_names_each_violation(book: Book, ledger_check: Command) -> None:
    member = book.member()
    book.grant(member, 10)
    corrupt_for_good(book)
    for answer in (ledger_check("--shop", book.shop_id), ledger_check()):
        assert answer.exit_code == 1
        document = orjson.loads(answer.stdout)
        assert list(document) == ["members", "entries", "violations"]
        assert {violation["invariant"] for violation in document["violations"]} == {1, 2, 9}
        assert document["violations"][0] == {
            "invariant": 1,
            "shop_id": str(book.shop_id),
            "member_id": str(member),
            "what": "the account says pending 0, available 11, on_hold 0, owed 0; the entries say 0, 10, 0, 0",
        }


def test_the_command_says_that_there_is_no_such_shop(book: Book, ledger_check: Command) -> None:
    answer = ledger_check("--shop", book.shop_id + 1000)
    assert answer.exit_code == 1
    assert f"There is no shop {book.shop_id + 1000}." in answer.output
    assert answer.stdout == ""
