"""What is no longer needed goes, and nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from backend import clock, outbox
from backend import db as database
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


def test_the_daily_proof_of_the_ledger_raises_an_alarm(shop: TestShop, caplog: pytest.LogCaptureFixture) -> None:
    before = upkeep.check_ledger()
    with transaction() as session:
        shop_and_member = {"shop": shop.id, "member": 1_000_000_000 + shop.id}
        session.execute(
            text("insert into member (shop_id, id, enrolled_at) values (:shop, :member, :at)"),
            {**shop_and_member, "at": clock.wall()},
        )
        session.execute(text("insert into account values (:shop, :member, 0, 5, 0, 0)"), shop_and_member)
    try:
        assert upkeep.check_ledger() > before
        assert "the ledger is wrong" in caplog.text
    finally:
        with transaction() as session:
            session.execute(text("delete from account where shop_id = :shop and member_id = :member"), shop_and_member)


def test_the_question_of_the_schedule_finds_what_the_purge_would_take(shop: TestShop) -> None:
    def is_there_anything() -> bool:
        found = database.one_statement(upkeep.OLDEST, {"wall": clock.wall()})
        return found is not None

    upkeep.purge()
    assert not is_there_anything()
    with transaction() as session:
        outbox.put(session, shop.id, "test.upkeep", "a", {})
        session.execute(text("update outbox set state = 'done' where shop_id = :shop"), {"shop": shop.id})
    for table, column, kept in (
        ("outbox", "done_at", upkeep.SENT_KEPT),
        ("remembered_answer", "created_at", upkeep.ANSWERS_KEPT),
        ("delivery", "received_at", upkeep.BODIES_KEPT),
    ):
        if table == "remembered_answer":
            with transaction() as session:
                session.execute(
                    text("insert into remembered_answer values (:shop, 'a test', 'k', '', 200, '{}', :at)"),
                    {"shop": shop.id, "at": clock.wall()},
                )
        if table == "delivery":
            shop.tell("customer.created", {"id": "c"})
        age(table, column, shop, kept.days - 0.01)
        assert not is_there_anything()
        age(table, column, shop, kept.days + 0.01)
        assert is_there_anything()
        upkeep.purge()
        assert not is_there_anything()
