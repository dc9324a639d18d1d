"""Members with a past, made by a few set-based statements; `lagniappe ledger check` finds nothing wrong with it.

Every member of a database looks alike, so that databases of different sizes differ in size alone: an account, two open
lots (one ends in a month, one in a year), one award that waits, an entry for each; a quarter of them has an order on its
way. A few members have a short or a long history besides.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

EXPIRY_DAYS = 12
"""The first lots end on one of so many days, the first of them 30 days after the seed: each day holds 1/12 of them."""
FIRST_EXPIRY_AFTER_DAYS = 30
ENTRIES_EACH = 3
FIRST_LOT, SECOND_LOT, PROMISED = 50, 70, 30

_TABLES = ("member", "account", "entry", "lot", "entry_lot", "award", "orders", "delivery")
_NUMBERED = ("member", "entry", "lot", "award", "orders", "delivery")

_MEMBERS = """
insert into member (shop_id, id, external_id, email, email_verified, first_name, last_name, locale, enrolled_at, profile_at)
select %(shop)s, i, 'cus_' || lpad(i::text, 10, '0'), 'shopper' || i || '@example.com', true, 'Ada', 'Lovelace', 'en',
    %(now)s - interval '1 year', %(now)s - interval '1 day'
from generate_series(%(from)s, %(to)s) i
"""
_ACCOUNTS = """
insert into account (shop_id, member_id, pending, available)
select %(shop)s, i, %(promised)s, %(first)s + %(second)s from generate_series(%(from)s, %(to)s) i
"""
_ENTRIES = """
insert into entry (shop_id, id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
    reason, award_id, program_version, expires_at, why)
select %(shop)s, 3 * (i - 1) + e.n, i, %(now)s - interval '20 days' + e.n * interval '1 day', e.kind, e.source, e.target,
    e.points, e.after, 'seed:' || lpad((3 * (i - 1) + e.n)::text, 10, '0'), 'platform', 'Order ' || i,
    case e.n when 3 then i end,
    1, %(now)s + interval '1 year',
    '{"rule": "order", "order": "7", "base": "500.00", "currency": "EUR", "rate": "1 for every 10", "points": 50}'::jsonb
from generate_series(%(from)s, %(to)s) i
cross join (values
    (1, 'grant', 'issued', 'available', %(first)s, %(first)s),
    (2, 'grant', 'issued', 'available', %(second)s, %(first)s + %(second)s),
    (3, 'promise', 'issued', 'pending', %(promised)s, %(first)s + %(second)s)
) as e (n, kind, source, target, points, after)
order by 2
"""
_LOTS = """
insert into lot (shop_id, id, member_id, entry_id, points, remaining, open, earned_at, expires_at, reminder, reminded_early)
select %(shop)s, 2 * (i - 1) + l.n, i, 3 * (i - 1) + l.n, l.points, l.points, true, %(now)s - interval '20 days',
    case l.n when 1 then %(now)s + make_interval(days => %(after)s + (i %% %(days)s)::integer)
        else %(now)s + interval '1 year' end,
    case l.n when 1 then 'sent' else 'waiting' end, l.n = 1
from generate_series(%(from)s, %(to)s) i cross join (values (1, %(first)s), (2, %(second)s)) as l (n, points)
order by 2
"""
_AWARDS = """
insert into award (shop_id, id, member_id, rule, promised, pending, due_at, expires_at, reason, program_version, why)
select %(shop)s, i, i, 'order', %(promised)s, %(promised)s, %(now)s + interval '3 days', %(now)s + interval '1 year',
    'Order ' || i, 1,
    jsonb_build_object('rule', 'order', 'order', i::text, 'base', '300.00', 'currency', 'EUR', 'points', %(promised)s)
from generate_series(%(from)s, %(to)s) i
"""
_ORDERS = """
insert into orders (shop_id, external_id, member_id, known, placed_at, program_version, expected_points)
select %(shop)s, 'ord_' || lpad(i::text, 10, '0'), i,
    jsonb_build_object('states', jsonb_build_array(jsonb_build_object('at', '2026-11-20T09:00:00Z',
        'order', jsonb_build_object('external_id', 'ord_' || i, 'number', i::text, 'currency', 'EUR', 'subtotal', '80.00',
        'created_at', '2026-11-20T09:00:00Z'))),
        'first_shown', '{}'::jsonb),
    %(now)s - interval '1 day', 1, 8
from generate_series(%(from)s, %(to)s) i
where i %% 4 = 1
"""
_DELIVERIES = """
insert into delivery (shop_id, delivery_id, type, state, received_at, handled_at)
select %(shop)s, 'past_' || lpad(i::text, 10, '0'), 'order.created', 'handled', %(now)s - interval '40 days',
    %(now)s - interval '40 days'
from generate_series(%(from)s, %(to)s) i
where i %% 2 = 1
"""

_HISTORY = """
create temporary table past on commit drop as
select i as member, %(base)s + row_number() over (order by i, n) as entry, n, n %% 2 = 1 as is_grant
from generate_series(%(from)s, %(to)s) i cross join generate_series(1, %(entries)s) n
"""
# Points that came and expired again, in pairs: the lots of the past are closed, as they are for an old member.
_PAST_ENTRIES = """
insert into entry (shop_id, id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
    reason, program_version, why)
