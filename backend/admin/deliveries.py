"""What arrived from the platform, what became of it, and what is missing."""

from datetime import date, datetime, timedelta
from typing import Literal

from flask import Response
from pydantic import BaseModel, Field

from backend.admin.door import Visit, form, page
from backend.admin.endpoint_log import pretty
from backend.errors import Conflict, NotFound
from backend.loyalty import calendar_rules
from backend.loyalty.deliveries import deliveries as inbox
from backend.loyalty.deliveries import delivery_log, gap_report
from backend.loyalty.deliveries.delivery_log import Wanted
from backend.loyalty.shops import shops
from backend.models import Delivery
from backend.platforms.custom import payloads
from backend.platforms.shopify import payloads as shopify_payloads
from backend.queue import enqueue_after_commit
from backend.shopify import code_audit
from backend.shopify import orders as shopify_orders
from backend.staff.rights import Right

PAGE_SIZE = 50
STATES = {
    "received": ("Waiting", "calm"),
    "handled": ("Handled", "good"),
    "ignored": ("Not for us", "calm"),
    "rejected": ("Refused", "warn"),
    "failed": ("Failed", "bad"),
}


class Asked(BaseModel):
    state: Literal["received", "handled", "ignored", "rejected", "failed"] | None = None
    type: str | None = Field(default=None, max_length=255)
    delivery: str | None = Field(default=None, max_length=255)
    first: date | None = None
    last: date | None = None
    before: int | None = Field(default=None, ge=1, lt=2**63)


@page("/deliveries", right=Right.SETTINGS)
def deliveries(visit: Visit) -> str:
    asked = visit.asked(Asked)
    wanted = Wanted(
        state=asked.state,
        type=asked.type,
        delivery_id=asked.delivery,
        since=_begin(visit, asked.first),
        until=_begin(visit, asked.last and asked.last + timedelta(days=1)),
    )
    found = delivery_log.page(visit.session, visit.shop_id, wanted, asked.before, PAGE_SIZE)
    kept = {name: value for name, value in asked.model_dump().items() if value and name != "before"}
    return visit.render(
        "deliveries.html",
        asked=asked,
        kept=kept,
        found=found,
        counters=delivery_log.counters(visit.session, visit.shop_id),
        most_counted=delivery_log.MOST_COUNTED,
        looked_at=delivery_log.LOOKED_AT,
        states=STATES,
        types=tuple(shopify_payloads.BODIES if visit.shop.platform == shops.SHOPIFY else payloads.DELIVERIES),
    )


@form("/deliveries/replay", right=Right.SETTINGS)
def replay_deliveries(visit: Visit) -> Response:
    """Everything that failed, now."""
    count = inbox.replay_failed(visit.session, visit.wall, visit.shop_id, None)
    enqueue_after_commit(inbox.DRAIN)
    said = "1 delivery is" if count == 1 else f"{count:,} deliveries are"
    return visit.done(f"{said} handled again now." if count else "None has failed.", "deliveries")


@page("/deliveries/gaps", right=Right.SETTINGS)
def delivery_gaps(visit: Visit) -> str:
    looking = gap_report.Looking(visit.session, visit.shop, visit.now, visit.wall)
    return visit.render(
        "delivery_gaps.html",
        found=gap_report.report(looking),
        most=gap_report.MOST,
        looks_back=gap_report.LOOKS_BACK,
        can_ask=visit.shop.platform == shops.SHOPIFY,
    )


@form("/deliveries/gaps/ask", right=Right.SETTINGS, again=delivery_gaps)
def ask_platform(visit: Visit) -> Response:
    """Compare the orders and the codes with the platform's now, where it can be asked."""
    if visit.shop.platform != shops.SHOPIFY:
        raise NotFound()
    if not shopify_orders.ask_now(visit.session, visit.shop_id, visit.wall):
        raise Conflict("The app is not installed in this shop: open it in Shopify once.")
    code_audit.ask(visit.session, visit.shop_id)
    return visit.done("Shopify is asked now. What is news appears within a minute.", "delivery_gaps")


@page("/deliveries/<row_id:delivery_id>", right=Right.SETTINGS)
def delivery(visit: Visit, delivery_id: int) -> str:
    found = _find(visit, delivery_id)
    may_see = visit.may(Right.VIEW_CUSTOMERS)
    effect = delivery_log.effect(visit.session, visit.shop, found) if may_see else None
    return visit.render(
        "delivery.html",
        delivery=found,
        state=STATES[found.state],
        may_see=may_see,
        body=pretty(found.body) if may_see and found.body else None,
        effect=effect,
        is_under_way=found.state == "received" or _is_due(found, visit.wall),
        gives_up_after=inbox.GIVE_UP_AFTER_TRIES,
    )


@form("/deliveries/<row_id:delivery_id>/replay", right=Right.SETTINGS, again=delivery)
def replay_delivery(visit: Visit, delivery_id: int) -> Response:
    """Handle a failed delivery again now, or look anew at a refused one."""
    found = _find(visit, delivery_id)
    if found.state == "rejected":
        inbox.judge_again(visit.session, visit.shop, delivery_id, visit.wall)
    elif found.state == "failed" and found.body is not None:
        inbox.replay(visit.session, visit.shop_id, delivery_id, visit.wall)
    else:
        raise Conflict("Only what failed or was refused is handled again.")
    enqueue_after_commit(inbox.DRAIN)
    return visit.done("It is handled again now.", "delivery", delivery_id=delivery_id)


def _find(visit: Visit, delivery_id: int) -> Delivery:
    found: Delivery | None = visit.session.get(Delivery, (visit.shop_id, delivery_id))
    if found is None:
        raise NotFound()
    return found


def _is_due(found: Delivery, wall: datetime) -> bool:
    return found.next_try_at is not None and found.next_try_at <= wall + timedelta(seconds=10)


def _begin(visit: Visit, day: date | None) -> datetime | None:
    """The first instant of a day in the shop's zone."""
    return None if day is None else calendar_rules.first_instant(day, calendar_rules.timezone(visit.shop.timezone))
