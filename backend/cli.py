"""`lagniappe …`: the commands of contract section 1. Each is a door: parse, one transaction, one verb, print JSON."""

import csv
import sys
from pathlib import Path
from typing import Any

import click
import flask_migrate

from backend import clock, queue, strict_json
from backend.cli_demo import demo
from backend.cli_endpoints import endpoints
from backend.cli_machine import up
from backend.cli_processes import clock as clock_process
from backend.cli_processes import time_commands, worker
from backend.cli_staff import staff
from backend.command import application, print_json, require_shop
from backend.config import Config
from backend.db import retrying, transaction
from backend.errors import BadInput, Conflict, NotFound
from backend.ledger import check as ledger_check
from backend.loyalty.coupons import coupons
from backend.loyalty.coupons.coupons import UploadReport
from backend.loyalty.deliveries import deliveries
from backend.loyalty.program import programs
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.models import Delivery
from backend.platforms.events import time_text
from backend.shopify import code_audit
from backend.shopify import orders as shopify_orders
from backend.staff import invitations
from backend.staff.invitations import Links
from backend.transfer import archive, exports, restoring

CODES_AT_ONCE = 10_000
"""In one transaction."""


@click.group()
def main() -> None:
    """Lagniappe: a loyalty program for any store, on a ledger that can be audited."""


@main.command()
def migrate() -> None:
    """Bring the schema up to date. Safe to run from several machines at once."""
    with application():
        flask_migrate.upgrade()
        click.echo("The schema is up to date.", err=True)


@main.group()
def shop() -> None:
    """Shops."""


@shop.command("create")
@click.option("--platform", required=True)
@click.option("--name", required=True)
@click.option("--domain", required=True, help="Such as shop.example")
@click.option("--currency", required=True, help="ISO 4217, such as EUR")
@click.option("--timezone", required=True, help="IANA name, such as Europe/Paris")
@click.option("--locale", required=True, help="Such as fr or zh-Hant")
@click.option("--discounts-url", help="Where a custom store takes discount codes")
def create_shop(
    platform: str, name: str, domain: str, currency: str, timezone: str, locale: str, discounts_url: str | None
) -> None:
    """Make a shop and print its addresses and secrets, which are shown only now."""
    with application() as app, transaction() as session:
        config: Config = app.config["LAGNIAPPE"]
        now = clock.now()
        made = shops.create(
            session,
            now,
            platform=platform,
            name=name,
            domain=domain,
            currency=currency,
            timezone_name=timezone,
            locale=locale,
            discounts_url=discounts_url,
            rehearsal=config.is_rehearsal,
        )
        programs.start(session, made.shop, now)
        print_json(
            {
                "shop_id": str(made.shop.id),
                "webhook_url": f"{config.base_url}/webhooks/{platform}/{made.shop.id}",
                "webhook_secret": made.webhook_secret,
                "widget_key": made.shop.widget_key,
                "identity_secret": made.identity_secret,
                "api_key": made.api_key,
                "admin_login_url": invitations.first_link(Links(config.secret_keys, config.base_url), made.shop.id),
            }
        )


@shop.command("export")
@click.option("--shop", "shop_id", required=True, type=int)
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export_shop(shop_id: int, file: Path) -> None:
    """Write the whole shop, without its secrets, to a zip FILE."""
    with application():
        unfinished = file.with_name(f"{file.name}.part")
        try:
            with unfinished.open("wb") as out:
                for block in archive.stream(shop_id, clock.now(), _show_progress):
                    out.write(block)
            unfinished.replace(file)
        except OSError as error:
            raise BadInput(f"{file} cannot be written: {error.strerror}.") from None
        finally:
            unfinished.unlink(missing_ok=True)
        print_json({"file": str(file), "bytes": file.stat().st_size})


