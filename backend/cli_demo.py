"""`lagniappe demo`: everything of `up`, a demo shop, and the pretend store beside it.

The store is another program: it gets its addresses and secrets in a file, as an integrator would, and nothing else.
"""

import fcntl
import json
import os
import secrets
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import requests
from sqlalchemy import select

from backend import cli_demo_past, clock, machine, strict_json
from backend.app import create_app
from backend.db import db, transaction
from backend.errors import ConfigError, LagniappeError
from backend.ledger.posting import AnySession
from backend.loyalty.program import programs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.rewards import campaigns, rewards
from backend.loyalty.shops import shops
from backend.models import Reward, Shop, Staff
from backend.staff import accounts
from backend.staff.rights import Right
from backend.supervisor import Program

_STORE = Path(__file__).parent.parent / "demo"
PROGRAM_FILE = _STORE / "program.json"
REWARDS_FILE = _STORE / "rewards.json"
CAMPAIGN_FILE = _STORE / "campaign.json"
DISCOUNTS_PATH = "/lagniappe/discounts"
"""Where the store takes discount codes."""
PLATFORM = "custom"
SHOP_NAME = "Kiln & Kettle"
_SEEDS_LIMIT_SECONDS = 60.0
"""How long the demo waits for the store's first webhooks to be accepted."""
_PROGRAM_AGE = timedelta(days=365)
"""How long the program is in force when the demo begins: the store's past, two friends in it, falls under it."""
ADMIN_EMAIL, ADMIN_PASSWORD = "owner@kilnandkettle.example", "kiln and kettle"
"""Who looks after the demo shop. No secret: the demo refuses to run in production."""
_TEA_WEEKS, _WELCOME = "tea-weeks", "MATCHA_WHISK"
"""The rule that lasts as long as the gift campaign, and the reward that the highest level gives."""
_POLL_SECONDS = 0.1


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the web process and the store listen.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--store-port", default=8001, show_default=True, type=click.IntRange(1, 65535))
@click.option("--past/--no-past", default=True, show_default=True, help="Whether a new shop has some months behind it.")
def demo(host: str, port: int, store_port: int, past: bool) -> None:
    """Run everything on this machine with a demo shop and a pretend store, until Ctrl-C."""
    try:
        _run({**os.environ, "LAGNIAPPE_ENV": os.environ.get("LAGNIAPPE_ENV") or "demo"}, host, port, store_port, past)
    except LagniappeError as error:
        raise click.ClickException(error.detail) from error


@dataclass(frozen=True)
class _Folder:
    """The files of the demo in a data folder."""

    data_dir: Path

    @property
    def store(self) -> Path:
        return self.data_dir / "store"

    @property
    def announcement(self) -> Path:
        return self.data_dir / "demo.json"

    @property
    def settings(self) -> Path:
        return self.store / "settings.json"

    @property
    def shop(self) -> Path:
        """The shop's id, and its secrets, which are shown only when it is made."""
        return self.store / "shop.json"

    @property
    def mail_port(self) -> Path:
        return self.store / "mail-port"


def _run(environ: dict[str, str], host: str, port: int, store_port: int, past: bool) -> None:
    if environ["LAGNIAPPE_ENV"] == "production":
        raise ConfigError("The demo needs LAGNIAPPE_ENV=demo or test: it would be an open door in production.")
    if find_spec("aiosmtpd") is None:
        raise ConfigError("The demo's mailbox needs aiosmtpd: install lagniappe[demo].")
    folder = _Folder(Path(environ.get("LAGNIAPPE_DATA_DIR") or ".lagniappe").resolve())
    local = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - only read
    store_url = f"http://[{local}]:{store_port}" if ":" in local else f"http://{local}:{store_port}"
    known: dict[str, Any] = {}

    def prepare(served: dict[str, str]) -> list[Program]:
        made = _kept_shop(folder, served, store_url) or _new_shop(folder, served, store_url)
        _fill_shelf(served, int(made["shop_id"]))
        if past:
            _live_the_past(served, int(made["shop_id"]))
        _staff(served, int(made["shop_id"]))
        base_url = served["BASE_URL"]
        made["webhook_url"] = f"{base_url}/webhooks/{PLATFORM}/{made['shop_id']}"
        made["admin_login_url"] = f"{base_url}/admin"
        _write(
            folder.settings,
            {
                "folder": str(folder.store),
                "lagniappe_url": base_url,
                **{
                    name: made[name]
                    for name in ("shop_id", "webhook_url", "webhook_secret", "widget_key", "identity_secret", "api_key")
                },
                "host": host,
                "port": store_port,
                "public_url": store_url,
                "mail_port": mail_port,
                "time_command": [_command(), "time", "advance"],
            },
        )
        known.update(
            base_url=base_url,
            store_url=store_url,
            mailbox_url=f"{store_url}/mailbox",
            **made,
            admin_email=ADMIN_EMAIL,
            admin_password=ADMIN_PASSWORD,
            mail_url=served["MAIL_URL"],
            data_dir=str(folder.data_dir),
            database_url=served["DATABASE_URL"],
            redis_url=served["REDIS_URL"],
        )
        command = shlex.join([sys.executable, "-m", "demo.store", "--settings", str(folder.settings)])
        return [Program("store", command, f"{store_url}/healthz")]

    def announce() -> None:
        _await_seeds(store_url)
        _write(folder.announcement, known)
        click.echo(_greeting(known, folder.announcement))

    with _alone(folder):
        _require_free(host, store_port)
        mail_port = _mail_port(folder)
        environ["MAIL_URL"] = environ.get("MAIL_URL") or f"smtp://127.0.0.1:{mail_port}"
        try:
            machine.run(environ, host=host, port=port, prepare=prepare, on_ready=announce)
        finally:
            folder.announcement.unlink(missing_ok=True)


