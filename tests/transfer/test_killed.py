"""Processes that are killed while they bring something in: whoever goes on, every row counts once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from backend.ledger import check
from backend.transfer import archive, exports, imports
from tests.conftest import TestShop
from tests.embedded.processes import eventually
from tests.transfer.conftest import Imports

HERE = Path(__file__).parent.parent.parent
WORK = (
    "import os; from backend.app import create_app; from backend.jobs import upkeep\n"
    "with create_app(os.environ).app_context(): upkeep.{job}()"
)
PEOPLE = 500
ROWS = 5 * imports.BATCH


@contextmanager
def working(environ: dict[str, str], job: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own that does this job; killed with signal 9 on the way out."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(job=job)], cwd=HERE, env={**os.environ, **environ, "PYTHONPATH": str(HERE)}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def many(bring: Imports) -> Imports:
    """A shop with many members."""
    bring.run("members", "id,email\n" + "".join(f"{n},m{n}@mail.example\n" for n in range(PEOPLE)))
    return bring


def test_a_worker_killed_within_an_import_leaves_no_row_out_and_takes_none_twice(
    many: Imports, environ: dict[str, str]
) -> None:
    rows = "id,points\n" + "".join(f"{n % PEOPLE},{n % 7 + 1}\n" for n in range(ROWS))
    many.upload("balances", rows)
    many.start()
    for _ in range(2):
        before = many.now.rows_done
        with working(environ, "import_rows"):
            # killed right after a batch was committed: in the middle of the next one
            eventually(lambda before=before: many.now.rows_done > before)  # type: ignore[misc]
        assert many.now.rows_done % imports.BATCH == 0
    assert many.now.state == "running", "killed too late to be of any use"
    upkeep.import_rows()
    report = many.report()
    assert [line for line, _, _ in report] == list(range(2, ROWS + 2))
    assert {what for _, what, _ in report} == {"made"}
    with transaction() as session:
        given = session.execute(
            text("select count(*), sum(points) from entry where shop_id = :shop"), {"shop": many.shop.id}
        ).one()
        assert tuple(given) == (ROWS, sum(n % 7 + 1 for n in range(ROWS)))
    with transaction() as session:
        assert not check.check(session, clock.now(), clock.wall(), many.shop.id).violations


def test_a_worker_killed_within_a_restoring_leaves_nothing_and_another_one_brings_all_in(
    many: Imports, environ: dict[str, str], new_shop: Callable[..., TestShop]
) -> None:
    many.run("balances", "id,points\n" + "".join(f"{n % PEOPLE},{n % 7 + 1}\n" for n in range(ROWS)))
    other = new_shop()
    with transaction() as session:
        content = b"".join(archive.stream(many.shop.id, clock.now()))
        kept = imports.keep(session, other.id, "shop", "shop.zip", iter([content]), "Ada", clock.wall())
        exports.begin_restoring(session, other.id, kept, clock.wall())
    with psycopg.connect(environ["DATABASE_URL"]) as other_session, working(environ, "make_exports") as process:
        other_session.execute("lock table entry in share mode")  # so that it is killed in the midst of writing
        eventually(lambda: _is_writing() or process.poll() is not None)
    eventually(lambda: not _is_writing())
    assert _standing(other, kept) == ("running", 0)
    assert exports.work() == 0, "its lease is not over"
    with transaction() as session:
        session.execute(text("update transfer set next_at = :wall where id = :id"), {"wall": clock.wall(), "id": kept})
    assert exports.work() == 1
    assert _standing(other, kept) == ("done", PEOPLE)
    assert _balances(other) == _balances(many.shop)
    with transaction() as session:
        assert not check.check(session, clock.now(), clock.wall(), other.id).violations


def _is_writing() -> bool:
    with transaction() as session:
        return bool(
            session.execute(
                text(
                    "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                    " and xact_start is not null and query like 'insert into \"entry\" %' limit 1"
                )
            ).scalar()
        )


def _standing(shop: TestShop, transfer_id: int) -> tuple[str, int]:
    """The transfer's state, and how many members the shop has."""
    with transaction() as session:
        counted = session.execute(text("select count(*) from member where shop_id = :shop"), {"shop": shop.id})
        return imports.find(session, shop.id, transfer_id).state, int(counted.scalar_one())


def _balances(shop: TestShop) -> list[tuple[int, int]]:
    with transaction() as session:
        rows = session.execute(
            text("select member_id, available from account where shop_id = :shop order by 1"), {"shop": shop.id}
        )
        return [(row.member_id, row.available) for row in rows]
