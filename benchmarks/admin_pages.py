"""Every list and report of the admin for a shop with little and for one with much, in one database: ratios, at most 1.5.

The pages are those that `backend.admin.door` declares, so a new one is measured as soon as it is there. The requests are made
within this process, which leaves out what the web server adds to both sides. Files that are downloaded are left out: they
hold everything there is.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import flask_migrate
import psycopg
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from backend import clock
from backend.admin.door import ANYBODY, DECLARED
from backend.app import create_app
from backend.db import db, transaction
from backend.loyalty.program import programs
from backend.loyalty.rewards.rewards import public_id
from backend.loyalty.shops import shops
from backend.staff import accounts
from backend.staff.rights import Right
from benchmarks import seeding
from benchmarks.rounds import Result, Sample, flat
from benchmarks.seeding import Histories
from benchmarks.stage import PROGRAM, Stage

AIM = 1.5
REQUESTS = 5
"""Of each page by each side in a round, in turn."""
PASSWORD = "correct horse battery staple"
BASE_URL = "https://loyalty.example.com"
SLOWEST_SHOWN = 220

IDS: Mapping[str, Any] = {
    "member_id": 7,
    "staff_id": 1,
    "redemption_id": 5,
    "reward": public_id(1),
    "delivery_id": 3,
    "version": 1,
    "step": "rate",
    "section": "earn",
    "kind": "signup",
    "way": "welcome",
}
"""What addresses are filled with. A page whose address needs something else, or that answers with no page, is left out."""
QUERIES: Mapping[str, tuple[str, ...]] = {
    "customers": ("search=shopper7", "search=shopper77@example.com", "sort=points"),
    "reward_campaigns": ("search=reward+1", "type=gift", "sort=name", "sort=cost&descending=1", "status=active"),
    "redeemed_rewards": (
        "use=used",
        "use=delivered&sort=cost",
        "delivery=delivered&sort=used",
        "type=gift",
        "sort=delivery",
        "sort=used&last=1",
        "search=shopper7%40",
        f"reward={public_id(1)}",
        "member=7",
    ),
    "deliveries": ("state=handled", "state=failed"),
}
"""What lists are asked for besides what they show by themselves."""

_REWARDS = """
insert into reward (shop_id, id, redemption_id, name, type, sub_type, is_active, points, worth, coupon_source, rank, details,
    created_at, modified_at)
select %(shop)s, i, 'R' || i, 'Reward ' || i, k.type, k.sub_type, true, 100 * (1 + i %% 20), null,
    case when i %% 10 = 1 then 'uploaded' else 'none' end, 0, %(details)s, %(now)s, %(now)s
from generate_series(1, %(rewards)s) i
join (values (0, 'coupon_based_reward', 'fixed_amount_discount'), (1, 'coupon_based_reward', 'percentage_discount'),
    (2, 'gift', null), (3, 'coupon_based_reward', 'free_shipping'), (4, 'custom', null)) as k (n, type, sub_type)
    on k.n = i %% 5
"""
_CODES = """
with made as (
    insert into coupon (shop_id, reward_id, code, source, state, created_at)
    select %(shop)s, r.id, 'C-' || r.id || '-' || n, 'uploaded', 'ready', %(now)s
    from reward r cross join lateral generate_series(1, case r.id when 1 then %(codes)s else 20 end) n
    where r.shop_id = %(shop)s and r.coupon_source = 'uploaded' returning shop_id, reward_id, id, code
)
insert into coupon_free (shop_id, reward_id, coupon_id, code) select shop_id, reward_id, id, code from made
"""
# A third is of the first reward, as in a shop where one is known to everybody.
_REDEMPTIONS = """
insert into redemption (shop_id, id, member_id, reward_id, origin, status, use_state, delivery_status, points, points_after,
    frozen, code, requested_at, issued_at, used_at)
select %(shop)s, i, 1 + mod(cast(i as bigint) * 7919, %(members)s), w.id, 'points', 'issued',
    case when used then 'used' else 'delivered' end,
    case when not used then null when w.type <> 'gift' then 'ordered' when i %% 7 = 0 then 'shipped' else 'delivered' end,
    w.points, 40,
    jsonb_build_object('name', w.name, 'type', w.type, 'sub_type', w.sub_type, 'reward_id', w.redemption_id,
        'tax_value', null, 'worth', null),
    case when w.coupon_source <> 'none' then 'H-' || i end, at, at, case when used then at + interval '1 day' end