@shop.command("import")
@click.option("--shop", "shop_id", type=int, help="An empty shop that takes it in; otherwise a new one is made.")
@click.option("--domain", help="Of the new shop, if it is another one.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_shop(shop_id: int | None, domain: str | None, file: Path) -> None:
    """Bring an exported shop back in from a zip FILE, to the point. A new shop's secrets are new, and are printed."""
    with application() as app, file.open("rb") as opened, transaction() as session:
        config: Config = app.config["LAGNIAPPE"]
        described = restoring.describe(opened).shop
        made = None
        if shop_id is None:
            there = exports.known_as(session, int(described["id"]), domain or str(described["domain"]))
            if there is not None:
                raise Conflict(f"This shop was brought in before: it is shop {there}.", code="not_empty")
            made = shops.create(
                session,
                clock.now(),
                platform=str(described["platform"]),
                name=str(described["name"]),
                domain=domain or str(described["domain"]),
                currency=str(described["currency"]),
                timezone_name=str(described["timezone"]),
                locale=str(described["locale"]),
                rehearsal=config.is_rehearsal,
            )
            shop_id = made.shop_id
        require_shop(session, shop_id)
        secrets = (
            {
                "webhook_url": f"{config.base_url}/webhooks/{made.shop.platform}/{shop_id}",
                "webhook_secret": made.webhook_secret,
                "widget_key": made.shop.widget_key,
                "identity_secret": made.identity_secret,
                "api_key": made.api_key,
            }
            if made
            else {}
        )
        rows = exports.bring_in(session, shop_id, opened)
        print_json({"shop_id": str(shop_id), **secrets, "rows": rows})


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} rows", nl=False, err=True)


@main.group()
def key() -> None:
    """Keys of the merchant API."""


@key.command("create")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--label", required=True, help="Who or what uses it; entries made with it say so.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(shops.ALL_SCOPES), default=("read",), show_default=True
)
def create_key(shop_id: int, label: str, scopes: tuple[str, ...]) -> None:
    """Make a key and print it; it is shown only now. With the scope `read` alone it may look and not touch (S3.26)."""
    with application(), transaction() as session:
        require_shop(session, shop_id)
        made = shops.new_api_key(session, shop_id, clock.now(), label=label, scopes=scopes)
        print_json({"shop_id": str(shop_id), "label": label, "scopes": list(scopes), "api_key": made})


@key.command("revoke")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--label", required=True)
def revoke_key(shop_id: int, label: str) -> None:
    """Revoke the keys of that label."""
    with application(), transaction() as session:
        require_shop(session, shop_id)
        print_json({"revoked": shops.revoke_api_keys(session, shop_id, label, clock.now())})


@main.group()
def program() -> None:
    """A shop's program: its settings."""


@program.command("show")
@click.option("--shop", "shop_id", required=True, type=int)
def show_program(shop_id: int) -> None:
    """Print the settings in force as JSON."""
    with application(), transaction() as session:
        require_shop(session, shop_id)
        print_json(programs.version_for(session, shop_id, clock.now()).settings)


@program.command("set")
@click.option("--shop", "shop_id", required=True, type=int)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
def set_program(shop_id: int, file: Path) -> None:
    """Make a new version of the settings from a JSON file, or say in one sentence what is wrong."""
    with application() as app, transaction() as session:
        config: Config = app.config["LAGNIAPPE"]
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        document = strict_json.parse(raw)
        if not isinstance(document, dict):
            raise BadInput("The settings should be a JSON object.")
        require_shop(session, shop_id)
        version = programs.set_program(
            session,
            shop_id,
            document,
            author="lagniappe program set",
            now=clock.now(),
            rehearsal=config.is_rehearsal,
        )
        print_json({"version": version.version, "in_force_from": time_text(version.in_force_from)})


@main.group()
def ledger() -> None:
    """The ledger."""


@ledger.command("check")
@click.option("--shop", "shop_id", type=int, help="Only this shop; all of them otherwise.")
def check_ledger(shop_id: int | None) -> None:
    """Prove the ledger's invariants on the data. Status 1 if there is any violation."""
    with application(), transaction() as session:
        report = ledger_check.check(session, clock.now(), clock.wall(), shop_id)
        print_json(report.as_document())
    sys.exit(1 if report.violations else 0)


