"""Imports from CSV: kept, looked at, tried out, and then taken over in batches that can be killed at any point.

A batch is one transaction: what its rows do, their report and how far the file has come. So whoever goes on after a
kill begins where the last batch ended, and no row is dealt with twice. Across files a row is known by its own key, or by
the file's hash and its number. A trial runs the same batches and takes back everything but the report.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import text

from backend.db import transaction
from backend.errors import BadInput, Conflict, NotFound, TooLarge
from backend.ledger.posting import AnySession, Author
from backend.loyalty import calendar_rules
from backend.loyalty.points.approvals import Person
from backend.loyalty.shops import shops
from backend.queue import enqueue_after_commit
from backend.spreadsheets import BYTE_ORDER_MARK, harmless
from backend.transfer import (
    csv_files,
    fields,
    files,
    importing_balances,
    importing_codes,
    importing_members,
    second_person,
)
from backend.transfer.outcomes import Outcome, Run

JOB = "upkeep.import_rows"
BATCH = 1000
MAX_ROWS = 1_000_000
MAX_SHOP_BYTES = 2_000_000_000
KEPT = timedelta(days=30)
"""How long a file that is not being imported is kept."""
KINDS = ("members", "balances", "codes")
TRIED = ("checking", "checked", "waiting")
"""In these states all that a report can be of is a trial."""

_DOERS = {
    "members": importing_members.take,
    "balances": importing_balances.take,
    "codes": importing_codes.take,
}


@dataclass(frozen=True)
class Transfer:
    """One import or export as it stands."""

    id: int
    kind: str
    state: str
    file_name: str
    file_hash: bytes | None
    file_bytes: int
    options: Mapping[str, Any]
    author: str
    staff_id: int | None
    approved_by: int | None
    approved_name: str | None
    created_at: datetime
    position: int
    line: int
    rows_done: int
    rows_total: int | None
    counts: Mapping[str, int]
    begun_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    problem: str | None

    @property
    def is_under_way(self) -> bool:
        return self.state in ("checking", "running")


_COLUMNS = """id, kind, state, file_name, file_hash, file_bytes, options, author, staff_id, approved_by,
    approved_name, created_at, position, line, rows_done, rows_total, counts, begun_at, finished_at, expires_at, problem"""


def find(session: AnySession, shop_id: int, transfer_id: int, *, lock: bool = False) -> Transfer:
    """The shop's transfer. Raises NotFound, the same for none and for another shop's."""
    row = (
        session.execute(
            text(
                f"select {_COLUMNS} from transfer where shop_id = :shop and id = :id{' for update' if lock else ''}"  # noqa: S608 - our own names
            ),
            {"shop": shop_id, "id": transfer_id},
        )
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound()
    return Transfer(**row)


def newest(session: AnySession, shop_id: int, kinds: tuple[str, ...], limit: int = 20) -> list[Transfer]:
    """The shop's last transfers of these kinds."""
    rows = session.execute(
        text(
            f"select {_COLUMNS} from transfer where shop_id = :shop and kind = any(:kinds)"  # noqa: S608 - our own names
            " and state <> 'uploading' order by id desc limit :limit"
        ),
        {"shop": shop_id, "kinds": list(kinds), "limit": limit},
    ).mappings()
    return [Transfer(**row) for row in rows]


def keep(
    session: AnySession,
    shop_id: int,
    kind: str,
    file_name: str,
    blocks: Iterator[bytes],
    author: str,
    wall: datetime,
    options: Mapping[str, Any] | None = None,
) -> int:
    """Store an uploaded file piece by piece and return the transfer's id. Raises BadInput for an empty file, TooLarge."""
    transfer_id: int = session.execute(
        text(
            "insert into transfer (shop_id, kind, state, file_name, author, created_at, expires_at, options)"
            " values (:shop, :kind, 'ready', :name, :author, :wall, :expires, '{}') returning id"
        ),
        {
            "shop": shop_id,
            "kind": kind,
            "name": " ".join(file_name.replace("\0", "").split())[-255:] or "file",
            "author": author,
            "wall": wall,
            "expires": wall + KEPT,
        },
    ).scalar_one()
    arriving, digest, size = csv_files.Arriving(), sha256(), 0
    largest = csv_files.MAX_BYTES if kind in KINDS else MAX_SHOP_BYTES

    def counted() -> Iterator[bytes]:
        nonlocal size
        for block in blocks:
            size += len(block)
            if size > largest:
                raise TooLarge(f"The file has more than {largest // 1_000_000} MB.")
            digest.update(block)
            yield block

    incoming = arriving.through(counted()) if kind in KINDS else counted()
    for number, piece in enumerate(files.in_pieces(incoming)):
        files.write(session, shop_id, transfer_id, number, piece)
    if size == 0:
        raise BadInput("The file is empty.", [{"field": "file", "message": "is empty"}])
    found = dict(options or {})
    if kind in KINDS:
        found |= _first_look(files.reader(session, shop_id, transfer_id), kind, arriving.encoding)
    session.execute(
        text(
            "update transfer set file_hash = :hash, file_bytes = :bytes, options = cast(:options as jsonb)"
            " where shop_id = :shop and id = :id"
        ),
        {
            "shop": shop_id,
            "id": transfer_id,
            "hash": digest.digest(),
            "bytes": size,
            "options": orjson.dumps(found).decode(),
        },
    )
    return transfer_id


