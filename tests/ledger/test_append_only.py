"""What PostgreSQL itself refuses, whoever asks: changed history, impossible balances, rows of another shop."""

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.db import sqlstate
from tests.ledger.books import Book, days

RESTRICTED, CHECK, FOREIGN_KEY, UNIQUE = "23001", "23514", "23503", "23505"


@pytest.fixture
def member(book: Book) -> int:
    """A member of whom every table of the ledger has a row."""
    member_id = book.member()
    order_id = book.order(member_id)
    book.promise(member_id, 100, order_id=order_id)
    book.post_due()
    book.hold(member_id, 30)
    return member_id


def refusal(book: Book, statement: str, **parameters: object) -> str | None:
    with pytest.raises(DBAPIError) as raised:
        book.execute(statement, **parameters)
    return sqlstate(raised.value)


@pytest.mark.parametrize("table", ["entry", "entry_lot"])
@pytest.mark.parametrize(
    "statement",
    [
        "update {table} set points = points + 1 where shop_id = :shop",
        "delete from {table} where shop_id = :shop",
        "truncate {table} cascade",
    ],
)
def test_what_was_written_can_be_neither_changed_nor_removed(
    book: Book, member: int, table: str, statement: str
) -> None:
    before = book.rows(f"select * from {table} where shop_id = :shop order by 1, 2, 3")
    assert before
    assert refusal(book, statement.format(table=table)) == RESTRICTED
    assert book.rows(f"select * from {table} where shop_id = :shop order by 1, 2, 3") == before


def test_not_even_an_update_that_changes_nothing_is_let_through(book: Book, member: int) -> None:
    assert refusal(book, "update entry set reason = reason where shop_id = :shop") == RESTRICTED


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("account_pending_check", "update account set pending = -1 where shop_id = :shop"),
        ("account_available_check", "update account set available = -1 where shop_id = :shop"),
        ("account_on_hold_check", "update account set on_hold = -1 where shop_id = :shop"),
        ("account_owed_check", "update account set owed = 1, available = 0 where shop_id = :shop"),
        ("owed_only_while_nothing_is_available", "update account set owed = -1 where shop_id = :shop"),
        ("lot_points_check", "update lot set points = 0, remaining = 0, open = false where shop_id = :shop"),
        ("lot_check", "update lot set remaining = points + 1 where shop_id = :shop"),
        ("lot_check", "update lot set remaining = -1, open = false where shop_id = :shop"),
        ("open_while_something_remains", "update lot set remaining = 0 where shop_id = :shop"),
        ("open_while_something_remains", "update lot set open = false where shop_id = :shop"),
        ("lot_reminder_check", "update lot set reminder = 'perhaps' where shop_id = :shop"),
        ("award_promised_check", "update award set promised = 0 where shop_id = :shop"),
        ("award_check", "update award set pending = 101, state = 'pending' where shop_id = :shop"),
        ("award_check", "update award set pending = -1, state = 'pending' where shop_id = :shop"),
        ("award_state_check", "update award set state = 'perhaps' where shop_id = :shop"),
        ("pending_while_it_waits", "update award set pending = 1 where shop_id = :shop"),
        ("pending_while_it_waits", "update award set state = 'pending' where shop_id = :shop"),
        ("orders_expected_points_check", "update orders set expected_points = -1 where shop_id = :shop"),
        ("orders_expired_taken_back_check", "update orders set expired_taken_back = -1 where shop_id = :shop"),
    ],
)
def test_a_balance_a_lot_or_an_award_that_cannot_be_is_refused(
    book: Book, member: int, constraint: str, statement: str
) -> None:
    with pytest.raises(IntegrityError) as raised:
        book.execute(statement)
    assert raised.value.orig.diag.constraint_name == constraint


ENTRY = (
    "insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,"
    " reason) values (:shop, :member, :now, :kind, :from, :to, :points, :after, :key, :actor, 'a test')"
)
GOOD = {"kind": "grant", "from": "issued", "to": "available", "points": 1, "after": 1, "actor": "system"}


def entry(book: Book, member: int, **wrong: object) -> dict[str, object]:
    return {"member": member, "now": book.now, "key": book.new_key(), **GOOD, **wrong}


def test_the_entry_that_the_next_test_spoils_would_be_accepted(book: Book, member: int) -> None:
    book.try_out(ENTRY, **entry(book, member))


@pytest.mark.parametrize(
    ("constraint", "wrong"),
    [
        ("entry_points_check", {"points": 0}),
        ("entry_points_check", {"points": -1}),
        ("entry_points_check", {"points": 1_000_000_001}),
        ("entry_available_after_check", {"after": -1}),
        ("entry_actor_check", {"actor": "nobody"}),
        ("a_kind_moves_between_its_buckets", {"kind": "gift"}),
        ("a_kind_moves_between_its_buckets", {"from": "available", "to": "issued"}),
        ("a_kind_moves_between_its_buckets", {"kind": "settle"}),
        ("a_kind_moves_between_its_buckets", {"kind": "spend", "from": "on_hold", "to": "spent"}),
        ("a_kind_moves_between_its_buckets", {"kind": "hold", "from": "owed", "to": "on_hold"}),
        ("a_kind_moves_between_its_buckets", {"kind": "expire", "from": "pending", "to": "expired"}),
    ],
)
def test_an_entry_that_no_verb_can_mean_is_refused(
    book: Book, member: int, constraint: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError) as raised:
        book.execute(ENTRY, **entry(book, member, **wrong))
    assert raised.value.orig.diag.constraint_name == constraint


