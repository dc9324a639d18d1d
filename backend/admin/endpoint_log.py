"""What endpoints were told, what they answered, and again."""

from datetime import datetime, timedelta
from typing import Literal

import orjson
from flask import Response
from pydantic import BaseModel, Field

from backend.admin.door import Visit, form, page
from backend.admin.endpoints import events, state_of
from backend.errors import BadInput
from backend.loyalty import calendar_rules
from backend.loyalty.notifications import endpoints as addresses
from backend.loyalty.notifications import outgoing_events, outgoing_log
from backend.staff.rights import Right

PAGE_SIZE = 50
STATES = {
    "waiting": ("Waiting", "calm"),
    "delivered": ("Delivered", "good"),
    "failed": ("Failed", "bad"),
    "held": ("Held", "warn"),
    "emptied": ("Erased", "calm"),
}


class Asked(BaseModel):
    state: Literal["waiting", "delivered", "failed", "held", "emptied"] | None = None
    type: str | None = Field(default=None, max_length=64)
    before: int | None = Field(default=None, ge=1, lt=2**63)


class Since(BaseModel):
    since: datetime | None = None


@page("/webhooks/<row_id:endpoint_id>", right=Right.SETTINGS)
def endpoint(visit: Visit, endpoint_id: int) -> str:
    found = addresses.find(visit.session, visit.shop_id, endpoint_id)
    asked = visit.asked(Asked)
    messages = outgoing_log.messages(
        visit.session,
        visit.shop_id,
        endpoint_id,
        state=asked.state,
        type_=asked.type,
        before=asked.before,
        limit=PAGE_SIZE + 1,
    )
    return visit.render(
        "endpoint.html",
        endpoint=found,
        badge_of=state_of(found),
        counts=outgoing_log.counts(visit.session, visit.shop_id, endpoint_id),
        most_counted=outgoing_log.MOST_COUNTED,
        asked=asked,
        messages=messages[:PAGE_SIZE],
        older=messages[PAGE_SIZE - 1].id if len(messages) > PAGE_SIZE else None,
        states=STATES,
        all_types=addresses.TYPES,
        type_options=[("", "Every event"), *((each, each) for each in (*addresses.TYPES, addresses.TEST_TYPE))],
        since=visit.wall - timedelta(days=3),
        is_overlapping=found.former_until is not None and found.former_until > visit.wall,
    )


@form("/webhooks/<row_id:endpoint_id>/test", right=Right.SETTINGS)
def test_endpoint(visit: Visit, endpoint_id: int) -> Response:
    message_id = outgoing_events.send_test(visit.session, visit.shop_id, endpoint_id, visit.now, visit.wall)
    return visit.done("A test event is on its way.", "endpoint_message", message_id=message_id)


@form("/webhooks/<row_id:endpoint_id>/replay", right=Right.SETTINGS, again=endpoint)
def replay_endpoint(visit: Visit, endpoint_id: int) -> Response:
    """Everything that failed or was held since a moment on the shop's wall."""
    since = visit.checked(Since).since
    if since is None:
        raise BadInput("Say since when.", [{"field": "since", "message": "Say since when."}])
    zone = calendar_rules.timezone(visit.shop.timezone)
    local = since if since.tzinfo else calendar_rules.instant_of(since, zone)
    count = outgoing_events.replay_undone(visit.session, visit.shop_id, endpoint_id, local)
    said = f"{events(count)} {'goes' if count == 1 else 'go'} out again." if count else "Nothing failed since then."
    if count == outgoing_events.MOST_REPLAYED:
        said += " There are more: press the button again."
    return visit.done(said, "endpoint", endpoint_id=endpoint_id)


@page("/webhooks/messages/<row_id:message_id>", right=Right.SETTINGS)
def endpoint_message(visit: Visit, message_id: int) -> str:
    found = outgoing_log.message(visit.session, visit.shop_id, message_id)
    may_see = visit.may(Right.VIEW_CUSTOMERS) or found.member_id is None
    return visit.render(
        "endpoint_message.html",
        found=found,
        endpoint=addresses.find(visit.session, visit.shop_id, found.message.endpoint_id),
        states=STATES,
        may_see=may_see,
        body=pretty(found.body) if found.body and may_see else None,
        is_under_way=found.message.state == "waiting"
        and (
            found.is_going_out
            or (found.next_try_at is not None and found.next_try_at - visit.wall < timedelta(seconds=30))
        ),
    )


@form("/webhooks/messages/<row_id:message_id>/replay", right=Right.SETTINGS, again=endpoint_message)
def replay_message(visit: Visit, message_id: int) -> Response:
    outgoing_events.replay(visit.session, visit.shop_id, message_id)
    return visit.done("The event goes out again.", "endpoint_message", message_id=message_id)


def pretty(body: str) -> str:
    """JSON for people; what is none stays as it is."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return body