def _first_look(read: files.Read, kind: str, encoding: str) -> dict[str, Any]:
    first = next(files.lines(files.pieces(read)), b"").decode(encoding, errors="replace")
    delimiter = fields.DELIMITER_OF_ONE_COLUMN if kind == "codes" and not any(
        sign in first for sign in csv_files.DELIMITERS
    ) else csv_files.guess_delimiter(first)  # fmt: skip
    heading = next(csv_files.rows(read, encoding, delimiter), None)
    cells = heading.cells if heading else ()
    has_heading = fields.has_heading(kind, cells)
    columns = fields.guess(kind, cells) if has_heading else {"code": 0}
    return {"encoding": encoding, "delimiter": delimiter, "heading": has_heading, "columns": columns}


def earlier_with(session: AnySession, shop_id: int, transfer: Transfer) -> Transfer | None:
    """An import of the very same file that was begun before."""
    row = (
        session.execute(
            text(
                f"select {_COLUMNS} from transfer where shop_id = :shop and file_hash = :hash and id <> :id"  # noqa: S608 - our own names
                " and kind = :kind and state in ('running', 'done', 'cancelled') order by id desc limit 1"
            ),
            {"shop": shop_id, "hash": transfer.file_hash, "id": transfer.id, "kind": transfer.kind},
        )
        .mappings()
        .first()
    )
    return None if row is None else Transfer(**row)


def rows_of(session: AnySession, shop_id: int, transfer: Transfer) -> Iterator[csv_files.Row]:
    """The file's rows from where it has come to on, without its heading and what is empty at its end."""
    options = transfer.options
    found = csv_files.rows(
        files.reader(session, shop_id, transfer.id),
        options["encoding"],
        options["delimiter"],
        transfer.position,
        transfer.line,
    )
    return islice(found, 1, None) if options["heading"] and transfer.position == 0 else found


def headings(session: AnySession, shop_id: int, transfer: Transfer) -> list[str]:
    """What the columns are called; without a heading by their numbers."""
    options = transfer.options
    read = files.reader(session, shop_id, transfer.id)
    first = next(csv_files.rows(read, options["encoding"], options["delimiter"]), None)
    cells = first.cells if first else ()
    return [
        (cell.removeprefix("\ufeff").strip()[:80] if options["heading"] else "") or f"Column {place}"
        for place, cell in enumerate(cells[:200], start=1)
    ]


def set_options(session: AnySession, shop_id: int, transfer_id: int, changes: Mapping[str, Any]) -> None:
    """Read the file another way. Raises Conflict once it is being imported."""
    transfer = find(session, shop_id, transfer_id, lock=True)
    if transfer.state not in ("ready", "checked"):
        raise Conflict("This import has begun: how its file is read cannot be changed any more.")
    columns = changes.get("columns", transfer.options["columns"])
    missing = [each.label for each in fields.FIELDS[transfer.kind] if each.is_needed and each.name not in columns]
    if transfer.kind == "balances" and not {"external_id", "email"} & set(columns):
        missing.append("The store's customer id or the e-mail address")
    if missing:
        raise BadInput(f"Choose the column for: {', '.join(missing)}.")
    session.execute(
        text(
            "update transfer set options = options || cast(:changes as jsonb), state = 'ready', counts = '{}',"
            " rows_total = null where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": transfer_id, "changes": orjson.dumps(dict(changes)).decode()},
    )