def test_one_source_is_one_entry_in_each_shop(book: Book, member: int) -> None:
    other = Book()
    book.grant(member, 1, key="the source")
    other.try_out(ENTRY, **entry(other, other.member(), key="the source"))
    assert refusal(book, ENTRY, **entry(book, member, key="the source")) == UNIQUE


def test_a_lot_moves_some_points_or_none(book: Book, member: int) -> None:
    entry_id = book.grant(member, 5)
    lot_id = book.lots(member)[0].id
    statement = "insert into entry_lot values (:shop, :entry, :lot, 0)"
    assert refusal(book, statement, entry=entry_id, lot=lot_id) == CHECK


INSERTS = {
    "account": "insert into account (shop_id, member_id) values (:shop, :member)",
    "an entry's member": ENTRY,
    "an entry's order": ENTRY.replace("reason)", "reason, order_id)").replace("'a test')", "'a test', :order)"),
    "an entry's award": ENTRY.replace("reason)", "reason, award_id)").replace("'a test')", "'a test', :award)"),
    "an entry's answered entry": ENTRY.replace("reason)", "reason, answers_entry_id)").replace(
        "'a test')", "'a test', :entry)"
    ),
    "an award's member": "insert into award (shop_id, member_id, rule, promised, pending, due_at, reason,"
    " program_version, why) values (:shop, :member, 'order', 1, 1, :now, 'a test', 1, '{}')",
    "an award's order": "insert into award (shop_id, member_id, order_id, rule, promised, pending, due_at, reason,"
    " program_version, why) values (:shop, :member, :order, 'order', 1, 1, :now, 'a test', 1, '{}')",
    "an award's version": "insert into award (shop_id, member_id, rule, promised, pending, due_at, reason,"
    " program_version, why) values (:shop, :member, 'order', 1, 1, :now, 'a test', 9, '{}')",
    "a lot's member": "insert into lot (shop_id, member_id, entry_id, points, remaining, open, earned_at)"
    " values (:shop, :member, :entry, 1, 1, true, :now)",
    "a lot's entry": "insert into lot (shop_id, member_id, entry_id, points, remaining, open, earned_at)"
    " values (:shop, :member, :entry, 1, 1, true, :now)",
    "a lot's order": "insert into lot (shop_id, member_id, entry_id, order_id, points, remaining, open, earned_at)"
    " values (:shop, :member, :entry, :order, 1, 1, true, :now)",
    "a movement's entry": "insert into entry_lot values (:shop, :entry, :lot, 1)",
    "a movement's lot": "insert into entry_lot values (:shop, :entry, :lot, 1)",
    "an order's member": "insert into orders (shop_id, external_id, member_id, known, placed_at, program_version)"
    " values (:shop, 'o-x', :member, '{}', :now, 1)",
    "a verified address's member": "insert into verified_address values (:shop, 'a@b.example', :member)",
}
FOREIGN = {
    "account": "member",
    "an entry's member": "member",
    "an entry's order": "order",
    "an entry's award": "award",
    "an entry's answered entry": "entry",
    "an award's member": "member",
    "an award's order": "order",
    "an award's version": "version",
    "a lot's member": "member",
    "a lot's entry": "entry",
    "a lot's order": "order",
    "a movement's entry": "entry",
    "a movement's lot": "lot",
    "an order's member": "member",
    "a verified address's member": "member",
}


@pytest.mark.parametrize("row", INSERTS)
def test_no_row_can_point_at_another_shops(book: Book, member: int, row: str) -> None:
    mine, other = ids(book, member), Book()
    theirs = ids(other, full_member(other))
    needs = FOREIGN[row]
    given = {**entry(book, member), **mine, needs: theirs.get(needs)}
    words = {name: value for name, value in given.items() if f":{name}" in INSERTS[row]}
    assert refusal(book, INSERTS[row], **words) == FOREIGN_KEY


@pytest.mark.parametrize("row", [row for row in INSERTS if row not in ("account", "an award's version")])
def test_the_same_row_within_one_shop_is_accepted(book: Book, member: int, row: str) -> None:
    given = {**entry(book, member), **ids(book, member)}
    words = {name: value for name, value in given.items() if f":{name}" in INSERTS[row]}
    book.try_out(INSERTS[row], **words)


def test_every_foreign_key_of_the_schema_contains_the_shop(book: Book) -> None:
    without = book.rows(
        """
        select c.conrelid::regclass::text, c.conname from pg_constraint c
        join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace and n.nspname = 'public'
        where c.contype = 'f' and not exists (
            select 1 from unnest(c.conkey) k join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k
            where a.attname = 'shop_id')
        """
    )
    assert without == []


def full_member(book: Book) -> int:
    member_id = book.member()
    book.promise(member_id, 50, order_id=book.order(member_id), due_at=book.now)
    book.post_due()
    return member_id


def ids(book: Book, member: int) -> dict[str, object]:
    """One id of each kind that belongs to the member. The entry has moved no lot yet."""
    (row,) = book.rows(
        "select (select max(id) from orders where shop_id = :shop) as order,"
        " (select max(id) from award where shop_id = :shop) as award,"
        " (select max(id) from lot where shop_id = :shop) as lot,"
        " (select min(id) from entry where shop_id = :shop) as entry"
    )
    return {"member": member, "now": book.now + days(0), **row._mapping}