select %(shop)s, entry, member, %(now)s - interval '10 days' + n * interval '1 second',
    case when is_grant then 'grant' else 'expire' end, case when is_grant then 'issued' else 'available' end,
    case when is_grant then 'available' else 'expired' end, 10,
    %(first)s + %(second)s + case when is_grant then 10 else 0 end, 'past:' || lpad(entry::text, 12, '0'), 'system',
    'Order', 1, '{"rule": "order", "order": "7"}'
from past order by entry
"""
_PAST_LOTS = """
insert into lot (shop_id, id, member_id, entry_id, points, remaining, open, earned_at, expires_at, reminder)
select %(shop)s, %(lots)s + row_number() over (order by entry), member, entry, 10, 0, false,
    %(now)s - interval '10 days', %(now)s - interval '9 days', 'sent'
from past where is_grant
"""
_PAST_ENTRY_LOTS = """
insert into entry_lot (shop_id, entry_id, lot_id, points)
select l.shop_id, l.entry_id + 1, l.id, 10 from lot l join past p on p.entry = l.entry_id and l.shop_id = %(shop)s
"""


@dataclass(frozen=True)
class Histories:
    """Members whose history is longer than the others': the ids, and how many entries each has more."""

    short: range
    long: range
    short_entries: int
    long_entries: int


def fill(database_url: str, shop_id: int, members: int, now: datetime, histories: Histories) -> None:
    """Seed a fresh database that holds the shop and its program's version 1, in about a minute for a million members.

    Foreign keys are not asked while it is filled (the check proves more than they do), and what only speeds up
    questions is built afterwards.
    """
    given: dict[str, Any] = {
        "shop": shop_id,
        "now": now,
        "first": FIRST_LOT,
        "second": SECOND_LOT,
        "promised": PROMISED,
        "days": EXPIRY_DAYS,
        "after": FIRST_EXPIRY_AFTER_DAYS,
    }
    middle = members // 2
    with psycopg.connect(database_url, autocommit=True) as connection:
        indexes = _indexes(connection)
        for name, _ in indexes:
            connection.execute(f"drop index {name}")
        with ThreadPoolExecutor(2) as halves:
            list(
                halves.map(
                    lambda ids: _fill_members(database_url, given | {"from": ids[0], "to": ids[1]}),
                    ((1, middle), (middle + 1, members)),
                )
            )
        _fill_histories(database_url, given, histories)
        for _, definition in indexes:
            connection.execute(definition)
        for table in _NUMBERED:
            connection.execute(
                f"select setval(pg_get_serial_sequence('{table}', 'id'), (select coalesce(max(id), 1) from {table}))"
            )
        for table in _TABLES:
            connection.execute(f"vacuum (freeze, analyze) {table}")
        sum_again(connection, shop_id)  # only now: without statistics it joins a million by a million
        connection.execute("checkpoint")


def sum_again(connection: psycopg.Connection[Any], shop_id: int) -> None:
    """The sums that reports read, of what was written without their triggers: a shop that moves to another zone is summed
    anew, and so it is when it moves back."""
    for zone in ("UTC", "Europe/Paris"):
        connection.execute("update shop set timezone = %s where id = %s", [zone, shop_id])


def _indexes(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Name and definition of every index that is no constraint."""
    return connection.execute(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index"
        " where indrelid = any(cast(%s as regclass[])) and not indisunique",
        [list(_TABLES)],
    ).fetchall()


@contextmanager
def _unchecked(database_url: str) -> Iterator[psycopg.ClientCursor[Any]]:
    """One transaction in which no trigger runs, foreign keys included."""
    with psycopg.connect(database_url) as connection:
        client = psycopg.ClientCursor(connection)
        client.execute("set local session_replication_role = replica")
        yield client


def _fill_members(database_url: str, given: dict[str, Any]) -> None:
    with _unchecked(database_url) as client:
        for statement in (_MEMBERS, _ACCOUNTS, _ENTRIES, _LOTS, _AWARDS, _ORDERS, _DELIVERIES):
            client.execute(statement, given)


def _fill_histories(database_url: str, given: dict[str, Any], histories: Histories) -> None:
    for ids, entries in ((histories.short, histories.short_entries), (histories.long, histories.long_entries)):
        with _unchecked(database_url) as client:
            _fill_history(client, given, ids, entries)


def _fill_history(client: psycopg.ClientCursor[Any], given: dict[str, Any], ids: range, entries: int) -> None:
    row = client.execute("select max(e.id), (select max(id) from lot) from entry e").fetchone()
    assert row is not None
    here = given | {"base": row[0], "lots": row[1], "from": ids[0], "to": ids[-1], "entries": entries}
    for statement in (_HISTORY, _PAST_ENTRIES, _PAST_LOTS, _PAST_ENTRY_LOTS):
        client.execute(statement, here)
