"""What the tests of ways to earn have in common: rules, members, what was given, and orders that are received."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.ledger.check import check
from tests.conftest import TestShop


def rule(kind: str, points: int = 50, id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": id or kind, "kind": kind, "points": points, "title": {"en": kind.capitalize()}, **more}


def rows(statement: str, **given: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(statement), given).all())


def member(shop: TestShop, customer: str = "c-1", **said: Any) -> int:
    """The member of a customer whom the store has told of, long ago as far as the store says."""
    shop.tell("customer.updated", {"id": customer, **said})
    return int(rows("select id from member where shop_id = :shop and external_id = :c", shop=shop.id, c=customer)[0].id)


def had(shop: TestShop, customer: str = "c-1") -> int:
    """All points that the member has or is promised, less what they owe."""
    (row,) = rows(
        "select a.pending + a.available - a.owed as had from account a join member m on m.shop_id = a.shop_id"
        " and m.id = a.member_id where a.shop_id = :shop and m.external_id = :customer",
        shop=shop.id,
        customer=customer,
    )
    return int(row.had)


def given(shop: TestShop, rule_id: str) -> list[Any]:
    """The bonuses of a rule that stand, by when they happened."""
    return rows(
        "select key, at, points, why from bonus where shop_id = :shop and rule = :rule and state = 'given' order by at, id",
        shop=shop.id,
        rule=rule_id,
    )


def received(
    order_id: str, at: datetime | str, customer: str | None = "c-1", subtotal: str = "100.00", **more: Any
) -> dict[str, Any]:
    """An order that was made and collected at that time."""
    moment = at if isinstance(at, str) else at.isoformat()
    return {
        "id": order_id,
        "currency": "EUR",
        "created_at": moment,
        "customer": {"id": customer} if customer is not None else None,
        "subtotal": subtotal,
        "delivery_status": "collected",
        "collected_at": moment,
        **more,
    }


def assert_proved(shop: TestShop) -> None:
    """The ledger of the shop adds up."""
    with transaction() as session:
        assert check(session, clock.now(), clock.wall(), shop.id).violations == []
