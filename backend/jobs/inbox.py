"""The inbox: what the platforms sent and we acknowledged becomes orders, members and points."""

from typing import Any

from backend import clock
from backend.db import transaction
from backend.jobs.draining import in_batches
from backend.loyalty.deliveries import deliveries
from backend.loyalty.members import data_requests
from backend.platforms.events import DataRequested
from backend.staff import letters
from backend.staff.rights import Right


def drain() -> int:
    return in_batches("inbox.drain", _batch)


def _batch() -> int:
    with transaction() as session:
        return deliveries.drain(session, clock.now(), tell=_tell)


def _tell(session: Any, shop_id: int, asked: DataRequested) -> None:
    """Whoever may hand out a customer's data has to, within 30 days. Nobody is told of somebody of whom nothing is kept."""
    member = data_requests.whose(session, shop_id, asked)
    order_ids = data_requests.guest_orders(session, shop_id, asked)
    if member is not None or order_ids:
        letters.tell(
            session,
            shop_id,
            Right.MANAGE_CUSTOMERS,
            "data_requested",
            asked.request_id,
            member_id=None if member is None else member.id,
            order_ids=order_ids,
            request=asked.request_id,
        )
