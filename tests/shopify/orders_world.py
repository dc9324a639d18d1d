"""A shop on Shopify, its orders there, and what is here of them."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox, upkeep
from backend.models import ShopifyShop
from tests.conftest import TestShop
from tests.shopify.pretend import SECRET, Pretend
from tests.shopify.pretend_orders import AnOrder, AParcel, Orders

_webhooks = count(1)


def ago(**delta: float) -> datetime:
    """So long before now, by the machine's clock, in whole seconds as Shopify tells them."""
    return (datetime.now(UTC) - timedelta(**delta)).replace(microsecond=0)


@dataclass
class World:
    shop: TestShop
    shopify: Pretend
    orders: Orders

    @property
    def domain(self) -> str:
        return self.row().domain

    def happens(self, *orders: AnOrder) -> None:
        """At Shopify, and no webhook comes of it."""
        self.orders.put(self.domain, *orders)

    def told(self, order: AnOrder, topic: str = "orders/updated") -> None:
        """Its webhook comes, and is handled."""
        self.tell(topic, order.webhook())
        self.shop.work()

    def tell(self, topic: str, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        answer = self.shop.client.post(
            "/webhooks/shopify",
            data=raw,
            headers={
                "X-Shopify-Topic": topic,
                "X-Shopify-Shop-Domain": self.domain,
                "X-Shopify-Webhook-Id": f"w-{next(_webhooks)}",
                "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
                "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(SECRET.encode(), raw, hashlib.sha256)).decode(),
                "Content-Type": "application/json",
            },
        )
        assert answer.status_code in (200, 202), answer.text

    def change(self, **columns: Any) -> None:
        """Change the shop's row."""
        with transaction() as session:
            row = session.get_one(ShopifyShop, self.shop.id)
            for name, value in columns.items():
                setattr(row, name, value)

    def compare(self) -> None:
        """Its quarter of an hour has come."""
        self.change(orders_next_at=clock.wall())
        upkeep.reconcile()

    def look(self) -> None:
        """Every order that is to be asked for is asked for now, however long it should wait."""
        with transaction() as session:
            session.execute(
                text("update order_look set next_try_at = :wall where shop_id = :shop and next_try_at is not null"),
                {"shop": self.shop.id, "wall": clock.wall()},
            )
        outbox.look_at_orders()

    def catch_up(self) -> None:
        """Compare, ask for what is news, and handle it."""
        self.compare()
        self.look()
        self.shop.work()

    def row(self) -> Any:
        return self._rows("select * from shopify_shop where shop_id = :shop")[0]

    def looks(self) -> list[Any]:
        return self._rows("select * from order_look where shop_id = :shop order by external_id")

    def deliveries(self, kind: str = "reconcile/order") -> list[Any]:
        return self._rows("select * from delivery where shop_id = :shop and type = :kind order by id", kind=kind)

    def known(self) -> set[str]:
        return {row.external_id for row in self._rows("select external_id from orders where shop_id = :shop")}

    def state_of(self, order: AnOrder) -> Any:
        """All that is known of the order, without when."""
        (row,) = self._rows(
            "select known, expected_points, due_at, received_at, stands, member_id is not null as owned from orders"
            " where shop_id = :shop and external_id = :order",
            order=str(order.id),
        )
        return row._mapping

    def points(self) -> dict[str, int]:
        """What stands in all accounts of the shop together."""
        (row,) = self._rows(
            "select coalesce(sum(pending), 0)::int as pending, coalesce(sum(available), 0)::int as available,"
            " coalesce(sum(owed), 0)::int as owed from account where shop_id = :shop"
        )
        return dict(row._mapping)

    def _rows(self, statement: str, **parameters: Any) -> list[Any]:
        with transaction() as session:
            return list(session.execute(text(statement), {"shop": self.shop.id, **parameters}).all())


def collected(order: AnOrder, at: datetime) -> AnOrder:
    """All of it was handed over at that moment."""
    pieces = {place: line.left for place, line in enumerate(order.lines) if line.left}
    return order.changed(parcels=(AParcel(at, pieces, said="DELIVERED", changed_at=at),), updated_at=at)


def leave_others_alone() -> None:
    """What other tests left behind is not asked for."""
    with transaction() as session:
        session.execute(text("update shopify_shop set orders_next_at = null, topics_next_at = null"))
        session.execute(text("delete from order_look"))