def begin(
    session: AnySession, shop_id: int, transfer_id: int, wall: datetime, *, trial: bool, person: Person | None = None
) -> bool:
    """Have the file imported, or tried out, from its first row on; False if somebody else has to let it in first:
    then it is tried out, and waits.

    `person` answers for it from now on; None is a program. Raises Conflict if it was begun, or is being.
    """
    transfer = find(session, shop_id, transfer_id, lock=True)
    if transfer.state not in ("ready", "checked"):
        raise Conflict("This import has begun already.")
    set_options(session, shop_id, transfer_id, {})
    waits = not trial and person is not None and second_person.is_needed(session, shop_id, transfer.kind)
    if trial or waits:
        session.execute(
            text("delete from transfer_report where shop_id = :shop and transfer_id = :id"),
            {"shop": shop_id, "id": transfer_id},
        )
    session.execute(
        text(
            "update transfer set state = :state, next_at = :wall, position = 0, line = 0, rows_done = 0, counts = '{}',"
            " options = case when :waits then options || '{\"asked\": true}' else options end,"
            " begun_at = :wall, author = coalesce(:name, author), staff_id = coalesce(:staff, staff_id)"
            " where shop_id = :shop and id = :id"
        ),
        {
            "state": "checking" if trial or waits else "running",
            "waits": waits,
            "wall": wall,
            "name": person.name if person else None,
            "staff": person.id if person else None,
            "shop": shop_id,
            "id": transfer_id,
        },
    )
    enqueue_after_commit(JOB)
    return not waits


def approve(session: AnySession, shop_id: int, transfer_id: int, person: Person, wall: datetime) -> None:
    """A second person lets it in. Raises NotFound; Conflict `decided`, `own_request`, `asker_gone`."""
    transfer = find(session, shop_id, transfer_id, lock=True)
    if transfer.state != "waiting":
        raise Conflict("This import does not wait for anybody any more.", code="decided")
    second_person.refuse_same(session, shop_id, person.id, transfer.staff_id)
    session.execute(
        text(
            "update transfer set state = 'running', next_at = :wall, begun_at = :wall, counts = '{}',"
            " position = 0, line = 0, rows_done = 0, approved_by = :person, approved_name = :name"
            " where shop_id = :shop and id = :id"
        ),
        {"wall": wall, "person": person.id, "name": person.name, "shop": shop_id, "id": transfer_id},
    )
    enqueue_after_commit(JOB)


def cancel(session: AnySession, shop_id: int, transfer_id: int, wall: datetime) -> None:
    """Stop after the batch that is under way. What was imported stays, and so does its report."""
    transfer = find(session, shop_id, transfer_id, lock=True)
    if not transfer.is_under_way and transfer.state not in ("ready", "checked", "waiting"):
        raise Conflict("This import has ended already.")
    session.execute(
        text(
            "update transfer set state = 'cancelled', next_at = null, finished_at = :wall where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": transfer_id, "wall": wall},
    )


def step(
    session: AnySession,
    now: datetime,
    wall: datetime,
    ended: Callable[[AnySession, int, Transfer], None] = lambda session, shop_id, transfer: None,
) -> int:
    """The next batch of whichever import waits longest; how many rows it had, at least 1 while there is an import.

    `ended` is called in the same transaction for an import that is over now.
    """
    waiting = session.execute(
        text(
            "select shop_id, id from transfer where next_at <= :wall and kind in ('members', 'balances', 'codes')"
            " order by next_at limit 1 for update skip locked"
        ),
        {"wall": wall},
    ).first()
    if waiting is None:
        return 0
    shop_id, transfer = waiting.shop_id, find(session, waiting.shop_id, waiting.id)
    batch = list(islice(rows_of(session, shop_id, transfer), BATCH))
    rows = [row for row in batch if not row.is_empty]
    done = transfer.rows_done + len(rows)
    problem = f"The file has more than {MAX_ROWS:,} rows; the rest was not imported." if done > MAX_ROWS else None
    if rows and problem is None:
        _write(session, shop_id, transfer, rows, now)
    is_over = len(batch) < BATCH or problem is not None
    is_trial = transfer.state == "checking"
    session.execute(
        text(
            """
            update transfer set position = :position, line = :line, rows_done = :done,
                state = case when :is_over then :end else state end,
                next_at = case when :is_over then null else cast(:wall as timestamptz) end,
                rows_total = case when :is_over then :done else rows_total end,
                finished_at = case when :is_over and not :is_trial then cast(:wall as timestamptz) end,
                problem = :problem
            where shop_id = :shop and id = :id
            """
        ),
        {
            "shop": shop_id,
            "id": transfer.id,
            "position": batch[-1].ends if batch else transfer.position,
            "line": batch[-1].line + batch[-1].lines - 1 if batch else transfer.line,
            "done": done,
            "is_over": is_over,
            "is_trial": is_trial,
            "end": ("waiting" if transfer.options.get("asked") else "checked")
            if is_trial
            else "failed"
            if problem
            else "done",
            "wall": wall,
            "problem": problem,
        },
    )
    if is_over and not is_trial:
        ended(session, shop_id, find(session, shop_id, transfer.id))
    return max(len(rows), 1)