from (
    select i, i %% 5 < 3 as used, case when i %% 3 = 0 then 1 else 1 + mod(cast(i as bigint) * 31, %(rewards)s) end as reward,
        %(now)s - (1 - cast(i as float) / %(redemptions)s) * interval '365 days' as at
    from generate_series(1, %(redemptions)s) i
) r join reward w on w.shop_id = %(shop)s and w.id = r.reward
"""
_OF_TABLES = ("reward", "coupon", "coupon_free", "redemption")


@dataclass(frozen=True)
class Size:
    """How much a shop has."""

    members: int
    rewards: int
    codes: int
    redemptions: int


@dataclass
class Side:
    """A shop, and somebody with every right at its desk."""

    name: str
    client: FlaskClient

    def get(self, path: str) -> tuple[int, float]:
        """The status, and how many seconds it took."""
        begin = time.perf_counter()
        answer = self.client.get(path, base_url=BASE_URL)
        answer.get_data()
        return answer.status_code, time.perf_counter() - begin


def run(stage: Stage, rounds: int) -> Result:
    most = stage.sizes.members
    big = Size(most, max(60, most // 100), max(100, most // 10), most)
    few = Size(min(1_000, most // 5), 50, 100, min(1_000, most // 5))
    with _database(stage, few, big) as (app, sides):
        return _measured(app, sides, rounds)


def _measured(app: Flask, sides: tuple[Side, Side], rounds: int) -> Result:
    addresses, left_out = _addresses(sides)
    found: dict[str, tuple[list[float], list[float]]] = {each: ([], []) for each in addresses}
    for _ in range(rounds):
        for address in addresses:
            for _ in range(REQUESTS):
                for side, taken in zip(sides, found[address], strict=True):
                    taken.append(side.get(address)[1])
    variants, figures, notes = {}, [], [f"left out: {', '.join(left_out)}"] if left_out else []
    for address, (little, much) in found.items():
        samples = [Sample(1e3 / (p50 := statistics.median(each) * 1e3), p50_ms=p50) for each in (little, much)]
        for side, sample in zip(sides, samples, strict=True):
            variants[f"{address}, {side.name}"] = sample
        figure = flat(address, samples[1], samples[0], AIM)
        figures.append(figure)
        if figure.verdict != "met":
            notes.append(f"{address}: {figure.ratio:.2f}; {_slowest(app, sides[1], address)}")
            print(notes[-1], file=sys.stderr, flush=True)
    return Result("admin_pages: a shop with much and one with little, in turn", variants, figures, tuple(notes))


def _addresses(sides: tuple[Side, Side]) -> tuple[list[str], list[str]]:
    """Every page that both show, and the names of those left out."""
    shown, left_out = [], []
    for declared in DECLARED.values():
        if declared.method != "GET" or declared.right == ANYBODY:
            continue
        path = _filled(declared.path)
        # The first request warms up what is kept in memory, too.
        if path is None or ".csv" in path or any(side.get(path)[0] != 200 for side in sides):
            left_out.append(declared.name)
            continue
        shown += [path, *(f"{path}?{query}" for query in QUERIES.get(declared.name, ()))]
    return shown, left_out


def _filled(path: str) -> str | None:
    """The address below /admin with its parts filled in; None if it needs what `IDS` lacks."""
    filled = []
    for part in path.split("/"):
        if not part.startswith("<"):
            filled.append(part)
            continue
        name = part.strip("<>").split(":")[-1]
        if name not in IDS:
            return None
        filled.append(str(IDS[name]))
    return "/admin" + "/".join(filled)


def _slowest(app: Flask, side: Side, address: str) -> str:
    """The statement of the page that PostgreSQL takes the longest for."""
    taken: list[tuple[float, str]] = []

    def before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        context.begun = time.perf_counter()

    def after(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        taken.append((time.perf_counter() - context.begun, statement))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        side.get(address)
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
    if not taken:
        return "no statement"
    seconds, statement = max(taken)
    return f"{seconds * 1e3:.0f} ms for {' '.join(statement.split())[:SLOWEST_SHOWN]}"


@contextmanager
def _database(stage: Stage, few: Size, big: Size) -> Iterator[tuple[Flask, tuple[Side, Side]]]:
    """Both shops in one database: the small one's pages pass by the big one's rows, as in production."""
    url = stage.empty_database("bench_admin")
    app = create_app(stage.environ(url))
    now = clock.wall()
    with app.app_context():
        flask_migrate.upgrade()
        desks = {name: _made(url, name, size, now) for name, size in (("few", few), ("many", big))}
    few_side, many_side = (Side(name, _signed_in(app, email)) for name, email in desks.items())
    try:
        yield app, (few_side, many_side)
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _made(url: str, name: str, size: Size, now: datetime) -> str:
    """A shop of that size; the address of its owner."""
    email = f"owner@{name}.example"
    with transaction() as session:
        made = shops.create(
            session,
            now,
            platform="custom",
            name=name.capitalize(),
            domain=f"{name}.example",
            currency="EUR",
            timezone_name="Europe/Paris",
            locale="en",
        )
        programs.set_program(session, made.shop_id, PROGRAM, author="the benchmark", now=now)
        accounts.create(session, made.shop_id, now, email=email, name="Ada", password=PASSWORD, rights=tuple(Right))
    _fill(url, made.shop_id, size, now)
    return email


def _fill(url: str, shop_id: int, size: Size, now: datetime) -> None:
    """Members with a past as `seeding` makes them, rewards, codes, redemptions, and the sums that reports keep."""
    one = range(size.members // 10, size.members // 10 + 1)
    seeding.fill(url, shop_id, size.members, now, Histories(one, one, short_entries=6, long_entries=6))
    details = (
        '{"labels": [], "categories": [], "featured": false, "public": true, "translations": {}, "brand": {},'
        ' "custom_transaction_attributes": [], "member_eligibility_rules": [], "target": null}'
    )
    given = {"shop": shop_id, "now": now, "details": details, **vars(size)}
    with psycopg.connect(url, autocommit=True) as connection:
        client = psycopg.ClientCursor(connection)
        client.execute("set session_replication_role = replica")
        for statement in (_REWARDS, _CODES, _REDEMPTIONS):
            client.execute(statement, given)
        client.execute("set session_replication_role = origin")
        client.execute("vacuum (analyze)")
        seeding.sum_again(connection, shop_id)


def _signed_in(app: Flask, email: str) -> FlaskClient:
    client = app.test_client()
    page = client.get("/admin/log-in", base_url=BASE_URL).text
    token = page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]
    answer = client.post(
        "/admin/log-in",
        base_url=BASE_URL,
        headers={"Referer": f"{BASE_URL}/admin/log-in"},
        data={"csrf_token": token, "email": email, "password": PASSWORD},
    )
    if answer.status_code != 303:
        raise RuntimeError(f"nobody could sign in: {answer.status_code}")
    return client
