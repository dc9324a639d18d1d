"""An order that we ask for ends in the same state as one that we are told of."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from graphql import FieldNode, FragmentDefinitionNode, GraphQLObjectType, IntValueNode, get_named_type, is_leaf_type
from graphql import OperationDefinitionNode as Operation
from graphql import parse as parse_document

from backend import strict_json
from backend.platforms.base import TryAgain
from backend.platforms.events import Event, OrderSeen
from backend.platforms.shopify import adapter, admin_api, api_orders
from backend.shopify import whole_orders
from tests.shopify.pretend import Pretend, schema
from tests.shopify.pretend_orders import ALine, AnOrder, AParcel, ARefund, Orders, a_tip, customer

SHOP = "kiln.myshopify.com"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RECEIVED_AT = datetime(2026, 11, 25, tzinfo=UTC)
DOCUMENTS = (
    "orders_changed",
    "order",
    "order_lines",
    "order_parcels",
    "parcel_lines",
    "order_refunds",
    "refund_lines",
)


class Shopify:
    """Asked without HTTP: the documents are executed by the real schema."""

    def __init__(self) -> None:
        self._pretend, self.orders = Pretend(), Orders()
        self._token = self._pretend.new_token(SHOP)
        self.orders.register(self._pretend)

    def ask(self, name: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        said = {"query": admin_api.document(name), "variables": dict(variables)}
        answer = self._pretend.answer(SHOP, self._token, said)
        assert answer is not None
        body = strict_json.parse(answer[2])
        assert "errors" not in body, body["errors"]
        data: Mapping[str, Any] = body["data"]
        return data

    def asked(self) -> list[str]:
        return self._pretend.operations()


@pytest.fixture
def shopify() -> Shopify:
    return Shopify()


def told(order: AnOrder) -> list[Event]:
    """What its webhook means."""
    return adapter.interpret("orders/updated", _stored(order.webhook()), RECEIVED_AT)


def asked_for(shopify: Shopify, order: AnOrder) -> list[Event]:
    """What the order means that we ask for."""
    shopify.orders.put(SHOP, order)
    node = whole_orders.read(shopify.ask, str(order.id))
    assert node is not None
    return adapter.interpret(api_orders.TOPIC, _stored(api_orders.as_webhook(node)), RECEIVED_AT)


def _stored(body: Any) -> Any:
    return strict_json.parse(strict_json.dumps(body))


LESSON = ALine("40.00", product_id=None, requires_shipping=False, title="Lesson", sku=None)
JAR, TEAPOT = ALine("100.00", 3, off="30.00"), ALine("24.50", 2, title="Teapot", sku=None, product_id=None)
GUEST = AnOrder(email="guest@example.com")
MEMBER = AnOrder(customer=customer(207119551, "ada@example.com"), email="ada@example.com")
BOTH = AnOrder(lines=(JAR, TEAPOT), customer=customer(207119551, "ada@example.com"))
CASES = {
    "a guest's": GUEST,
    "a customer's, who has an account": MEMBER,
    "a customer's without an address": AnOrder(customer=customer(207119552)),
    "with discounts, codes, tax and free shipping": replace(
        BOTH, codes=("LOY-1", "SPRING"), tax="12.10", shipping=None
    ),
    "a gift card": AnOrder(lines=(ALine("50.00", gift_card=True, requires_shipping=False),)),
    "with a tip": replace(BOTH, lines=(JAR, TEAPOT, a_tip("12.50"))),
    "with two tips": replace(BOTH, lines=(JAR, a_tip("2.00"), a_tip("3.00"))),
    "with a tip, and something else that is not sent": replace(BOTH, lines=(LESSON, a_tip("12.50"))),
    "with a tip, and something else for as much": replace(BOTH, lines=(LESSON, a_tip("40.00"))),
    "with two tips, and something else that is not sent": replace(BOTH, lines=(LESSON, a_tip("2.00"), a_tip("3.00"))),
    "with two tips, and something else between": replace(BOTH, lines=(a_tip("2.00"), LESSON, a_tip("3.00"))),
    "with two tips, and something else for as much": replace(BOTH, lines=(LESSON, a_tip("15.00"), a_tip("25.00"))),
    "with a tip, and something else that is free": replace(BOTH, lines=(replace(LESSON, price="0.00"), a_tip("12.50"))),
    "with a tip that was paid back": replace(
        BOTH,
        paid="PARTIALLY_REFUNDED",
        lines=(JAR, replace(a_tip("12.50"), current=0)),
        refunds=(ARefund(NOON, {1: 1}, "12.50"),),
    ),
    "with something that is no product": replace(BOTH, lines=(LESSON,)),
    "not paid yet": replace(GUEST, paid="AUTHORIZED"),
    "voided": replace(GUEST, paid="VOIDED"),
    "expired": replace(GUEST, paid="EXPIRED"),
    "in another currency": replace(GUEST, currency="USD"),
    "edited: a piece was taken out": replace(BOTH, lines=(replace(JAR, current=2), TEAPOT)),
    "edited: a line was taken out": replace(BOTH, lines=(JAR, replace(TEAPOT, current=0))),
    "refunded in part": replace(
        BOTH,
        paid="PARTIALLY_REFUNDED",
        lines=(replace(JAR, current=2), TEAPOT),
        refunds=(ARefund(NOON, {0: 1}, "90.00"),),
    ),
    "refunded in part, and the money is on its way": replace(
        BOTH,
        paid="PARTIALLY_REFUNDED",
        lines=(replace(JAR, current=2), TEAPOT),
        refunds=(ARefund(NOON, {0: 1}, "90.00", transaction="pending"),),
    ),
    "put back without money": replace(
        BOTH, lines=(replace(JAR, current=2), TEAPOT), refunds=(ARefund(NOON, {0: 1}, "0.0", "RETURN"),)
    ),
    "refunded without lines": replace(BOTH, paid="PARTIALLY_REFUNDED", refunds=(ARefund(NOON, {}, "5.00"),)),
    "cancelled and refunded": replace(
        BOTH,
        paid="REFUNDED",
        cancelled_at=NOON,
        lines=(replace(JAR, current=0), replace(TEAPOT, current=0)),
        refunds=(ARefund(NOON, {0: 3, 1: 2}, "319.00", "CANCEL"),),
    ),
    "at the till": replace(
        MEMBER, source="pos", parcels=(AParcel(NOON, {0: 1}, tracking=None, company=None),), shipping=None
    ),
    "sent, and no more is known": replace(MEMBER, parcels=(AParcel(NOON, {0: 1}),)),
    "on its way": replace(MEMBER, parcels=(AParcel(NOON, {0: 1}, said="IN_TRANSIT"),)),
    "waiting to be picked up": replace(
        MEMBER, parcels=(AParcel(NOON, {0: 1}, said="READY_FOR_PICKUP", tracking=None),)
    ),
    "picked up": replace(MEMBER, parcels=(AParcel(NOON, {0: 1}, said="PICKED_UP", tracking=None),)),
    "delivered": replace(
        MEMBER, parcels=(AParcel(NOON, {0: 1}, said="DELIVERED", changed_at=NOON + timedelta(hours=20)),)
    ),
    "delivered by half": replace(
        BOTH, parcels=(AParcel(NOON, {0: 3}, said="DELIVERED"), AParcel(NOON, {1: 2}, said="OUT_FOR_DELIVERY"))
    ),
    "a parcel that was called off": replace(
        MEMBER, parcels=(AParcel(NOON, {0: 1}, status="CANCELLED", said="CANCELED"),)
    ),
    "delivered, and one piece came back": replace(
        BOTH,
        paid="PARTIALLY_REFUNDED",
        lines=(replace(JAR, current=2), TEAPOT),
        parcels=(AParcel(NOON, {0: 3, 1: 2}, said="DELIVERED"),),
        refunds=(ARefund(NOON, {0: 1}, "90.00", "RETURN"),),
    ),
}


@pytest.mark.parametrize("order", CASES.values(), ids=CASES.keys())
def test_asking_and_being_told_end_in_equal_events(shopify: Shopify, order: AnOrder) -> None:
    events = asked_for(shopify, order)
    assert [each for each in events if not isinstance(each, OrderSeen)] == [
        each for each in told(order) if not isinstance(each, OrderSeen)
    ]
    assert _as_far_as_both_say(events) == _as_far_as_both_say(told(order))


def _as_far_as_both_say(events: list[Event]) -> OrderSeen:
    """Webhooks leave out a customer's marks and consent: those do not belong to the order."""
    (seen,) = (each for each in events if isinstance(each, OrderSeen))
    if (buyer := seen.order.customer) is None:
        return seen
    buyer = replace(buyer, tags=None, accepts_marketing=None)
    return replace(seen, order=replace(seen.order, customer=buyer))


