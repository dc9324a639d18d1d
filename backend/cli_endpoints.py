"""`lagniappe endpoints …`: where a merchant's own systems hear of what happens, for whoever runs the server."""

from typing import Any

import click

from backend import clock
from backend.command import application, print_json, require_shop
from backend.config import Config
from backend.db import transaction
from backend.errors import NotFound
from backend.loyalty.notifications import endpoints as addresses
from backend.loyalty.notifications import outgoing_events
from backend.loyalty.notifications.endpoints import Endpoint


@click.group()
def endpoints() -> None:
    """Webhooks out: where to, and of which events."""


@endpoints.command("add")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--url", required=True, help="https, and reachable on the public internet.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="An event to tell of; all of them by default.")
@click.option("--description", default="")
def add_endpoint(shop_id: int, url: str, types: tuple[str, ...], description: str) -> None:
    """Make an endpoint and print it with its secret, which is shown only now."""
    with application() as app, transaction() as session:
        config: Config = app.config["LAGNIAPPE"]
        require_shop(session, shop_id)
        made = addresses.add(
            session,
            shop_id,
            clock.now(),
            url=url,
            types=types or tuple(addresses.TYPES),
            description=description,
            is_rehearsal=config.is_rehearsal,
        )
        print_json(_endpoint(addresses.find(session, shop_id, made.id)) | {"secret": made.secret})


@endpoints.command("list")
@click.option("--shop", "shop_id", required=True, type=int)
def list_endpoints(shop_id: int) -> None:
    """Print a shop's endpoints, without their secrets."""
    with application(), transaction() as session:
        require_shop(session, shop_id)
        print_json({"items": [_endpoint(each) for each in addresses.all_of(session, shop_id)]})


@endpoints.command("remove")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--id", "endpoint_id", required=True, type=int, help="The id that list prints.")
def remove_endpoint(shop_id: int, endpoint_id: int) -> None:
    """Send nothing more to an endpoint."""
    with application(), transaction() as session:
        require_shop(session, shop_id)
        if all(each.id != endpoint_id for each in addresses.all_of(session, shop_id)):
            raise NotFound(f"Shop {shop_id} has no endpoint {endpoint_id}.")
        outgoing_events.remove_endpoint(session, shop_id, endpoint_id, clock.wall())
        print_json({"removed": str(endpoint_id)})


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "types": endpoint.types,
        "state": endpoint.state,
    }
