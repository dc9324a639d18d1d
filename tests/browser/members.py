"""The boutique's members: one with a little of everything, one who owes, one who is new, one who redeems, one who saves."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browser.boutique import Boutique

ADA = "cus_ada"
"""Has points, more on their way and expected, some that end, and more activity than one page holds."""
OLU = "cus_olu"
"""An order was refunded after its points had been spent: 100 points are owed."""
NOVA = "cus_nova"
"""Has signed in, and nothing else."""
RIA = "cus_ria"
"""Has a thousand points for rewards."""
SOL = "cus_sol"
"""Has a thousand points and keeps them, whatever the tests of others do."""


def bring(boutique: Boutique) -> None:
    """Let the store tell Lagniappe about them, and wait until everything has been handled."""
    now = datetime.now(UTC)
    for customer in (ADA, OLU, RIA, SOL):
        _send(boutique, "customer.created", {"id": customer, "created_at": _time(now - timedelta(days=99))}, now)
        boutique.shop.await_balance(f"external:{customer}", available=0)
    for customer in (RIA, SOL):
        boutique.shop.adjust(f"external:{customer}", 1000, "A thousand for the thousandth visitor")
    for number in range(1, 31):
        boutique.shop.adjust(f"external:{ADA}", 2, f"Visit {number}")
    boutique.shop.adjust(f"external:{ADA}", -10, "A cup of tea at the fair")
    olus = _order(OLU, "B1", now - timedelta(days=9))
    _send(boutique, "order.collected", _order(ADA, "A1", now - timedelta(days=9)), now)
    _send(boutique, "order.collected", _order(ADA, "A2", now), now)
    _send(boutique, "order.paid", _order(ADA, "A3", None), now)
    _send(boutique, "order.collected", olus, now)
    boutique.shop.await_balance(f"external:{ADA}", available=150, pending_points=100, expected_points=100)
    boutique.shop.await_balance(f"external:{OLU}", available=100)
    boutique.shop.adjust(f"external:{OLU}", -100, "A pot at the fair")
    refund = {
        "id": "ref_B1",
        "created_at": _time(now),
        "amount": "1000.00",
        "line_items": [
            {"line_item_id": line["id"], "quantity": line["quantity"], "amount": line["total"]}
            for line in olus["line_items"]
        ],
    }
    _send(boutique, "order.refunded", {"order_id": olus["id"], "refund": refund}, now)
    boutique.shop.await_balance(f"external:{OLU}", available=0, owed=-100)


def identity(boutique: Boutique, customer: str) -> str:
    first_name = customer.removeprefix("cus_").capitalize()
    return boutique.identity(customer, first_name=first_name, email=f"{first_name.lower()}@boutique.example")


def _order(customer: str, number: str, collected_at: datetime | None) -> dict[str, Any]:
    """An order of 1,000 euros that count, a gift card, and delivery."""
    made_at = (collected_at or datetime.now(UTC)) - timedelta(days=1)
    lines = [
        ("A handmade stoneware teapot with a rather long name", 2, "600.00", False),
        ("Cup", 4, "400.00", False),
        ("Gift card", 1, "100.00", True),
    ]
    return {
        "id": f"ord_{number}",
        "number": number,
        "customer": {"id": customer, "first_name": customer.removeprefix("cus_").capitalize()},
        "currency": "EUR",
        "created_at": _time(made_at),
        "updated_at": _time(collected_at or made_at),
        "payment_status": "paid",
        "delivery_status": "collected" if collected_at else "pending",
        "collected_at": _time(collected_at) if collected_at else None,
        "subtotal": "1100.00",
        "shipping_total": "5.00",
        "total": "1105.00",
        "line_items": [
            {
                "id": f"{number}_{index}",
                "product_id": f"prod_{index}",
                "title": title,
                "quantity": quantity,
                "unit_price": total,
                "total": total,
                "gift_card": is_gift_card,
            }
            for index, (title, quantity, total, is_gift_card) in enumerate(lines)
        ],
    }


def _send(boutique: Boutique, type_: str, data: dict[str, Any], at: datetime) -> None:
    assert boutique.shop.send(type_, data, f"{type_}:{data.get('id', data.get('order_id'))}", _time(at)) == 202


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