def test_a_test_order_is_none_either_way(shopify: Shopify) -> None:
    order = replace(GUEST, test=True)
    for tell in (told, lambda each: asked_for(shopify, each)):
        with pytest.raises(adapter.NotForUs):
            tell(order)


def test_however_long_an_order_is_all_of_it_is_read(shopify: Shopify) -> None:
    order = AnOrder(
        lines=tuple(ALine(f"{number}.00", 40, current=0) for number in range(1, 251)),
        parcels=tuple(AParcel(NOON, dict.fromkeys(range(each, 250, 10), 40), said="DELIVERED") for each in range(10)),
        refunds=tuple(ARefund(NOON, dict.fromkeys(range(250), 1), "1.00", "RETURN") for _ in range(40)),
    )
    assert asked_for(shopify, order) == told(order)
    assert shopify.asked() == [
        "Order",
        "OrderParcels",
        "OrderRefunds",
        *["OrderLines"] * 3,
        *["ParcelLines"] * 10,
        *["RefundLines"] * 40,
    ]


def test_an_order_that_fits_is_one_question(shopify: Shopify) -> None:
    asked_for(shopify, BOTH)
    assert shopify.asked() == ["Order"]


def test_an_order_that_is_not_there_is_none(shopify: Shopify) -> None:
    assert whole_orders.read(shopify.ask, "1") is None