def _write(session: AnySession, shop_id: int, transfer: Transfer, rows: list[csv_files.Row], now: datetime) -> None:
    shop = shops.facts(shop_id)
    run = Run(
        shop=shop,
        transfer_id=transfer.id,
        file_hash=(transfer.file_hash or b"").hex(),
        first_row=transfer.rows_done + 1,
        options=transfer.options,
        author=Author("staff", _authors(transfer)),
        now=now,
        reading=fields.Reading(
            calendar_rules.timezone(shop.timezone),
            transfer.options.get("dates", ""),
            bool(transfer.options.get("decimal_comma")),
        ),
        people=tuple(each for each in (transfer.staff_id, transfer.approved_by) if each is not None),
    )
    good: list[tuple[int, dict[str, Any]]] = []
    outcomes: dict[int, Outcome] = {}
    for place, row in enumerate(rows):
        if row.wrong is not None:
            outcomes[place] = Outcome("refused", row.wrong)
            continue
        try:
            good.append((place, fields.read(transfer.kind, transfer.options["columns"], row.cells, run.reading)))
        except ValueError as error:
            outcomes[place] = Outcome("refused", str(error))
    if transfer.state == "checking":
        savepoint = session.begin_nested()
        outcomes |= _DOERS[transfer.kind](session, run, good)
        savepoint.rollback()
    else:
        outcomes |= _DOERS[transfer.kind](session, run, good)
    report = [
        [row.line, outcomes[place].what, outcomes[place].why, outcomes[place].about[:255]]
        for place, row in enumerate(rows)
    ]
    counts = Counter(each[1] for each in report)
    for each in outcomes.values():
        counts["points_in"] += max(each.points, 0)
        counts["points_out"] += max(-each.points, 0)
    session.execute(
        text(
            """
            with kept as (
                insert into transfer_report (shop_id, transfer_id, number, is_trial, rows)
                values (:shop, :id, :number, :is_trial, cast(:rows as jsonb))
            )
            update transfer set counts = cast(:counts as jsonb) where shop_id = :shop and id = :id
            """
        ),
        {
            "shop": shop_id,
            "id": transfer.id,
            "number": run.first_row,
            "is_trial": transfer.state == "checking",
            "rows": orjson.dumps(report).decode(),
            "counts": orjson.dumps(dict(Counter(transfer.counts) + counts)).decode(),
        },
    )


def _authors(transfer: Transfer) -> str:
    """As entries name them."""
    return f"{transfer.author}, approved by {transfer.approved_name}" if transfer.approved_name else transfer.author


def report(shop_id: int, transfer: Transfer) -> Iterator[bytes]:
    """The report per row as CSV, in pieces: of the import, or of its trial while that is all there is.

    Each piece is read in a transaction of its own: whoever downloads it slowly holds nothing.
    """
    yield BYTE_ORDER_MARK.encode() + _csv([["line", "result", "about", "note"]])
    after = -1
    while True:
        with transaction() as session:
            batch = session.execute(
                text(
                    "select number, rows from transfer_report where shop_id = :shop and transfer_id = :id"
                    " and is_trial = :is_trial and number > :after order by number limit 1"
                ),
                {
                    "shop": shop_id,
                    "id": transfer.id,
                    "is_trial": transfer.state in TRIED,
                    "after": after,
                },
            ).first()
        if batch is None:
            return
        after = batch.number
        yield _csv([line, what, harmless(about), harmless(why)] for line, what, why, about in batch.rows)


def first_refused(session: AnySession, shop_id: int, transfer: Transfer, limit: int = 50) -> list[list[Any]]:
    """The first rows that were refused: line, result, why, about."""
    rows = session.execute(
        text(
            "select r.row from transfer_report t"
            " cross join lateral jsonb_array_elements(t.rows) with ordinality as r (row, n)"
            " where t.shop_id = :shop and t.transfer_id = :id and t.is_trial = :is_trial and r.row ->> 1 = 'refused'"
            " order by t.number, r.n limit :limit"
        ),
        {
            "shop": shop_id,
            "id": transfer.id,
            "is_trial": transfer.state in TRIED,
            "limit": limit,
        },
    ).scalars()
    return list(rows)


def _csv(rows: Any) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def rewound(transfer: Transfer) -> Transfer:
    """The same, at its first row."""
    return replace(transfer, position=0, line=0)
