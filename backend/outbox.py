"""Writing to the outbox: calls to platforms, mails and outgoing webhooks are rows first (design section 6).

The row is written in the transaction that decides on the call and is sent after its commit by `backend/jobs/outbox.py`.
No personal data belongs in a payload: the address, name and language of a member are looked up when the mail goes out,
so that an erased member gets nothing and nothing of theirs stays here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import text

from backend import clock
from backend.queue import enqueue_after_commit

SEND = "outbox.send"

_INSERT = text(
    """
    insert into outbox (shop_id, kind, key, payload, next_try_at, created_at)
    select shop_id, :kind, key, payload, :at, :at
    from jsonb_to_recordset(cast(:rows as jsonb)) as given (shop_id bigint, key text, payload jsonb)
    on conflict (shop_id, key) do nothing
    returning id
    """
)


def put(session: Any, shop_id: int, kind: str, key: str, payload: Mapping[str, Any]) -> bool:
    """Have this sent once the running transaction has committed.

    `kind` says what handles it ("mail"), `key` says what it is: a second row with the same key is the same call and is
    not written. True if it was new.
    """
    return put_all(session, kind, [(shop_id, key, payload)]) == 1


def put_all(session: Any, kind: str, rows: Iterable[tuple[int, str, Mapping[str, Any]]]) -> int:
    """`put` for many (shop_id, key, payload) in one statement; how many of them were new."""
    given = [{"shop_id": shop_id, "key": key, "payload": payload} for shop_id, key, payload in rows]
    if not given:
        return 0
    new = session.execute(_INSERT, {"kind": kind, "rows": orjson.dumps(given).decode(), "at": clock.wall()}).all()
    if new:
        enqueue_after_commit(SEND)
    return len(new)