@main.group("rewards")
def reward_commands() -> None:
    """Rewards."""


@reward_commands.command("import-codes")
@click.option("--shop", "shop_id", required=True, type=int)
@click.option("--reward", required=True, help="Its id, or its reward_id.")
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path))
def import_codes(shop_id: int, reward: str, file: Path) -> None:
    """Add the codes in the first column of a CSV FILE to a reward that was made with codes of your own, and report.

    A file may have any size. Doing it again is harmless: a code that the shop knows is refused.
    """
    with application():
        codes = _codes(file)
        with transaction() as session:
            require_shop(session, shop_id)
            reward_id = rewards.find_id(session, shop_id, reward)
        reports = [
            _add_codes(shop_id, reward_id, codes[begin : begin + CODES_AT_ONCE], begin + 1)
            for begin in range(0, len(codes) or 1, CODES_AT_ONCE)
        ]
        refused = [
            {"line": each.line, "code": each.code, "reason": each.reason} for one in reports for each in one.refused
        ]
        print_json({"added": sum(each.added for each in reports), "refused": refused})


def _codes(file: Path) -> list[str]:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return coupons.read_csv(raw.decode())
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8.") from None
    except csv.Error as error:
        raise BadInput(f"{file} is not a CSV file: {error}.") from None


@retrying
def _add_codes(shop_id: int, reward_id: int, codes: list[str], first_line: int) -> UploadReport:
    with transaction() as session:
        return rewards.add_codes(session, shop_id, reward_id, codes, clock.now(), first_line)


@main.group()
def webhooks() -> None:
    """What arrived, and what became of it."""


@webhooks.command("list")
@click.option("--shop", "shop_id", type=int)
@click.option("--state", type=click.Choice(["received", "handled", "ignored", "rejected", "failed"]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
def list_webhooks(shop_id: int | None, state: str | None, limit: int) -> None:
    """Print the newest deliveries as JSON."""
    with application(), transaction() as session:
        if shop_id is not None:
            require_shop(session, shop_id)
        found = deliveries.newest(session, shop_id, state, limit)
        print_json({"items": [_delivery(each) for each in found]})


@webhooks.command("replay")
@click.option("--shop", "shop_id", type=int)
@click.option("--id", "row_id", type=int, help="Only this delivery (the id that list prints); needs --shop.")
def replay_webhooks(shop_id: int | None, row_id: int | None) -> None:
    """Handle again what failed: now, instead of when its turn comes."""
    if row_id is not None and shop_id is None:
        raise click.UsageError("--id needs --shop.")
    with application():
        with transaction() as session:
            if shop_id is not None:
                require_shop(session, shop_id)
            replayed = deliveries.replay_failed(session, clock.wall(), shop_id, row_id)
            queue.enqueue_after_commit(deliveries.DRAIN)
        print_json({"replayed": replayed})


@webhooks.command("reconcile")
@click.option("--shop", "shop_id", required=True, type=int)
def reconcile_webhooks(shop_id: int) -> None:
    """Compare a shop's orders and codes with Shopify's now, instead of when its turn comes: a worker or the clock does it."""
    with application():
        with transaction() as session:
            require_shop(session, shop_id)
            if not shopify_orders.ask_now(session, shop_id, clock.wall()):
                raise Conflict(f"The app is not installed in shop {shop_id}.", code="not_installed")
            code_audit.ask(session, shop_id)
        print_json({"asked": True})


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "shop_id": str(delivery.shop_id),
        "id": str(delivery.id),
        "delivery_id": delivery.delivery_id,
        "type": delivery.type,
        "state": delivery.state,
        "error": delivery.error,
        "tries": delivery.tries,
        "received_at": time_text(delivery.received_at),
    }


main.add_command(up)
main.add_command(demo)
main.add_command(endpoints)
main.add_command(staff)
main.add_command(worker)
main.add_command(clock_process, "clock")
main.add_command(time_commands, "time")


if __name__ == "__main__":
    main()
