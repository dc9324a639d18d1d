"""Exports that are made in the background, and shops that are brought in there.

Either runs in one go: a snapshot cannot be taken up again. Whoever works on one holds a lease that each bit of progress
prolongs; after a kill somebody else begins anew, and what the first one might still write is refused.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import uuid4

import psycopg
from sqlalchemy import text

from backend import clock
from backend.db import after_commit, transaction
from backend.errors import Conflict, LagniappeError
from backend.ledger.posting import AnySession
from backend.loyalty.program import programs
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.queue import enqueue_after_commit
from backend.transfer import archive, files, restoring
from backend.transfer.imports import Transfer, find

JOB = "upkeep.make_exports"
KEPT = timedelta(days=7)
LEASE = timedelta(minutes=10)


class LostError(Exception):
    """Somebody else has begun with it anew, or it was cancelled."""


def ask(session: AnySession, shop_id: int, author: str, now: datetime, wall: datetime) -> int:
    """Have the whole shop exported; the transfer's id. Raises Conflict while another export is being made."""
    session.execute(text("select 1 from shop where id = :shop for update"), {"shop": shop_id})
    is_busy = session.execute(
        text("select 1 from transfer where shop_id = :shop and kind = 'export' and state = 'running'"),
        {"shop": shop_id},
    ).first()
    if is_busy:
        raise Conflict("An export is being made already.")
    made: int = session.execute(
        text(
            "insert into transfer (shop_id, kind, state, file_name, author, created_at, next_at)"
            " values (:shop, 'export', 'running', :name, :author, :wall, :wall) returning id"
        ),
        {"shop": shop_id, "name": f"shop-{shop_id}-{now:%Y-%m-%d-%H%M}.zip", "author": author, "wall": wall},
    ).scalar_one()
    enqueue_after_commit(JOB)
    return made


def begin_restoring(session: AnySession, shop_id: int, transfer_id: int, wall: datetime) -> None:
    """Have an uploaded shop brought in. Raises Conflict if it was, or is being."""
    if find(session, shop_id, transfer_id, lock=True).state != "ready":
        raise Conflict("This file is being brought in already.")
    session.execute(
        text("update transfer set state = 'running', next_at = :wall where shop_id = :shop and id = :id"),
        {"shop": shop_id, "id": transfer_id, "wall": wall},
    )
    enqueue_after_commit(JOB)


def cancel(session: AnySession, shop_id: int, transfer_id: int, wall: datetime) -> None:
    """Make no more of it. Raises Conflict if it has ended."""
    if find(session, shop_id, transfer_id, lock=True).state not in ("running", "ready"):
        raise Conflict("This has ended already.")
    session.execute(
        text(
            "update transfer set state = 'cancelled', next_at = null, run = null, finished_at = :wall"
            " where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": transfer_id, "wall": wall},
    )
    files.drop(session, shop_id, transfer_id)


def work() -> int:
    """Make the export, or bring in the shop, that waits longest. Holds its own connections; 0 if none waits."""
    run = uuid4()
    wall = clock.wall()
    with transaction() as session:
        row = session.execute(
            text(
                """
                update transfer t set run = :run, next_at = :lease, rows_done = 0
                from (select shop_id, id from transfer where next_at <= :wall and kind in ('export', 'shop')
                      order by next_at limit 1 for update skip locked) w
                where t.shop_id = w.shop_id and t.id = w.id returning t.shop_id, t.id
                """
            ),
            {"run": run, "wall": wall, "lease": wall + LEASE},
        ).first()
        if row is None:
            return 0
        transfer = find(session, row.shop_id, row.id)
        if transfer.kind == "export":
            files.drop(session, row.shop_id, transfer.id)
    ours = _Ours(row.shop_id, transfer, run)
    try:
        if transfer.kind == "export":
            ours.export()
        else:
            ours.restore()
    except LostError:
        pass
    except LagniappeError as error:
        ours.end("failed", error.detail)
    return 1


