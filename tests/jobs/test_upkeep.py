"""What is no longer needed goes, and nothing else."""

from datetime import timedelta

from sqlalchemy import text

from backend import clock, outbox
from backend.db import db, transaction
from backend.jobs import upkeep
from tests.conftest import TestShop


def age(table: str, column: str, shop: TestShop, days: float) -> None:
    with transaction() as session:
        session.execute(
            text(f"update {table} set {column} = :then where shop_id = :shop"),
            {"then": clock.wall() - timedelta(days=days), "shop": shop.id},
        )


def bodies(shop: TestShop) -> dict[str, bool]:
    rows = db.session.execute(
        text("select state, body is not null as kept from delivery where shop_id = :shop"), {"shop": shop.id}
    ).all()
    db.session.rollback()
    return {row.state: row.kept for row in rows}


def test_bodies_are_emptied_after_30_days_but_what_failed_keeps_its_own(shop: TestShop) -> None:
    for number, state in enumerate(("handled", "ignored", "rejected", "failed", "received")):
        shop.deliver("customer.created", {"id": f"c{number}"}, delivery_id=f"d{number}")
        with transaction() as session:
            session.execute(
                text(
                    "update delivery set state = :state, next_try_at = null where delivery_id = :id and shop_id = :shop"
                ),
                {"state": state, "id": f"d{number}", "shop": shop.id},
            )
    age("delivery", "received_at", shop, 29)
    upkeep.purge()
    assert all(bodies(shop).values())
    age("delivery", "received_at", shop, 31)
    assert upkeep.purge() == 3
    assert bodies(shop) == {"handled": False, "ignored": False, "rejected": False, "failed": True, "received": True}
    assert upkeep.purge() == 0


def test_sent_rows_go_after_90_days_and_waiting_or_parked_ones_never(shop: TestShop) -> None:
    with transaction() as session:
        for state in ("done", "waiting", "parked"):
            outbox.put(session, shop.id, "test.upkeep", state, {})
            session.execute(
                text("update outbox set state = :state where shop_id = :shop and key = :state"),
                {"state": state, "shop": shop.id},
            )
    age("outbox", "done_at", shop, 91)
    upkeep.purge()
    left = db.session.execute(text("select key from outbox where shop_id = :shop"), {"shop": shop.id}).scalars()
    assert set(left) == {"waiting", "parked"}


def test_answers_are_remembered_for_30_days(shop: TestShop) -> None:
    with transaction() as session:
        for key, days in (("old", 31), ("new", 29)):
            session.execute(
                text("insert into remembered_answer values (:shop, 'a test', :key, '', 200, '{}', :at)"),
                {"shop": shop.id, "key": key, "at": clock.wall() - timedelta(days=days)},
            )
    upkeep.purge()
    left = db.session.execute(text("select key from remembered_answer where shop_id = :shop"), {"shop": shop.id})
    assert list(left.scalars()) == ["new"]
