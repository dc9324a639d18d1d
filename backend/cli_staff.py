"""`lagniappe staff …`: who may sign in to a shop's admin, for whoever runs the server."""

from typing import Any

import click
from sqlalchemy import select

from backend import clock
from backend.command import application, print_json, require_shop
from backend.config import Config
from backend.db import transaction
from backend.errors import NotFound
from backend.models import Staff
from backend.staff import accounts, invitations, rights, two_factor
from backend.staff.invitations import Links

AUTHOR = "the server's command line"


@click.group()
def staff() -> None:
    """People who may sign in to a shop's admin."""


@staff.command("list")
@click.option("--shop", "shop_id", required=True, type=int)
def list_staff(shop_id: int) -> None:
    """Print who is on the team of a shop."""
    with application(), transaction() as session:
        require_shop(session, shop_id)
        print_json(
            [
                {
                    "email": each.email,
                    "name": each.name,
                    "status": each.status,
                    "role": rights.role_of(frozenset(rights.Right(right) for right in each.rights)),
                    "two_factor": each.totp_secret is not None,
                }
                for each in accounts.people(session, shop_id)
            ]
        )


@staff.command("invite")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(tuple(rights.ROLES)), default="Owner", show_default=True)
def invite(shop_id: int, email: str, name: str, role: str) -> None:
    """Invite somebody by mail, and print the link as well."""
    with application() as app, transaction() as session:
        require_shop(session, shop_id)
        person = invitations.invite(
            session, shop_id, clock.now(), email=email, name=name, rights=rights.ROLES[role], author=AUTHOR
        )
        print_json({"email": person.email, "url": invitations.link_for(session, _links(app), shop_id, person.id)})


@staff.command("reset")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--email", required=True)
@click.option("--two-factor", is_flag=True, help="Turn two-factor sign-in off, too.")
def reset(shop_id: int, email: str, two_factor: bool) -> None:
    """Print a link with which somebody chooses a new password; it works for an hour."""
    with application() as app, transaction() as session:
        require_shop(session, shop_id)
        person = session.execute(
            select(Staff).where(Staff.shop_id == shop_id, Staff.email == email.lower(), Staff.status == "active")
        ).scalar_one_or_none()
        if person is None:
            raise NotFound(f"Nobody on the team has the address {email}.")
        if two_factor:
            _turn_off(session, person)
        url = invitations.reset_link_for(session, _links(app), shop_id, person.id)
        print_json({"email": person.email, "url": url})


def _turn_off(session: Any, person: Staff) -> None:
    two_factor.turn_off(session, person, clock.now(), clock.wall(), author=AUTHOR)


def _links(app: Any) -> Links:
    config: Config = app.config["LAGNIAPPE"]
    return Links(config.secret_keys, config.base_url)
