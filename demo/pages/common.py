"""What every page of the store needs: the shop, the visitor, and the way back."""

import re
from typing import Any

from flask import Response, current_app, g, redirect, request, session

from demo import money, outbox, people, signing, timebar, times
from demo.basket import Basket, look
from demo.book import business_now
from demo.mailbox import unread
from demo.people import Customer
from demo.shop import Shop

_LOCAL_PATH = re.compile(r"/(?![/\\])[\w/.~\-]*(#[\w\-]+)?")


def shop() -> Shop:
    found: Shop = current_app.extensions["shop"]
    return found


def visitor() -> Customer | None:
    """Who is signed in, looked up once per request."""
    if "visitor" not in g:
        g.visitor = None
        if customer_id := session.get("customer_id"):
            with shop().book.reading() as db:
                g.visitor = people.find(db, customer_id)
    found: Customer | None = g.visitor
    return found


def sign_in(customer: Customer) -> None:
    session["customer_id"] = customer["id"]
    g.pop("visitor", None)


def cart() -> dict[str, int]:
    found: dict[str, int] = session.get("cart", {})
    return found


def cart_codes() -> list[str]:
    """The discount codes in the cart, as they were typed."""
    found: list[str] = session.get("codes", [])
    return found


def basket() -> Basket:
    """What the visitor's cart comes to now."""
    customer = visitor()
    with shop().book.reading() as db:
        return look(db, cart(), cart_codes(), customer["id"] if customer else None, business_now(db))


def local_path(text: str | None, otherwise: str = "/") -> str:
    """A path of this store and nothing else: what a form says about where to go back is never trusted."""
    return text if text and _LOCAL_PATH.fullmatch(text) else otherwise


def back(otherwise: str = "/") -> Response:
    """To the page that the form named in `back`."""
    return redirect(local_path(request.form.get("back"), otherwise), 303)  # type: ignore[return-value]


def page_context() -> dict[str, Any]:
    """What the frame of each page shows."""
    settings = shop().settings
    with shop().book.reading() as db:
        now = business_now(db)
        counts = {"unread": unread(db), "waiting": outbox.waiting(db)}
    customer = visitor()
    return {
        "customer": customer,
        "identity": signing.identity_token(settings.identity_secret, customer, times.wall()) if customer else None,
        "settings": settings,
        "currency": money.CURRENCY,
        "now": now,
        "time_steps": timebar.STEPS,
        "cart_count": sum(cart().values()),
        **counts,
    }
