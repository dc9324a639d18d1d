"""The whole shop out as a zip and back in: the same balances to the point, and nothing that is secret."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import BadInput, Conflict
from backend.jobs import upkeep
from backend.ledger import check, posting
from backend.ledger.posting import Author
from backend.loyalty.members import members
from backend.transfer import archive, exports, imports
from backend.transfer.tables import LEFT, TAKEN
from tests.conftest import TestShop
from tests.transfer.conftest import Imports

ADA = Author("staff", "Ada")


@pytest.fixture
def rich(bring: Imports) -> TestShop:
    """A shop with members, lots, holds, debts, awards that wait, and somebody who was erased."""
    people = "id,email,First Name,verified,tags\n" + "".join(
        f"{n},m{n}@mail.example,=HYPERLINK({n}),{'yes' if n % 2 else 'no'},vip\n" for n in range(30)
    )
    bring.run("members", people)
    bring.run("balances", "id,points,expires_at\n" + "".join(f"{n},{n * 10 + 1},2090-01-01\n" for n in range(30)))
    shop, now = bring.shop, clock.now()
    with transaction() as session:
        ids = list(
            session.execute(text("select id from member where shop_id = :s order by id"), {"s": shop.id}).scalars()
        )
        common: dict[str, Any] = {"at": now, "author": ADA, "reason": "because", "why": {}}
        posting.hold(session, shop.id, ids[5], 7, key="hold", **common)
        spent = posting.spend(session, shop.id, ids[6], 9, key="spend", **common)
        assert spent is not None
        posting.give_back(session, shop.id, ids[6], spent, grace_days=7, **common)
        posting.claw_back(
            session, shop.id, ids[7], 500, at=now, key="claw", reason="r", why={}, order_id=None, program_version=None
        )
        posting.promise(
            session,
            shop.id,
            ids[8],
            40,
            at=now,
            key="promise",
            rule="order",
            reason="Order 1",
            why={"n": "1"},
            program_version=session.execute(
                text("select max(version) from program_version where shop_id = :s"), {"s": shop.id}
            ).scalar_one(),
            due_at=now,
            expires_at=None,
        )
        members.erase(session, shop.id, "29", now)
    return shop


def test_everything_comes_back_to_the_point(rich: TestShop, new_shop: Callable[..., TestShop]) -> None:
    before = _everything(rich.id)
    other = new_shop()
    with transaction() as session:
        exports.bring_in(session, other.id, io.BytesIO(_zip(rich.id)))
    after = _everything(other.id)
    for table in before:
        assert after[table] == before[table], table
    with transaction() as session:
        report = check.check(session, clock.now(), clock.wall(), other.id)
    assert not report.violations


def test_what_came_back_goes_on(rich: TestShop, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop()
    with transaction() as session:
        exports.bring_in(session, other.id, io.BytesIO(_zip(rich.id)))
    upkeep_points()
    with transaction() as session:
        member = members.enrol(session, other.id, "new", clock.now())
        assert member is not None
        posting.grant(
            session, other.id, member.id, 5, at=clock.now(), key="new", author=ADA, reason="r", why={}, expires_at=None
        )
        assert members.enrol(session, other.id, "29", clock.now()) is None, "an erased customer stays erased"
    with transaction() as session:
        assert not check.check(session, clock.now(), clock.wall(), other.id).violations


def test_a_second_time_is_refused(rich: TestShop, new_shop: Callable[..., TestShop]) -> None:
    other, content = new_shop(), _zip(rich.id)
    with transaction() as session:
        exports.bring_in(session, other.id, io.BytesIO(content))
    with pytest.raises(Conflict) as refused, transaction() as session:
        exports.bring_in(session, other.id, io.BytesIO(content))
    assert refused.value.code == "not_empty"


def test_no_secret_goes_out_and_no_cell_is_a_formula(rich: TestShop) -> None:
    content = _zip(rich.id)
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        whole = b"".join(opened.read(name) for name in opened.namelist()).decode()
        people = opened.read("csv/member.csv").decode()
        manifest = json.loads(opened.read("manifest.json"))
        exact = opened.read("data/member.jsonl").decode()
    for secret in (rich.made.webhook_secret, rich.made.identity_secret, rich.made.api_key, rich.facts.widget_key):
        assert secret not in whole
    assert "'=HYPERLINK(1)" in people
    assert ",=HYPERLINK" not in people
    assert '"=HYPERLINK(1)"' in exact
    assert manifest["tables"]["member"] == 30
    assert len(manifest["files"]) == len({each["name"] for each in manifest["files"]})


@pytest.mark.parametrize("broken", ["text", "cut", "changed", "other schema", "wrong rows"])
def test_a_file_that_is_not_whole_changes_nothing(
    rich: TestShop, new_shop: Callable[..., TestShop], broken: str
) -> None:
    content = _broken(_zip(rich.id), broken)
    other = new_shop()
    before = _everything(other.id)
    with pytest.raises(BadInput), transaction() as session:
        exports.bring_in(session, other.id, io.BytesIO(content))
    assert _everything(other.id) == before


def test_every_table_goes_out_or_is_said_to_stay(bring: Imports) -> None:
    with transaction() as session:
        found = set(
            session.execute(
                text(
                    "select c.table_name from information_schema.columns c join information_schema.tables t"
                    " using (table_schema, table_name) where c.table_schema = current_schema()"
                    " and c.column_name = 'shop_id' and t.table_type = 'BASE TABLE'"
                )
            ).scalars()
        )
    assert found == {each.name for each in TAKEN} | LEFT


def test_in_the_background_it_is_made_once_and_can_be_fetched(rich: TestShop) -> None:
    with transaction() as session:
        made = exports.ask(session, rich.id, "Ada", clock.now(), clock.wall())
    with pytest.raises(Conflict), transaction() as session:
        exports.ask(session, rich.id, "Ada", clock.now(), clock.wall())
    upkeep.make_exports()
    with transaction() as session:
        found = imports.find(session, rich.id, made)
    assert found.state == "done"
    content = b"".join(exports.content(rich.id, made))
    assert len(content) == found.file_bytes
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None


def test_an_export_that_was_killed_is_made_anew(rich: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction() as session:
        made = exports.ask(session, rich.id, "Ada", clock.now(), clock.wall())

    class KilledError(BaseException):
        pass

    def killed(*_: Any) -> Any:
        yield b"x" * (3 * 1024 * 1024)
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(archive, "stream", killed)
        with pytest.raises(KilledError):
            exports.work()
    assert exports.work() == 0, "its lease is not over"
    with transaction() as session:
        session.execute(text("update transfer set next_at = :at where id = :id"), {"at": clock.wall(), "id": made})
    assert exports.work() == 1
    with zipfile.ZipFile(io.BytesIO(b"".join(exports.content(rich.id, made)))) as opened:
        assert opened.testzip() is None


def test_an_uploaded_shop_is_brought_in_in_the_background(rich: TestShop, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop()
    with transaction() as session:
        kept = imports.keep(session, other.id, "shop", "shop.zip", iter([_zip(rich.id)]), "Ada", clock.wall())
        exports.begin_restoring(session, other.id, kept, clock.wall())
    upkeep.make_exports()
    with transaction() as session:
        assert imports.find(session, other.id, kept).state == "done"
    assert _everything(other.id)["account"] == _everything(rich.id)["account"]


def upkeep_points() -> None:
    from backend.jobs import points

    points.post_due()


def _zip(shop_id: int) -> bytes:
    return b"".join(archive.stream(shop_id, clock.now()))


def _everything(shop_id: int) -> dict[str, list[Any]]:
    found = {}
    with transaction() as session:
        for table in TAKEN:
            if table.name in ("former_shop", "birthday_round"):
                continue
            rows = session.execute(
                text(f"select to_jsonb(t) - 'shop_id' - 'referral_code' from {table.name} t where shop_id = :s"),
                {"s": shop_id},
            ).scalars()
            found[table.name] = sorted(map(json.dumps, rows))
    return found


def _broken(content: bytes, how: str) -> bytes:
    if how == "text":
        return b"hello"
    if how == "cut":
        return content[: len(content) // 2]
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            inside = old.read(name)
            if how == "changed" and name == "data/account.jsonl":
                inside = inside.replace(b'"available":1,', b'"available":9,', 1)
            if how == "other schema" and name == "manifest.json":
                inside = inside.replace(b'"schema_version": "', b'"schema_version": "x')
            if how == "wrong rows" and name == "data/account.jsonl":
                inside += b'{"member_id": 1}\n'
            new.writestr(name, inside)
    return out.getvalue()
