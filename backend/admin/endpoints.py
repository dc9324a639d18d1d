"""Webhooks out: where to, which events, with which secret."""

from flask import Response
from pydantic import BaseModel

from backend.admin.door import Visit, form, is_rehearsal, page
from backend.loyalty.notifications import endpoints as addresses
from backend.loyalty.notifications import outgoing_events, outgoing_log
from backend.loyalty.notifications.endpoints import Endpoint
from backend.staff.rights import Right

TYPE_OPTIONS = tuple((type_, said, type_) for type_, said in addresses.TYPES.items())
STATES = {"active": ("Active", "good"), "paused": ("Paused", "warn")}


class Described(BaseModel):
    url: str = ""
    description: str = ""
    types: list[str] = []


@page("/webhooks", right=Right.SETTINGS)
def endpoints(visit: Visit) -> str:
    found = addresses.all_of(visit.session, visit.shop_id)
    return visit.render(
        "endpoints.html",
        endpoints=found,
        counts={each.id: outgoing_log.counts(visit.session, visit.shop_id, each.id) for each in found},
        state_of=state_of,
        all_types=addresses.TYPES,
        most_counted=outgoing_log.MOST_COUNTED,
    )


@page("/webhooks/new", right=Right.SETTINGS)
def new_endpoint(visit: Visit) -> str:
    return visit.render("endpoint_form.html", endpoint=None, types=TYPE_OPTIONS)


@form("/webhooks/new", right=Right.SETTINGS, again=new_endpoint)
def add_endpoint(visit: Visit) -> str:
    """Answers with the page that shows the secret: it must stand in no cookie and in no address."""
    given = visit.checked(Described)
    made = addresses.add(
        visit.session,
        visit.shop_id,
        visit.now,
        url=given.url,
        types=given.types,
        description=given.description,
        is_rehearsal=is_rehearsal(),
    )
    found = addresses.find(visit.session, visit.shop_id, made.id)
    return visit.render("endpoint_secret.html", endpoint=found, secret=made.secret, is_new=True)


@page("/webhooks/<row_id:endpoint_id>/edit", right=Right.SETTINGS)
def edit_endpoint(visit: Visit, endpoint_id: int) -> str:
    found = addresses.find(visit.session, visit.shop_id, endpoint_id)
    return visit.render("endpoint_form.html", endpoint=found, types=TYPE_OPTIONS)


@form("/webhooks/<row_id:endpoint_id>/edit", right=Right.SETTINGS, again=edit_endpoint)
def change_endpoint(visit: Visit, endpoint_id: int) -> Response:
    given = visit.checked(Described)
    addresses.change(
        visit.session,
        visit.shop_id,
        endpoint_id,
        url=given.url,
        types=given.types,
        description=given.description,
        is_rehearsal=is_rehearsal(),
    )
    return visit.done("The endpoint was changed.", "endpoint", endpoint_id=endpoint_id)


@form("/webhooks/<row_id:endpoint_id>/pause", right=Right.SETTINGS)
def pause_endpoint(visit: Visit, endpoint_id: int) -> Response:
    addresses.find(visit.session, visit.shop_id, endpoint_id)
    addresses.pause(visit.session, visit.shop_id, endpoint_id)
    return visit.done("Paused. What happens meanwhile is held for it.", "endpoint", endpoint_id=endpoint_id)


@form("/webhooks/<row_id:endpoint_id>/resume", right=Right.SETTINGS)
def resume_endpoint(visit: Visit, endpoint_id: int) -> Response:
    """Send again, first of all what was held."""
    addresses.resume(visit.session, visit.shop_id, endpoint_id)
    held = outgoing_events.replay_undone(
        visit.session, visit.shop_id, endpoint_id, visit.wall - outgoing_events.KEPT, states=("held",)
    )
    said = f"Active again. {events(held)} that had been held {'goes' if held == 1 else 'go'} out now." if held else ""
    return visit.done(said or "Active again.", "endpoint", endpoint_id=endpoint_id)


@form("/webhooks/<row_id:endpoint_id>/rotate", right=Right.SETTINGS)
def rotate_endpoint(visit: Visit, endpoint_id: int) -> str:
    secret = addresses.rotate(visit.session, visit.shop_id, endpoint_id, visit.wall)
    found = addresses.find(visit.session, visit.shop_id, endpoint_id)
    return visit.render("endpoint_secret.html", endpoint=found, secret=secret, is_new=False)


@form("/webhooks/<row_id:endpoint_id>/remove", right=Right.SETTINGS)
def remove_endpoint(visit: Visit, endpoint_id: int) -> Response:
    outgoing_events.remove_endpoint(visit.session, visit.shop_id, endpoint_id, visit.wall)
    return visit.done("The endpoint was removed. Nothing more is sent to it.", "endpoints")


def state_of(endpoint: Endpoint) -> tuple[str, str]:
    """The word about it, and its tone."""
    if endpoint.state == "active" and endpoint.failing_since is not None:
        return "Failing", "bad"
    return STATES[endpoint.state]


def events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"
