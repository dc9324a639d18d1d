"""The grid of redeemed rewards with 1,000,000 redemptions, 10,000 rewards and 100,000 members: what each page reads.

Every page's statements are explained as PostgreSQL runs them: no table is read from end to end, nothing is sorted but what
makes the page, and few blocks are touched, whatever the order, the filter, and however far one has turned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from backend.loyalty.redemptions import redemption_grid
from backend.loyalty.redemptions.redemption_grid import FEW, Page, Sort, Wanted
from tests.loyalty.grid_world import (
    COMMON,
    FIRST,
    NOW,
    POPULAR,
    RARE_KIND,
    REDEMPTIONS,
    SELDOM,
    SHOP,
    SMALL_REDEMPTIONS,
    SMALL_SHOP,
    big_shop,
)

PAGE = 50
CHUNK = 1_000
"""Of the file."""
FEW_BLOCKS = 3_000
"""Of 8 KiB that a page may touch, those of PostgreSQL's cache included; the tables with their indexes have ten times as many
for each column that is sorted by."""
BLOCKS_OF_A_LOOK = 14_000
"""The same for what is looked for from afar: one index from end to end at the most, never the table."""
GIFTS_TO_SEND = 7_000
"""So many wait here. In another order than that of their index PostgreSQL may sort them all."""
PICKED_BLOCKS = 4 * FEW + FEW_BLOCKS
"""Where up to FEW are picked: some blocks for each of them."""

FILTERS: Mapping[str, dict[str, Any]] = {
    "nothing": {},
    "used": {"use_state": "used"},
    "unused": {"use_state": "delivered"},
    "ordered": {"delivery_status": "ordered"},
    "shipped": {"delivery_status": "shipped"},
    "canceled": {"delivery_status": "canceled"},
    "gifts": {"kind": "gift"},
    "codes": {"kind": "percentage_discount"},
    "gifts to send": {"kind": "gift", "delivery_status": "ordered"},
    "a reward that most have": {"reward_id": POPULAR},
    "a reward that some thousands have": {"reward_id": COMMON},
    "the last week": {"redeemed_from": NOW - timedelta(days=7)},
    "used in the last week": {"used_from": NOW - timedelta(days=7)},
    "used gifts of the last month": {
        "kind": "gift",
        "use_state": "used",
        "redeemed_from": NOW - timedelta(days=30),
    },
}
SELECTIVE: Mapping[str, dict[str, Any]] = {
    "a kind that few have": {"kind": RARE_KIND},
    "a reward that few have": {"reward_id": SELDOM},
    "a member": {"member_id": 5},
    "an address": {"search": "Shopper77@"},
    "a phone number": {"search": "+336 00000077"},
    "many addresses": {"search": "shopper"},
    "a code": {"search": "c-1000"},
    "an hour": {"redeemed_from": NOW - timedelta(days=90), "redeemed_to": NOW - timedelta(days=90, hours=-1)},
    "used within an hour": {"used_from": NOW - timedelta(days=90), "used_to": NOW - timedelta(days=90, hours=-1)},
}
FROM_AFAR = {
    ("the last week", "used"),
    ("the last week", "cost"),
    ("used in the last week", "redeemed"),
    ("used in the last week", "delivery"),
    ("used in the last week", "cost"),
    ("used gifts of the last month", "used"),
    ("used gifts of the last month", "cost"),
    ("a reward that most have", "cost"),
    ("a reward that some thousands have", "cost"),
    ("gifts to send", "used"),
    ("gifts to send", "cost"),
    ("gifts", "used"),
    ("gifts", "cost"),
}
"""A time by another column's order; a reward by cost, which is the same each time: it lies in one place; and gifts to send by
what their index does not go by."""


@pytest.fixture(scope="module")
def session(environ: dict[str, str]) -> Iterator[Session]:
    with big_shop(environ) as made:
        yield made


class Explained:
    """Every statement of a page, run once more with its plan."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.statements: list[tuple[str, Any]] = []

    def page(self, wanted: Wanted, limit: int = PAGE) -> Page:
        connection = self.session.connection()
        self.statements = []
        event.listen(connection, "before_cursor_execute", self._note)
        try:
            return redemption_grid.page(self.session, SHOP, wanted, NOW, limit)
        finally:
            event.remove(connection, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        self.statements.append((statement, parameters))

    def plans(self) -> list[dict[str, Any]]:
        return [
            self.session.connection()
            .exec_driver_sql(f"explain (analyze, timing off, format json) {statement}", parameters)
            .scalar_one()[0]["Plan"]
            for statement, parameters in self.statements
        ]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def is_cheap(explained: Explained, limit: int, most_blocks: int) -> int:
    """Ask it of the last page's plans; how many blocks they touched."""
    blocks = 0
    for plan in explained.plans():
        blocks += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        for node in nodes(plan):
            assert node["Node Type"] != "Seq Scan", node
            if node["Node Type"] in ("Sort", "Incremental Sort"):
                rows = sum(below["Actual Rows"] * below["Actual Loops"] for below in node["Plans"])
                assert rows <= max(5 * (limit + 1), GIFTS_TO_SEND), node
    assert blocks <= most_blocks, blocks
    return blocks


def test_there_are_a_million(session: Session) -> None:
    assert session.execute(text("select count(*) from redemption where shop_id = 1")).scalar_one() == REDEMPTIONS


@pytest.mark.parametrize("sort", get_args(Sort))
@pytest.mark.parametrize("name", FILTERS)
def test_the_first_the_next_and_the_last_page_read_an_index_for_a_while(
    session: Session, name: str, sort: Sort
) -> None:
    explained = Explained(session)
    for descending in (True, False):
        wanted = Wanted(**FILTERS[name], sort=sort, descending=descending)
        most = BLOCKS_OF_A_LOOK if (name, sort) in FROM_AFAR else FEW_BLOCKS
        first = explained.page(wanted)
        assert len(first.items) == PAGE
        is_cheap(explained, PAGE, most)
        explained.page(replace(wanted, after=first.later))
        is_cheap(explained, PAGE, most)
        last = explained.page(replace(wanted, is_last=True))
        is_cheap(explained, PAGE, most)
        explained.page(replace(wanted, before=last.earlier))
        is_cheap(explained, PAGE, most)


@pytest.mark.parametrize("sort", get_args(Sort))
@pytest.mark.parametrize("name", SELECTIVE)
def test_what_few_have_is_picked_and_sorted(session: Session, name: str, sort: Sort) -> None:
    explained = Explained(session)
    for descending in (True, False):
        wanted = Wanted(**SELECTIVE[name], sort=sort, descending=descending)
        first = explained.page(wanted)
        assert first.items
        is_cheap(explained, PAGE, PICKED_BLOCKS)
        explained.page(replace(wanted, is_last=True))
        is_cheap(explained, PAGE, PICKED_BLOCKS)


@pytest.mark.parametrize("sort", get_args(Sort))
def test_a_page_in_the_middle_costs_what_the_first_does(session: Session, sort: Sort) -> None:
    explained = Explained(session)
    explained.page(Wanted(sort=sort))
    at_the_beginning = is_cheap(explained, PAGE, FEW_BLOCKS)
    middle = {
        "redeemed": (0, (FIRST + timedelta(days=365), REDEMPTIONS // 2)),
        "used": (0, (FIRST + timedelta(days=365), REDEMPTIONS // 2)),
        "delivery": (3, (FIRST + timedelta(days=365), REDEMPTIONS // 2)),
        "cost": (0, (1000, FIRST + timedelta(days=365), REDEMPTIONS // 2)),
    }[sort]
    page = explained.page(Wanted(sort=sort, after=middle))
    assert len(page.items) == PAGE
    assert is_cheap(explained, PAGE, FEW_BLOCKS) <= 3 * at_the_beginning + 100


@pytest.mark.parametrize("sort", get_args(Sort))
@pytest.mark.parametrize("name", ["nothing", "used", "gifts", "shipped"])
def test_a_chunk_of_the_file_reads_an_index_for_a_while(session: Session, name: str, sort: Sort) -> None:
    explained = Explained(session)
    wanted = Wanted(**FILTERS[name], sort=sort)
    first = explained.page(wanted, CHUNK)
    assert len(first.items) == CHUNK
    is_cheap(explained, CHUNK, 15 * CHUNK)
    explained.page(replace(wanted, after=first.later), CHUNK)
    is_cheap(explained, CHUNK, 15 * CHUNK)


# The order itself, in the small shop


def in_order(session: Session, sort: Sort, descending: bool) -> list[int]:
    found = session.execute(
        text("select id, requested_at, used_at, delivery_status, points from redemption where shop_id = :shop"),
        {"shop": SMALL_SHOP},
    ).all()
    sign = -1 if descending else 1

    def since(at: datetime) -> float:
        return (at - FIRST).total_seconds()

    def key(row: Any) -> tuple[float, ...]:
        match sort:
            case "redeemed":
                return (sign * since(row.requested_at), sign * row.id)
            case "cost":
                return (sign * row.points, sign * since(row.requested_at), sign * row.id)
            case "used" if row.used_at is None:
                return (1, -since(row.requested_at), -row.id)
            case "used":
                return (0, sign * since(row.used_at), sign * row.id)
        step = (None, "ordered", "shipped", "delivered", "canceled").index(row.delivery_status)
        return (sign * step, -since(row.requested_at), -row.id)

    return [row.id for row in sorted(found, key=key)]


@pytest.mark.parametrize("few", [FEW, 0], ids=["picked", "walked"])
@pytest.mark.parametrize("kind", [None, "gift"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", get_args(Sort))
def test_pages_follow_each_other_without_gaps_in_both_directions(
    session: Session, sort: Sort, descending: bool, kind: str | None, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redemption_grid, "FEW", few)
    expected = in_order(session, sort, descending)
    if kind is not None:
        of_kind = set(
            session.execute(
                text(
                    "select r.id from redemption r join reward w on w.shop_id = r.shop_id and w.id = r.reward_id"
                    " where r.shop_id = :shop and w.type = :kind"
                ),
                {"shop": SMALL_SHOP, "kind": kind},
            ).scalars()
        )
        expected = [each for each in expected if each in of_kind]
    wanted = Wanted(sort=sort, descending=descending, kind=kind)

    def page(**place: Any) -> Page:
        return redemption_grid.page(session, SMALL_SHOP, replace(wanted, **place), NOW, 40)

    there, now = [], page()
    assert now.earlier is None
    while True:
        there.append([each.id for each in now.items])
        if now.later is None:
            break
        written = redemption_grid.written(now.later)
        now = page(after=redemption_grid.read_place(written, wanted))
    assert [each for one in there for each in one] == expected
    back, now = [], page(is_last=True)
    assert now.later is None
    while True:
        back.append([each.id for each in now.items])
        if now.earlier is None:
            break
        now = page(before=redemption_grid.read_place(redemption_grid.written(now.earlier), wanted))
    assert [each for one in reversed(back) for each in one] == expected


@pytest.mark.parametrize(
    "said",
    ["", "x", "WzBd", "é", "WzksIDFd", "WzAsICJub3doZXJlIiwgMV0", "WyIwIiwgMSwgMl0", "WzAsICIyMDI2LTAxLTAxIiwgMV0"],
)
def test_a_place_that_is_none_is_the_beginning(said: str) -> None:
    assert redemption_grid.read_place(said, Wanted()) is None


def test_the_small_shop_has_every_kind_of_line(session: Session) -> None:
    found = redemption_grid.page(session, SMALL_SHOP, Wanted(), NOW, SMALL_REDEMPTIONS).items
    assert len(found) == SMALL_REDEMPTIONS
    assert {each.delivery_status for each in found} >= {None, "ordered", "shipped", "delivered"}
