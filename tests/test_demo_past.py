"""The months that the demo's shop has behind it when it begins."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import text

from backend import cli_demo_past, clock
from backend.db import transaction
from backend.ledger.check import check
from backend.reports import kept, program
from tests.conftest import TestShop


def test_months_of_points_friends_and_rewards_lie_behind_the_demo_and_wait_for_nobody(
    new_shop: Callable[..., TestShop],
) -> None:
    from backend import cli_demo

    shop = new_shop(program=cli_demo._program(clock.now()))
    with transaction() as session:
        session.execute(
            text("update program_version set in_force_from = in_force_from - interval '1 year' where shop_id = :shop"),
            {"shop": shop.id},
        )
    cli_demo_past.live(shop.id)
    now, today = clock.now(), clock.now().date()
    since = "select created_at from shop where id = :shop"
    with transaction() as session:
        assert check(session, now, now, shop.id).violations == []
        assert session.execute(text(since), {"shop": shop.id}).scalar_one() < now - timedelta(days=150)  # for previews
        months = {(day.year, day.month) for day, _, _ in kept.by_day(session, shop.id, "entry", *kept.ALWAYS)}
        assert len(months) >= 5
        flow = program.flow(session, shop.id, today - timedelta(days=365), today)
        assert 0.1 < (flow.redemption_rate or 0) < 0.9
        assert flow.expired > 0
        funnel = program.funnel(session, shop.id, today - timedelta(days=365), today)
        assert funnel.visits >= funnel.claims >= funnel.rewarded > 0
        assert len(program.rewards(session, shop.id, today - timedelta(days=365), today, 10)) == 2
        waiting = "select count(*) from outbox where shop_id = :shop and kind = 'mail' and state = 'waiting'"
        assert session.execute(text(waiting), {"shop": shop.id}).scalar_one() == 0
        offered = "select count(*) from reward where shop_id = :shop and (active_to is null or active_to > :now)"
        assert session.execute(text(offered), {"shop": shop.id, "now": now}).scalar_one() == 0
        entries = "select count(*) from entry where shop_id = :shop"
        before = session.execute(text(entries), {"shop": shop.id}).scalar_one()
    cli_demo_past.live(shop.id)
    with transaction() as session:
        assert session.execute(text(entries), {"shop": shop.id}).scalar_one() == before
