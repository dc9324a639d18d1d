"""The commands of contract section 1, as a person at a shell meets them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.pool import Pool

from backend import clock
from backend.cli import main
from backend.db import transaction
from backend.loyalty.shops import shops
from backend.staff import accounts
from backend.staff.rights import Right
from tests.conftest import TestShop

Run = Callable[..., Any]

CREATE = ["shop", "create", "--platform", "custom", "--name", "N", "--domain", "shop.example"]
CREATE += ["--currency", "EUR", "--timezone", "Europe/Paris", "--locale", "fr"]


@pytest.fixture
def run(app: object, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str, status: int = 0, stdin: str | None = None) -> Any:
        done = CliRunner().invoke(main, arguments, input=stdin)
        assert done.exit_code == status, done.output
        shops.forget_facts()
        return json.loads(done.stdout) if status == 0 else done.stderr

    return command


def test_a_new_shop_prints_its_addresses_and_secrets(run: Run) -> None:
    made = run(*CREATE)
    assert set(made) == {
        "shop_id",
        "webhook_url",
        "webhook_secret",
        "widget_key",
        "identity_secret",
        "api_key",
        "admin_login_url",
    }
    assert made["webhook_url"].endswith(f"/webhooks/custom/{made['shop_id']}")
    assert made["webhook_secret"].startswith("whsec_")


def test_a_command_leaves_no_connection_to_the_database_behind(run: Run) -> None:
    """Nor does one that is refused."""
    opened: list[object] = []
    closed: list[object] = []

    def note_opened(connection: object, _: object) -> None:
        opened.append(connection)

    def note_closed(connection: object, _: object) -> None:
        closed.append(connection)

    event.listen(Pool, "connect", note_opened)
    event.listen(Pool, "close", note_closed)
    try:
        run(*CREATE)
        run("program", "show", "--shop", "999999999", status=1)
    finally:
        event.remove(Pool, "connect", note_opened)
        event.remove(Pool, "close", note_closed)
    assert len(opened) >= 2
    assert closed == opened


@pytest.mark.parametrize(
    "option, value, word",
    [
        ("--currency", "EURO", "EURO"),
        ("--timezone", "Mars/Olympus", "Mars/Olympus"),
        ("--platform", "nowhere", "platform"),
        ("--domain", "https://user@evil/path", "domain"),
        ("--domain", "Maison Lagniappe", "Maison Lagniappe"),
        ("--domain", "*.shop.example", "*.shop.example"),
        ("--locale", "xx!!", "xx!!"),
        ("--name", " ", "name"),
        ("--name", "n" * 256, "name"),
        ("--discounts-url", "ftp://shop.example/codes", "ftp://shop.example/codes"),
        ("--discounts-url", "codes", "codes"),
    ],
)
def test_a_wrong_fact_is_named_in_one_sentence(run: Run, option: str, value: str, word: str) -> None:
    arguments = [*CREATE, "--discounts-url", "https://shop.example/codes"]
    arguments[arguments.index(option) + 1] = value
    said = run(*arguments, status=1)
    assert word in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "given, kept",
    [
        ("Shop.Example", "shop.example"),
        ("https://shop.example/", "shop.example"),
        ("shop.example:443", "shop.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://localhost:80", "http://localhost"),
        ("[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_a_domain_is_kept_as_browsers_name_it(given: str, kept: str) -> None:
    assert shops.check_domain(given, rehearsal=True) == kept


def test_the_program_is_shown_set_and_shown_again(run: Run, tmp_path: Path) -> None:
    shop_id = run(*CREATE)["shop_id"]
    settings = run("program", "show", "--shop", shop_id)
    assert settings["expiry"]["kind"] == "never"
    file = tmp_path / "program.json"
    file.write_text(json.dumps(settings | {"expiry": {"kind": "days", "days": 30}}))
    run("program", "set", "--shop", shop_id, str(file))
    assert run("program", "show", "--shop", shop_id)["expiry"] == {"kind": "days", "days": 30, "grace_days": 7}


@pytest.mark.parametrize(
    "document, word",
    [
        ('{"frob": 1}', "frob"),
        ('{"earn": {"spend_step": "-1"}}', "spend_step"),
        ("[]", "object"),
        ('{"rules": [{"id": "order", "kind": "signup", "points": 1, "title": {"en": "x"}}]}', "order"),
        ('{"a":1,"a":2}', "a"),
    ],
)
def test_a_wrong_program_is_refused_by_name_and_changes_nothing(run: Run, document: str, word: str) -> None:
    shop_id = run(*CREATE)["shop_id"]
    before = run("program", "show", "--shop", shop_id)
    said = run("program", "set", "--shop", shop_id, "-", status=1, stdin=document)
    assert word in said
    assert len(said.splitlines()) == 1
    assert run("program", "show", "--shop", shop_id) == before


def test_a_shop_that_does_not_exist_is_said_so(run: Run) -> None:
    for command in (["program", "show"], ["ledger", "check"], ["webhooks", "list"], ["webhooks", "replay"]):
        assert "99999999" in run(*command, "--shop", "99999999", status=1)


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("DATABASE_URL", "postgresql://127.0.0.1:1/nowhere", "DATABASE_URL"),
        ("SENTRY_DSN", "nonsense", "SENTRY_DSN"),
    ],
)
def test_a_server_that_does_not_answer_and_a_malformed_setting_are_named_in_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    answer = run("ledger", "check", status=1)
    assert said in answer
    assert len(answer.splitlines()) == 1


def test_a_database_without_our_tables_is_said_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", environ["DATABASE_URL"].replace("@/lagniappe", "@/postgres"))
    assert run("ledger", "check", status=1) == "Error: The database has no tables yet: run lagniappe migrate first.\n"


def test_the_first_command_of_a_new_data_folder_makes_its_tables(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAGNIAPPE_DATA_DIR", str(tmp_path / "data"))
    assert run("ledger", "check") == {"members": 0, "entries": 0, "violations": []}


def test_the_webhooks_that_arrived_are_listed_and_the_failed_ones_replayed(run: Run, shop: TestShop) -> None:
    shop.post(b"hello", "msg_bad")
    (item,) = run("webhooks", "list", "--shop", str(shop.id))["items"]
    assert (item["delivery_id"], item["state"]) == ("msg_bad", "rejected")
    assert run("webhooks", "replay", "--shop", str(shop.id)) == {"replayed": 0}


def test_a_read_only_key_may_look_and_not_touch(run: Run, shop: TestShop, client: FlaskClient) -> None:  # S3.26
    made = run("key", "create", "--shop", str(shop.id), "--label", "till")
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    assert client.get("/api/v1/members", headers=headers).status_code == 200
    wish = {"points": 5, "reason": "x"}
    assert client.post("/api/v1/members/1/adjustments", json=wish, headers=headers).status_code == 403
    assert run("key", "revoke", "--shop", str(shop.id), "--label", "till") == {"revoked": 1}
    assert client.get("/api/v1/members", headers=headers).status_code == 401


class TestStaff:
    def test_a_new_shops_owner_comes_in_by_the_printed_link(self, run: Run, client: FlaskClient) -> None:
        made = run(*CREATE)
        page = client.get(urlsplit(made["admin_login_url"]).path)
        assert page.status_code == 200
        assert "Welcome to Lagniappe" in page.text

    def test_somebody_is_invited_with_a_link_and_listed(self, run: Run, shop: TestShop, client: FlaskClient) -> None:
        email = f"cli.of{shop.id}@shop.example"
        made = run(
            "staff", "invite", "--shop", str(shop.id), "--email", email, "--name", "Cleo", "--role", "Accountant"
        )
        assert client.get(urlsplit(made["url"]).path).status_code == 200
        (listed,) = run("staff", "list", "--shop", str(shop.id))
        assert listed == {
            "email": email,
            "name": "Cleo",
            "status": "invited",
            "role": "Accountant",
            "two_factor": False,
        }

    def test_whoever_is_locked_out_gets_a_link(self, run: Run, shop: TestShop, client: FlaskClient) -> None:
        email = f"locked.of{shop.id}@shop.example"
        with transaction() as session:
            accounts.create(
                session, shop.id, clock.now(), email=email, name="Lou", password="p" * 12, rights=[Right.STAFF]
            )
        made = run("staff", "reset", "--shop", str(shop.id), "--email", email, "--two-factor")
        assert client.get(urlsplit(made["url"]).path).status_code == 200

    def test_an_unknown_shop_or_address_is_said(self, run: Run, shop: TestShop) -> None:
        assert run("staff", "list", "--shop", "999999999", status=1) == "Error: There is no shop 999999999.\n"
        error = run("staff", "reset", "--shop", str(shop.id), "--email", "no@shop.example", status=1)
        assert error == "Error: Nobody on the team has the address no@shop.example.\n"


class TestEndpoints:
    URL = "https://erp.shop.example/lagniappe"

    def test_one_hears_of_everything_or_of_what_it_asks_for_and_its_secret_is_shown_once(
        self, run: Run, shop: TestShop
    ) -> None:
        made = run("endpoints", "add", "--shop", str(shop.id), "--url", self.URL, "--description", "The ERP")
        some = run("endpoints", "add", "--shop", str(shop.id), "--url", self.URL, "--type", "points.earned")
        assert made.pop("secret").startswith("whsec_") and some.pop("secret").startswith("whsec_")
        assert (made["url"], made["description"], made["state"]) == (self.URL, "The ERP", "active")
        assert (len(made["types"]), some["types"]) == (13, ["points.earned"])
        assert run("endpoints", "list", "--shop", str(shop.id)) == {"items": [made, some]}

        run("endpoints", "remove", "--shop", str(shop.id), "--id", made["id"])
        assert run("endpoints", "list", "--shop", str(shop.id)) == {"items": [some]}

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["add", "--url", "ftp://erp.shop.example"], "http"),
            (["add", "--url", URL, "--type", "points.lost"], "points.lost"),
            (["remove", "--id", "999999999"], "999999999"),
        ],
    )
    def test_what_is_wrong_is_said_in_one_sentence(
        self, run: Run, shop: TestShop, arguments: list[str], word: str
    ) -> None:
        said = run("endpoints", arguments[0], "--shop", str(shop.id), *arguments[1:], status=1)
        assert word in said
        assert len(said.splitlines()) == 1

    def test_an_unknown_shop_is_said(self, run: Run) -> None:
        assert run("endpoints", "list", "--shop", "999999999", status=1) == "Error: There is no shop 999999999.\n"