def test_an_order_that_goes_while_it_is_read_is_read_again_later(shopify: Shopify) -> None:
    order = AnOrder(lines=tuple(ALine("1.00") for _ in range(26)))
    shopify.orders.put(SHOP, order)

    def ask(name: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        said = shopify.ask(name, variables)
        shopify.orders.of[SHOP].clear()
        return said

    with pytest.raises(TryAgain):
        whole_orders.read(ask, str(order.id))


def test_a_list_of_changes_says_what_counts(shopify: Shopify) -> None:
    order = replace(GUEST, paid="PARTIALLY_REFUNDED", cancelled_at=NOON)
    shopify.orders.put(SHOP, order)
    page = shopify.ask("orders_changed", {"changed": "updated_at:>='2026-11-01T00:00:00Z'", "after": None})["orders"]
    assert [api_orders.change(node) for node in page["nodes"]] == [
        api_orders.Change(str(order.id), order.updated_at, "partially_refunded", True, False)
    ]


# What the documents cost.


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_costs_more_than_a_query_may(name: str) -> None:
    """Shopify's rule: an object is 1, a list so many times its entry as are asked for; and each comment tells the sum."""
    document = admin_api.document(name)
    cost = _cost(document)
    assert cost <= 1000
    comment = " ".join(re.findall(r"^# ?(.*)$", document, re.MULTILINE))
    assert _sum_said(comment) == cost


def _sum_said(comment: str) -> int:
    """The sum that a comment names, or that of the terms `a x b = c` and `and n` in it."""
    if together := re.search(r"Together (\d+):", comment):
        return int(together[1])
    products = [int(each) for each in re.findall(r"= (\d+)", comment)]
    return sum(products) + int(re.findall(r"and (\d+)", comment)[0])


def _cost(document: str) -> int:
    parsed = parse_document(document)
    assert not any(isinstance(each, FragmentDefinitionNode) for each in parsed.definitions)
    (operation,) = (each for each in parsed.definitions if isinstance(each, Operation))
    root = schema().query_type
    assert root is not None
    return sum(_cost_of(each, root) for each in operation.selection_set.selections if isinstance(each, FieldNode))


def _cost_of(field: FieldNode, parent: GraphQLObjectType) -> int:
    kind = get_named_type(parent.fields[field.name.value].type)
    if is_leaf_type(kind):
        return 0
    assert isinstance(kind, GraphQLObjectType)
    asked = next((int(a.value.value) for a in field.arguments or () if isinstance(a.value, IntValueNode)), 1)
    assert field.selection_set is not None
    inner = [each for each in field.selection_set.selections if isinstance(each, FieldNode)]
    if kind.name.endswith("Connection"):  # sized by its nodes, and itself nothing
        return sum(
            asked * _cost_of(each, kind) if each.name.value == "nodes" else _cost_of(each, kind) for each in inner
        )
    return asked * (1 + sum(_cost_of(each, kind) for each in inner))


def test_no_answer_is_too_long_to_be_read(shopify: Shopify) -> None:
    shopify.orders.put(SHOP, *(AnOrder() for _ in range(250)))
    page = shopify.ask("orders_changed", {"changed": "updated_at:>='2026-11-01T00:00:00Z'", "after": None})
    assert len(page["orders"]["nodes"]) == 250
    assert len(json.dumps(page)) < admin_api.LIMITS.largest / 8