@contextmanager
def _alone(folder: _Folder) -> Iterator[None]:
    """Two demos on one data folder would share a store and its mailbox. Raises ConfigError."""
    folder.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.store.mkdir(mode=0o700, exist_ok=True)
    with (folder.store / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"A demo is running on {folder.data_dir} already: stop it, or set another LAGNIAPPE_DATA_DIR."
            ) from error
        folder.announcement.unlink(missing_ok=True)  # whoever waits for the file must not find the last run's
        yield


def _kept_shop(folder: _Folder, environ: Mapping[str, str], store_url: str) -> dict[str, Any] | None:
    """The shop that an earlier run made, if this database still has it; moved to where its store listens now."""
    if not folder.shop.exists():
        return None
    made: dict[str, Any] = json.loads(folder.shop.read_text())
    with _app(environ), transaction() as session:
        shop = session.get(Shop, int(made["shop_id"]))
        if shop is None or shop.widget_key != made["widget_key"]:
            return None
        shop.domain = shops.check_domain(urlsplit(store_url).netloc, rehearsal=True)
        shop.discounts_url = store_url + DISCOUNTS_PATH
    return made


def _new_shop(folder: _Folder, environ: Mapping[str, str], store_url: str) -> dict[str, Any]:
    """Make the demo's shop, whose program is the demo's from its first version on: the store's past orders fall under it.

    A store that belonged to another shop is put aside.
    """
    for part in folder.store.glob("store.sqlite3*"):
        part.rename(part.with_name(part.name.replace("store", f"store-of-old-shop-{secrets.token_hex(3)}", 1)))
    with _app(environ), transaction() as session:
        now = clock.now()
        new = shops.create(
            session,
            now,
            platform=PLATFORM,
            name=SHOP_NAME,
            domain=urlsplit(store_url).netloc,
            currency="EUR",
            timezone_name="Europe/Paris",
            locale="en",
            discounts_url=store_url + DISCOUNTS_PATH,
            rehearsal=True,
        )
        _set_program(session, new.shop_id, _program(now), now - _PROGRAM_AGE)
        made = {
            "shop_id": str(new.shop_id),
            "webhook_secret": new.webhook_secret,
            "widget_key": new.shop.widget_key,
            "identity_secret": new.identity_secret,
            "api_key": new.api_key,
        }
        _write(folder.shop, made)  # before the commit: a shop that nobody knows the secrets of would be left otherwise
    return made


def _program(now: datetime) -> dict[str, Any]:
    """The demo's program, with the dates that only a day of making can have."""
    document: dict[str, Any] = strict_json.parse(PROGRAM_FILE.read_bytes())
    for rule in document["rules"]:
        if rule["id"] == _TEA_WEEKS:
            days = timedelta(days=strict_json.parse(CAMPAIGN_FILE.read_bytes())["days"])
            rule.update(active_from=now.isoformat(), active_to=(now + days).isoformat())
    return document


def _set_program(session: AnySession, shop_id: int, document: dict[str, Any], since: datetime) -> None:
    programs.set_program(session, shop_id, document, author="lagniappe demo", now=since, rehearsal=True)


def _welcome(session: AnySession, shop_id: int, reward: str, now: datetime) -> None:
    """Let the highest level give that reward to who enters it, if the program has levels."""
    settings = programs.settings_of(programs.version_for(session, shop_id, now))
    document = program_settings.to_document(settings)
    if document["tiers"]:
        max(document["tiers"]["levels"], key=lambda level: level["from"])["gift"] = reward
        _set_program(session, shop_id, document, now)


