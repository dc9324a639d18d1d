"""Redemptions: the product's one call, made by pgbench, beside what pgbench's own transactions cost.

Many members against one whom eight clients redeem for at once; a fresh pool of codes against one that is nearly used up,
and a large one against a small one.
"""

import secrets
from functools import partial
from math import ceil

from benchmarks.http import CONNECTIONS
from benchmarks.pgbench import duration, initialize, pgbench, script
from benchmarks.rounds import Result, Sample, faster, interleaved
from benchmarks.spending import COST, LOT, Pool, give, lots_for, spenders
from benchmarks.stage import Database, Stage

MEMBERS = 10_000
"""Redeem in turn at random; they lie spread over the whole table."""
MOST_PER_SECOND = 4_000
"""More redemptions than eight clients make here: so many points and codes are there for each second."""
PGBENCH, PGBENCH_SCALE = "pgbench", 10
"""The database of pgbench's own tables, and how large they are."""
_SCRIPT = [
    "\\set nth random(0, :last)",
    "\\set member :first + :nth * :step",
    f"\\set key random(1, {2**62})",
    "select outcome, redemption::text, available from redeem(:shop, :member, null, :reward, :version, null,"
    " 'bench_' || :key, :hash, now(), now() + interval '30 days', null, :frozen, '{}', 'customer', null, now());",
]


def run(stage: Stage, rounds: int) -> Result:
    database, sizes = stage.large, stage.sizes
    most = MOST_PER_SECOND * sum(duration(sizes.seconds))
    few, fresh = max(sizes.codes // 100, most), max(sizes.codes // 25, most)
    pools = {
        "fresh": Pool.make(database, "Codes, fresh", fresh),
        "used": Pool.make(database, "Codes, nearly all used", 10 * fresh),
        "few": Pool.make(database, "Codes, few", few),
        "all": Pool.make(database, "Codes, very many", sizes.codes),
    }
    pools["used"].use_up(9 * fresh)
    many = spenders(database, MEMBERS)
    one = range(database.members // 2, database.members // 2 + 1)
    lots = 2 * lots_for(len(pools) * rounds * most / len(many))
    give(database, many, lots)
    give(database, one, lots, ceil(rounds * most / lots) * LOT)  # no more lots than the others have
    stage.empty_database(PGBENCH)
    initialize(stage, PGBENCH, 1 if database.members < 100_000 else PGBENCH_SCALE)
    redeem = Redeem(stage, database)
    # A shop that has redeemed before: plans that are made while a table is empty are poor, and kept until it is analysed.
    redeem(pools["few"], few, many)
    variants = interleaved(
        {
            "pgbench -N (simple update)": partial(_builtin, stage, "simple-update"),
            "pgbench (TPC-B-like)": partial(_builtin, stage, "tpcb-like"),
            "redeem, many members": partial(redeem, pools["fresh"], fresh, many),
            "redeem, one member": partial(redeem, pools["fresh"], fresh, one),
            "redeem, 90 % of the codes used": partial(redeem, pools["used"], fresh, many),
            f"redeem, {few:,} codes": partial(redeem, pools["few"], few, many),
            f"redeem, {sizes.codes:,} codes": partial(redeem, pools["all"], sizes.codes, many),
        },
        rounds,
    )
    redeem.prove(list(pools.values()))
    ours = variants["redeem, many members"]
    return Result(
        f"redeem: {COST} points for a code, {CONNECTIONS} clients, {len(many):,} members",
        variants,
        [
            faster("redeem / pgbench -N", ours, variants["pgbench -N (simple update)"], 0.75),
            faster("redeem / pgbench TPC-B-like", ours, variants["pgbench (TPC-B-like)"], 1.1),
            faster("redeem: one member / many", variants["redeem, one member"], ours, 0.45, by_cpu=False),
            faster("redeem: 90 % used / fresh pool", variants["redeem, 90 % of the codes used"], ours, 0.9),
            faster(
                f"redeem: {sizes.codes:,} codes / {few:,}",
                variants[f"redeem, {sizes.codes:,} codes"],
                variants[f"redeem, {few:,} codes"],
                0.83,
            ),
        ],
    )


def _builtin(stage: Stage, name: str) -> Sample:
    return pgbench(stage, PGBENCH, CONNECTIONS, stage.sizes.seconds, [f"--builtin={name}"])[0]


class Redeem:
    """The product's call, by all the clients at once, and how often it was made."""

    def __init__(self, stage: Stage, database: Database) -> None:
        self._stage = stage
        self._database = database
        self._calls: dict[int, int] = {}

    def __call__(self, pool: Pool, codes: int, members: range) -> Sample:
        """With the pool filled up to so many free codes before."""
        pool.restock(codes)
        given = {
            "shop": str(self._database.shop.shop_id),
            "first": str(members.start),
            "step": str(members.step),
            "last": str(len(members) - 1),
            "reward": str(pool.reward_id),
            "version": str(pool.version),
            "hash": secrets.token_hex(32),
            "frozen": pool.frozen,
        }
        options = script(self._stage, "redeem", _SCRIPT, given)
        sample, count = pgbench(self._stage, self._database.name, CONNECTIONS, self._stage.sizes.seconds, options)
        self._calls[pool.reward_id] = self._calls.get(pool.reward_id, 0) + count
        return sample

    def prove(self, pools: list[Pool]) -> None:
        """Every call was a redemption with its code: a refusal would have been quicker."""
        for pool in pools:
            assert pool.redemptions() == self._calls[pool.reward_id], "some redemptions were refused"
