"""Several workers at the levels and segments of one shop, one of them killed: every rise is written once, every count is
exact, and what is kept is what a reckoning from scratch says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.check import check
from backend.loyalty.members import members
from backend.loyalty.program import programs
from backend.loyalty.segments import segments
from backend.loyalty.shops.shops import NewShop
from backend.platforms.events import time_text
from tests.races.crew import Crew, eventually

MEMBERS = 150
WORKERS = 3
TIERS = {"window": "lifetime", "levels": [{"id": "silver", "from": 50, "name": {"en": "Silver"}}]}


def promise_to_each(shop: int, amount: int, round_: int) -> None:
    now = clock.now()
    with transaction() as session:
        version = programs.version_for(session, shop, now).version
        for number in range(MEMBERS):
            member = members.enrol(session, shop, f"c-{number}", now)
            assert member is not None
            posting.promise(
                session,
                shop,
                member.id,
                amount,
                at=now,
                key=f"race:{member.id}:{round_}",
                rule="order",
                reason="a race",
                why={"due_at": time_text(now)},
                program_version=version,
                due_at=now,
                expires_at=now + timedelta(days=400),
            )


def found(shop: int, statement: str) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(statement), {"shop": shop})]


def test_levels_and_segments_are_kept_once_by_workers_that_are_killed(
    crew: Crew, open_shop: Callable[..., NewShop]
) -> None:
    shop = open_shop().shop_id
    with transaction() as session:
        programs.set_program(session, shop, {"tiers": TIERS}, author="a race", now=clock.now())
        segments.create(session, shop, "all", "All", [], clock.now())
        at_silver = [{"conditions": [{"attribute": "Tier", "operator": "Equals", "value": "silver"}]}]
        segments.create(session, shop, "silver", "Silver", at_silver, clock.now())
    promise_to_each(shop, 30, 1)
    hands = [crew.ready("keep_levels", shop) for _ in range(WORKERS + 1)]
    for hand in hands:
        crew.wait_until_ready(hand)
    at_work, reserve = hands[:WORKERS], hands[WORKERS]
    promise_to_each(shop, 30, 2)
    points.post_due()
    for hand in at_work:
        hand.go()
    eventually(
        lambda: len(found(shop, "select 1 from tier_change where shop_id = :shop")) > MEMBERS // 5, "some have risen"
    )
    at_work.pop(0).kill()
    reserve.go()
    for hand in (*at_work, reserve):
        hand.result()

    assert found(
        shop, "select from_level, to_level, count(*) from tier_change where shop_id = :shop group by 1, 2"
    ) == [(None, "silver", MEMBERS)]
    assert found(shop, "select distinct tier, segments from member where shop_id = :shop") == [
        ("silver", ["all", "silver"])
    ]
    assert found(shop, "select id, members_count from segment where shop_id = :shop order by id") == [
        ("all", MEMBERS),
        ("silver", MEMBERS),
    ]
    with transaction() as session:
        assert check(session, clock.now(), clock.wall(), shop).violations == []