def _fill_shelf(environ: Mapping[str, str], shop_id: int) -> None:
    """Rewards and a gift campaign for a shop without rewards: one just made, or kept from before there were any."""
    with _app(environ), transaction() as session:
        if session.execute(select(Reward.id).where(Reward.shop_id == shop_id).limit(1)).first():
            return
        shop, now = shops.facts(shop_id), clock.now()
        gifts = []
        made: dict[str, str] = {}
        campaign = strict_json.parse(CAMPAIGN_FILE.read_bytes())
        for document in (*strict_json.parse(REWARDS_FILE.read_bytes()), *campaign.pop("gifts")):
            reward = rewards.create(session, shop, document, now, rehearsal=True)
            made[document["reward_id"]] = reward.public_id
            if reward.type == "gift":
                gifts.append(reward.public_id)
        ends_at = (now + timedelta(days=campaign.pop("days"))).isoformat()
        campaigns.create(
            session, shop, {**campaign, "starts_at": now.isoformat(), "ends_at": ends_at, "gifts": gifts}, now
        )
        _welcome(session, shop_id, made[_WELCOME], now)


def _live_the_past(environ: Mapping[str, str], shop_id: int) -> None:
    """Months of regulars for a shop that was just made."""
    with _app(environ):
        cli_demo_past.live(shop_id)


def _staff(environ: Mapping[str, str], shop_id: int) -> None:
    """Somebody who may sign in to the admin."""
    with _app(environ), transaction() as session:
        if session.execute(select(Staff.id).where(Staff.shop_id == shop_id).limit(1)).first() is None:
            accounts.create(
                session,
                shop_id,
                clock.now(),
                email=ADMIN_EMAIL,
                name="Kit Owner",
                password=ADMIN_PASSWORD,
                rights=Right,
            )


@contextmanager
def _app(environ: Mapping[str, str]) -> Iterator[None]:
    """The application for a moment: this process only watches over the others afterwards."""
    with create_app(environ).app_context():
        try:
            yield
        finally:
            db.engine.dispose()


def _command() -> str:
    """The `lagniappe` of the environment that runs this one."""
    beside = Path(sys.executable).with_name("lagniappe")
    found = str(beside) if beside.exists() else shutil.which("lagniappe")
    if found is None:
        raise ConfigError("The command `lagniappe` is not installed: run `make setup`.")
    return found


def _mail_port(folder: _Folder) -> int:
    """The port of the demo's mailbox: chosen once, so that mail finds its way after any restart; another if taken."""
    if folder.mail_port.exists():
        port = int(folder.mail_port.read_text())
        if _is_free("127.0.0.1", port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        chosen: int = probe.getsockname()[1]
    folder.mail_port.write_text(str(chosen))
    return chosen


def _require_free(host: str, port: int) -> None:
    if not _is_free(host, port):
        raise ConfigError(f"Nothing can listen on {host}:{port}: choose another --store-port.")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _await_seeds(store_url: str) -> None:
    """Wait until the store's own orders are accepted, so that whoever reads demo.json finds data behind it."""
    deadline = time.monotonic() + _SEEDS_LIMIT_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline:
            with suppress(requests.RequestException, ValueError):
                if session.get(f"{store_url}/state", timeout=2).json()["waiting"] == 0:
                    return
            time.sleep(_POLL_SECONDS)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """In one step and for this user's eyes: there are secrets in it."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    part.replace(path)


def _greeting(known: Mapping[str, Any], announcement: Path) -> str:
    rows = [
        ("The pretend store", known["store_url"]),
        ("Its mailbox", known["mailbox_url"]),
        ("Its orders desk", f"{known['store_url']}/desk"),
        ("What it sent", f"{known['store_url']}/sent"),
        ("Its discount codes", f"{known['store_url']}/discounts"),
        ("Lagniappe", known["base_url"]),
        ("The admin", f"{known['base_url']}/admin   {ADMIN_EMAIL} / {ADMIN_PASSWORD}"),
        ("The merchant API", f"{known['base_url']}/api/v1/docs"),
        ("Ids and keys", str(announcement)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = "\n".join(f"  {name:<{width}}   {address}" for name, address in rows)
    return (
        f"\n{lines}\n\n"
        f"  Open {known['store_url']} and take the seven steps on its first page:\n"
        "  buy, collect, wait three days, open the widget in the corner, read the mail, redeem a reward, use its code.\n"
        "  Ctrl-C stops everything and keeps the data.\n"
    )
