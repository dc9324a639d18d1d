"""The orders desk, where the visitor plays the courier and the shopkeeper."""

import secrets
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, abort, flash, render_template, request
from flask.typing import ResponseReturnValue

from demo import money, orders
from demo.orders import Order, Refusal, Told
from demo.pages.common import back, shop
from demo.shop import find_order, latest_orders

pages = Blueprint("desk", __name__)

Verb = Callable[[Order, datetime], list[Told]]

_MOVES: dict[str, tuple[Verb, str]] = {
    "pay": (orders.pay, "is paid"),
    "ship": (orders.ship, "is on its way"),
    "arrive": (orders.arrive, "has arrived"),
    "collect": (orders.collect, "is collected"),
    "return": (orders.take_back, "came back"),
    "cancel": (orders.cancel, "is cancelled"),
}


@pages.get("/desk")
def desk() -> ResponseReturnValue:
    with shop().book.reading() as db:
        found = latest_orders(db)
    return render_template("desk.html", orders=found)


@pages.get("/orders/<order_id>")
def order(order_id: str) -> ResponseReturnValue:
    with shop().book.reading() as db:
        found = find_order(db, order_id) or abort(404)
    return render_template("order.html", order=found, carriers=orders.CARRIERS)


@pages.post("/orders/<order_id>/<move>")
def move(order_id: str, move: str) -> ResponseReturnValue:
    verb, words = _MOVES.get(move) or abort(404)
    return _act(order_id, verb, words)


@pages.post("/orders/<order_id>/lines/<line_id>/quantity")
def change_quantity(order_id: str, line_id: str) -> ResponseReturnValue:
    quantity = request.form.get("quantity", 0, type=int)
    return _act(order_id, lambda order, at: orders.change_quantity(order, line_id, quantity, at), "is changed")


@pages.post("/orders/<order_id>/lines/<line_id>/refund")
def refund_line(order_id: str, line_id: str) -> ResponseReturnValue:
    quantity = request.form.get("quantity", 0, type=int)
    refund_id = _refund_id()
    return _act(order_id, lambda order, at: orders.refund_line(order, line_id, quantity, refund_id, at), "is refunded")


@pages.post("/orders/<order_id>/refund-amount")
def refund_amount(order_id: str) -> ResponseReturnValue:
    amount = money.parse(request.form.get("amount", ""))
    if amount is None:
        flash("An amount is written like 12.50.", "error")
        return back(f"/orders/{order_id}")
    refund_id = _refund_id()
    return _act(order_id, lambda order, at: orders.refund_amount(order, amount, refund_id, at), "is refunded")


def _act(order_id: str, verb: Verb, words: str) -> ResponseReturnValue:
    try:
        order = shop().act(order_id, verb)
        flash(f"Order {order.number} {words}.")
    except Refusal as refusal:
        flash(str(refusal), "error")
    return back(f"/orders/{order_id}")


def _refund_id() -> str:
    return f"ref_{secrets.token_hex(6)}"
