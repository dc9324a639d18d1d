"""What is known of a customer (contract section 3): the end is the same in whatever order the events arrive."""

from itertools import permutations
from typing import Any

from sqlalchemy import text

from backend.db import transaction
from backend.loyalty.members import members
from tests.conftest import TestShop

EVENTS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "customer.created",
        "2026-01-01T00:00:00Z",
        {"email": "ada@example.com", "email_verified": True, "tags": ["new"], "first_name": "A.", "locale": "fr"},
    ),
    ("customer.updated", "2026-01-02T00:00:00Z", {"first_name": "Ada", "tags": ["b", "c"], "phone": "1"}),
    ("customer.updated", "2026-01-03T00:00:00+00:00", {"tags": [], "phone": "2", "address": {"city": "Paris"}}),
    ("customer.updated", "2026-01-03T02:00:00.5+01:00", {"phone": "3"}),
]


def profile(shop: TestShop, external_id: str) -> dict[str, Any]:
    with transaction() as session:
        member = members.by_external_id(session, shop.id, external_id)
        assert member is not None
        names = ("email_verified", "phone", "first_name", "locale", "tags", "address")
        return {name: getattr(member, name) for name in names}


def test_the_newest_word_on_each_field_counts_whatever_the_order_of_arrival(shop: TestShop) -> None:
    for number, order in enumerate(permutations(EVENTS)):
        for type_, at, said in order:
            # an address belongs to one customer
            own = said | ({"email": f"ada{number}@example.com"} if "email" in said else {})
            shop.deliver(type_, {"id": f"c-{number}", **own}, at=at)
        shop.work()
        assert profile(shop, f"c-{number}") == {
            "email_verified": True,
            "phone": "3",
            "first_name": "Ada",
            "locale": "fr",
            "tags": [],
            "address": {"city": "Paris"},
        }


def test_a_customer_with_an_address_can_be_erased(shop: TestShop) -> None:
    shop.tell("customer.created", {"id": "c-1", "email": "ada@example.com", "address": {"city": "Paris"}})
    shop.tell("customer.redacted", {"id": "c-1"})
    with transaction() as session:
        left = session.execute(
            text("select external_id, email, address, status from member where shop_id = :shop"), {"shop": shop.id}
        ).one()
    assert tuple(left) == (None, None, None, "erased")


def test_of_who_is_erased_no_address_stays_that_was_theirs_before(shop: TestShop) -> None:
    """Such as the one under which they had bought as a guest: what told of that order names nobody else."""
    order = {"id": "o-1", "currency": "EUR", "created_at": "2026-11-20T10:00:00Z", "subtotal": "1"}
    shop.tell("order.created", order | {"customer": {"email": "ada@old.example"}})
    shop.tell("customer.created", {"id": "c-1", "email": "ada@old.example", "email_verified": True})
    shop.tell("customer.updated", {"id": "c-1", "email": "ada@new.example", "email_verified": True})
    shop.tell("customer.redacted", {"id": "c-1"})
    with transaction() as session:
        for table in ("orders", "member", "verified_address", "delivery", "outbox"):
            rows = session.execute(text(f"select t::text from {table} t where shop_id = :shop"), {"shop": shop.id})
            assert "ada@" not in " ".join(rows.scalars()), table