class _Ours:
    """What a worker does with a transfer as long as it is its own."""

    def __init__(self, shop_id: int, transfer: Transfer, run: Any) -> None:
        self.shop_id = shop_id
        self.transfer = transfer
        self.run = run
        self._noted = 0.0

    def export(self) -> None:
        with archive.connect() as line:
            line.autocommit = True
            size = 0
            blocks = archive.stream(self.shop_id, clock.now(), self.progress(line))
            for number, piece in enumerate(files.in_pieces(blocks)):
                size += len(piece)
                self._write(line, number, piece)
        self.end("done", size=size)

    def restore(self) -> None:
        with tempfile.TemporaryFile() as copy, archive.connect() as line, archive.connect() as note:
            note.autocommit = True
            with transaction() as session:
                for piece in files.pieces(files.reader(session, self.shop_id, self.transfer.id)):
                    copy.write(piece)
            restoring.take_over_settings(note, self.shop_id, restoring.describe(copy))
            counts = restoring.restore(line, self.shop_id, copy, self.progress(note))
            self._hold(line)  # the lease and the rows end together
            line.execute(
                "update transfer set state = 'done', next_at = null, finished_at = %s, rows_done = %s, rows_total = %s"
                " where shop_id = %s and id = %s",
                [clock.wall(), sum(counts.values()), sum(counts.values()), self.shop_id, self.transfer.id],
            )
            line.commit()
        forget_what_was_known()

    def progress(self, line: psycopg.Connection[Any]) -> Callable[[int, int], None]:
        def note(done: int, total: int) -> None:
            if time.monotonic() - self._noted < 1 and done:
                return
            self._noted = time.monotonic()
            noted = line.execute(
                "update transfer set rows_done = %s, rows_total = %s, next_at = %s"
                " where shop_id = %s and id = %s and run = %s and state = 'running'",
                [done, total, clock.wall() + LEASE, self.shop_id, self.transfer.id, self.run],
            )
            if noted.rowcount == 0:
                raise LostError

        return note

    def _hold(self, line: psycopg.Connection[Any]) -> None:
        held = line.execute(
            "select 1 from transfer where shop_id = %s and id = %s and run = %s and state = 'running' for update",
            [self.shop_id, self.transfer.id, self.run],
        )
        if held.fetchone() is None:
            raise LostError

    def _write(self, line: psycopg.Connection[Any], number: int, piece: bytes) -> None:
        with line.transaction():
            self._hold(line)
            line.execute(
                "insert into transfer_chunk (shop_id, transfer_id, number, content) values (%s, %s, %s, %s)",
                [self.shop_id, self.transfer.id, number, piece],
            )

    def end(self, state: str, problem: str | None = None, size: int | None = None) -> None:
        wall = clock.wall()
        with transaction() as session:
            session.execute(
                text(
                    "update transfer set state = :state, next_at = null, problem = :problem, finished_at = :wall,"
                    " expires_at = :expires, rows_done = case when :state = 'done' then rows_total else rows_done end,"
                    " file_bytes = coalesce(:size, file_bytes) where shop_id = :shop and id = :id and run = :run"
                    " and state = 'running'"
                ),
                {
                    "state": state,
                    "problem": problem,
                    "wall": wall,
                    "expires": wall + KEPT,
                    "size": size,
                    "shop": self.shop_id,
                    "id": self.transfer.id,
                    "run": self.run,
                },
            )


def content(shop_id: int, transfer_id: int) -> Iterator[bytes]:
    """The bytes of an export, a piece in each transaction: whoever downloads it slowly holds nothing."""
    number = 0
    while True:
        with transaction() as session:
            piece = files.reader(session, shop_id, transfer_id)(number)
        if piece is None:
            return
        yield piece
        number += 1


def look_at(file: IO[bytes]) -> None:
    """Raises BadInput for what is not an exported shop."""
    restoring.describe(file)


def bring_in(session: AnySession, shop_id: int, file: IO[bytes]) -> dict[str, int]:
    """Bring a shop in within this transaction; rows by table. Raises as `restoring.restore` does."""
    session.flush()
    session.execute(text("set local statement_timeout = 0"))
    line: Any = session.connection().connection.driver_connection
    counts = restoring.restore(line, shop_id, file)
    after_commit(forget_what_was_known)
    return counts


def known_as(session: AnySession, former_id: int, domain: str) -> int | None:
    """The shop of this server that was brought in from that one."""
    found: int | None = session.execute(
        text(
            "select f.shop_id from former_shop f join shop s on s.id = f.shop_id"
            " where f.former_id = :former and s.domain = :domain order by 1 limit 1"
        ),
        {"former": former_id, "domain": domain},
    ).scalar()
    return found


def purge(session: AnySession, wall: datetime, limit: int) -> int:
    """Drop the bytes of files whose time is over, and what was uploaded and never begun."""
    old = session.execute(
        text("select shop_id, id from transfer where expires_at <= :wall order by expires_at limit :limit for update"),
        {"wall": wall, "limit": limit},
    ).all()
    for each in old:
        files.drop(session, each.shop_id, each.id)
        session.execute(
            text(
                "update transfer set expires_at = null, state = case when state in ('ready', 'checked', 'waiting')"
                " then 'cancelled' else state end where shop_id = :shop and id = :id"
            ),
            {"shop": each.shop_id, "id": each.id},
        )
    return len(old)


def forget_what_was_known() -> None:
    """Drop what this process knows of shops, programs and rewards."""
    shops.forget_facts()
    programs.forget_current()
    rewards.forget_current()
