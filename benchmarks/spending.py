"""Members with many lots to spend and rewards with many codes, made by a few set-based statements."""

from dataclasses import dataclass
from math import ceil

import orjson
import psycopg

from backend import clock
from backend.db import transaction
from backend.loyalty.redemptions import redemptions
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from benchmarks.stage import Database

COST = 50
LOT = 60
"""So a redemption takes from one lot or from two."""

_GRANTS = """
insert into entry (shop_id, id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
    reason, program_version, expires_at, why)
select a.shop_id, nextval('entry_id_seq'), a.member_id, %(now)s, 'grant', 'issued', 'available', %(lot)s,
    a.available + n * cast(%(lot)s as bigint), 'spending:' || a.member_id || ':' || a.available || ':' || n, 'system',
    'Order', 1, %(now)s + interval '6 months' + make_interval(mins => cast(n as integer)),
    '{"rule": "order", "order": "7"}'
from account a cross join generate_series(1, cast(%(lots)s as bigint)) n
where a.shop_id = %(shop)s and a.member_id = any(%(members)s)
order by a.member_id, n
"""
_LOTS = """
insert into lot (shop_id, member_id, entry_id, points, remaining, open, earned_at, expires_at, reminder)
select e.shop_id, e.member_id, e.id, e.points, e.points, true, e.at, e.expires_at, 'waiting'
from entry e
where e.shop_id = %(shop)s and e.member_id = any(%(members)s) and e.source_key like 'spending:%%'
    and not exists (select from lot l where l.shop_id = e.shop_id and l.entry_id = e.id)
order by e.id
"""
_ACCOUNTS = """
update account set available = available + cast(%(lots)s as bigint) * %(lot)s
where shop_id = %(shop)s and member_id = any(%(members)s)
"""
_CODES = """
with added as (
    insert into coupon (shop_id, reward_id, code, source, state, created_at)
    select %(shop)s, %(reward)s, 'BENCH-' || %(reward)s || '-' || lpad(n::text, 9, '0'), 'uploaded', 'ready', %(now)s
    from generate_series(cast(%(first)s as integer), cast(%(last)s as integer)) n
    returning shop_id, reward_id, id, code
)
insert into coupon_free select * from added
"""


def spenders(database: Database, at_most: int) -> range:
    """The ids of so many members, spread over the whole table."""
    return range(1, database.members + 1, ceil(database.members / at_most))


def lots_for(count: float) -> int:
    """How many lots pay for so many redemptions of one member, and for a few more."""
    return ceil(count * COST / LOT) + 5


def give(database: Database, members: range, lots: int, points: int = LOT) -> None:
    """Give each of the members so many lots more, of so many points each."""
    given = {"shop": database.shop.shop_id, "members": list(members), "lots": lots, "lot": points, "now": clock.now()}
    with psycopg.connect(database.url) as connection:
        for statement in (_GRANTS, _LOTS, _ACCOUNTS):
            connection.execute(statement, given)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("vacuum (analyze) account, entry, lot")


@dataclass
class Pool:
    """A reward with a pool of codes that a merchant uploaded."""

    database: Database
    reward_id: int
    public_id: str
    version: int
    frozen: str
    """What the product keeps of the reward in each redemption."""
    codes: int = 0
    """How many it was ever given."""

    @classmethod
    def make(cls, database: Database, name: str, codes: int) -> "Pool":
        with database.app.app_context(), transaction() as session:
            reward = rewards.create(
                session,
                shops.facts(database.shop.shop_id),
                {
                    "reward_name": name,
                    "reward_type": "coupon_based_reward",
                    "reward_sub_type": "fixed_amount_discount",
                    "reward_value": "5.00",
                    "points_to_be_redeemed": COST,
                    "coupons": [],
                },
                clock.now(),
            )
            frozen = orjson.dumps(redemptions.freeze(reward)).decode()
        pool = cls(database, reward.id, reward.public_id, reward.version, frozen)
        pool.restock(codes)
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("vacuum (analyze) coupon, coupon_free, reward")
        return pool

    def restock(self, free: int) -> None:
        """Fill it up to so many free codes."""
        with psycopg.connect(self.database.url) as connection:
            missing = free - self._count(connection, "coupon_free")
            if missing > 0:
                given = {"shop": self.database.shop.shop_id, "reward": self.reward_id, "now": clock.now()}
                connection.execute(_CODES, given | {"first": self.codes + 1, "last": self.codes + missing})
                self.codes += missing
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            connection.execute("vacuum (analyze) redemption, coupon_free")

    def use_up(self, count: int) -> None:
        """Take so many codes out of it, those that would be taken first, without redemptions."""
        with psycopg.connect(self.database.url) as connection:
            taken = [
                row[0]
                for row in connection.execute(
                    "delete from coupon_free where shop_id = %(shop)s and reward_id = %(reward)s and coupon_id in ("
                    "select coupon_id from coupon_free where shop_id = %(shop)s and reward_id = %(reward)s"
                    " order by coupon_id limit %(count)s) returning coupon_id",
                    {"shop": self.database.shop.shop_id, "reward": self.reward_id, "count": count},
                )
            ]
            connection.execute(
                "delete from coupon where shop_id = %s and id = any(%s)", [self.database.shop.shop_id, taken]
            )

    def redemptions(self) -> int:
        """How many redemptions of it there are."""
        with psycopg.connect(self.database.url) as connection:
            return self._count(connection, "redemption")

    def _count(self, connection: psycopg.Connection, table: str) -> int:
        row = connection.execute(
            f"select count(*) from {table} where shop_id = %s and reward_id = %s",
            [self.database.shop.shop_id, self.reward_id],
        ).fetchone()
        assert row is not None
        count: int = row[0]
        return count
