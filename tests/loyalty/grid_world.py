"""A shop with a million redemptions in a database of its own: the real schema and indexes, rows made by PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import flask_migrate
import psycopg
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import Session

from backend.app import create_app
from backend.db import db

REDEMPTIONS = 1_000_000
REWARDS = 10_000
MEMBERS = 100_000
SHOP = 1
SMALL_SHOP = 2
"""Has some hundreds of redemptions of the same kinds: few enough to be put in order by Python."""
SMALL_REDEMPTIONS = 700
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIRST = NOW - timedelta(days=730)
"""The redemptions lie evenly over two years."""
POPULAR, COMMON, SELDOM = 1, 2, 9_000
"""Rewards: the first has three in ten of all redemptions, the second some thousands, the third about as many as most."""
RARE_KIND = "event_invitation"
"""Ten rewards in ten thousand."""

_SHOP = """
insert into shop (id, platform, name, domain, currency, timezone, locale, widget_key, webhook_secret,
    identity_secret, created_at)
values (%(shop)s, 'custom', 'Big', 'big.example', 'EUR', 'Europe/Paris', 'en', 'wk_' || %(shop)s, 'x', 'x', %(first)s)
"""
_MEMBERS = """
insert into member (shop_id, id, external_id, email, phone, first_name, last_name, enrolled_at)
select %(shop)s, i, 'c-' || i, 'shopper' || i || '@example.com', '+336' || lpad(i::text, 8, '0'), 'Ada', 'Diaz', %(first)s
from generate_series(1, %(members)s) i
"""
_REWARDS = """
insert into reward (shop_id, id, redemption_id, name, type, sub_type, is_active, points, point_value, coupon_source, rank,
    details, created_at, modified_at)
select %(shop)s, i, 'R' || i, 'Reward ' || i, k.type, k.sub_type, true, 100 * (1 + i %% 20),
    case k.type when 'cashback' then 1 end, 'none', 0, '{"labels": [], "categories": []}', %(first)s, %(first)s
from generate_series(1, %(rewards)s) i
join (values (0, 'coupon_based_reward', 'fixed_amount_discount'), (1, 'coupon_based_reward', 'percentage_discount'),
    (2, 'gift', null), (3, 'coupon_based_reward', 'value_code'), (4, 'coupon_based_reward', 'free_shipping'),
    (5, 'cashback', null), (6, 'custom', null), (7, 'event_invitation', null)) as k (n, type, sub_type)
    on k.n = case when i %% 1000 = 7 then 7 else i %% 7 end
"""
# Of a hundred, sixty were used. Codes stay ordered; of used gifts half have arrived and one in ten waits to be sent.
_REDEMPTIONS = """
insert into redemption (shop_id, id, member_id, reward_id, origin, status, use_state, delivery_status, points, points_after,
    frozen, code, requested_at, issued_at, used_at)
select %(shop)s, i, 1 + mod(i::bigint * 7919, %(members)s), w.id, 'points', 'issued',
    case when used then 'used' else 'delivered' end,
    case when not used then null when w.type <> 'gift' then 'ordered' when chance < 0.002 then 'canceled'
        when chance < 0.5 then 'delivered' when chance < 0.9 then 'shipped' else 'ordered' end,
    w.points, 40,
    jsonb_build_object('name', w.name, 'type', w.type, 'sub_type', w.sub_type, 'reward_id', w.redemption_id,
        'tax_value', null),
    case when i %% 2 = 0 then 'C-' || i end, at, at, case when used then at + wait end
from (
    select i, reward, random() < 0.6 as used, random() as chance, random() * interval '20 days' as wait,
        %(first)s + (i / %(redemptions)s::float) * interval '730 days' as at
    from (
        select i, case when random() < 0.3 then 1 when random() < 0.01 then 2
            else 3 + floor(random() * (%(rewards)s - 3))::integer end as reward
        from generate_series(1, %(redemptions)s) i
    ) r
) r join reward w on w.shop_id = %(shop)s and w.id = r.reward
order by i
"""
_TABLES = ("member", "reward", "redemption")


@contextmanager
def big_shop(environ: dict[str, str]) -> Iterator[Session]:
    """A session on the database, which is dropped afterwards."""
    address = make_url(environ["DATABASE_URL"])
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("drop database if exists grid with (force)")
        connection.execute("create database grid")
    own = address.set(database="grid").render_as_string(hide_password=False)
    migrated = create_app(environ | {"DATABASE_URL": own})
    with migrated.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
    _fill(own)
    engine = create_engine(address.set(database="grid", drivername="postgresql+psycopg"))
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("drop database if exists grid with (force)")


def _fill(database_url: str) -> None:
    big: dict[str, Any] = {
        "shop": SHOP,
        "first": FIRST,
        "members": MEMBERS,
        "rewards": REWARDS,
        "redemptions": REDEMPTIONS,
    }
    small = big | {"shop": SMALL_SHOP, "members": 40, "rewards": 30, "redemptions": SMALL_REDEMPTIONS}
    with psycopg.connect(database_url, autocommit=True) as connection:
        client = psycopg.ClientCursor(connection)
        for setting in (
            "session_replication_role = replica",
            "synchronous_commit = off",
            "maintenance_work_mem = '256MB'",
        ):
            client.execute(f"set {setting}")
        indexes = client.execute(
            "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index"
            " where indrelid = 'redemption'::regclass and not indisprimary"
        ).fetchall()
        for name, _ in indexes:
            client.execute(f"drop index {name}")
        client.execute("select setseed(0.5)")
        for given in (big, small):
            for statement in (_SHOP, _MEMBERS, _REWARDS, _REDEMPTIONS):
                client.execute(statement, given)
        for _, definition in indexes:
            client.execute(definition)
        for table in _TABLES:
            client.execute(f"vacuum analyze {table}")
