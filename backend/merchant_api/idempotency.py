"""Idempotency-Key: the same request twice has one effect and one answer.

The answer is stored in the transaction of the effect, under a row that is inserted first: a second request with the key
waits at that row until the first has committed, and then reads its answer. Refusals of the rules (409) are remembered
like successes; bad input is not, since it has no effect and can be corrected under the same key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated

import orjson
from pydantic import Field
from sqlalchemy import text

from backend.errors import Conflict, IdempotencyKeyReused
from backend.ledger.posting import AnySession

Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
"""Any printable ASCII without spaces; a UUID is best."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it goes over the wire."""

    status: int
    body: bytes
    is_repeated: bool = False


def once(
    session: AnySession, shop_id: int, scope: str, key: str, request: bytes, wall: datetime, act: Callable[[], Reply]
) -> Reply:
    """What `act` answers, or what it answered when `key` was first used in `scope`.

    `scope` says who asked for what, `request` what was sent with it. Raises IdempotencyKeyReused if that was something
    else.
    """
    request_hash = sha256(request).digest()
    names = {"shop": shop_id, "scope": scope, "key": key}
    is_first = session.execute(
        text(
            "insert into remembered_answer (shop_id, scope, key, request_hash, status, body, created_at)"
            " values (:shop, :scope, :key, :hash, 0, '', :wall) on conflict do nothing returning true"
        ),
        {**names, "hash": request_hash, "wall": wall},
    ).scalar()
    if not is_first:
        known = session.execute(
            text(
                "select request_hash, status, body from remembered_answer"
                " where shop_id = :shop and scope = :scope and key = :key"
            ),
            names,
        ).one()
        if bytes(known.request_hash) != request_hash:
            raise IdempotencyKeyReused("This Idempotency-Key was sent before with another body.")
        return Reply(known.status, known.body.encode(), is_repeated=True)
    try:
        with session.begin_nested():
            reply = act()
    except Conflict as refusal:
        reply = Reply(refusal.status, orjson.dumps(refusal.as_problem()))
    session.execute(
        text(
            "update remembered_answer set status = :status, body = :body"
            " where shop_id = :shop and scope = :scope and key = :key"
        ),
        {**names, "status": reply.status, "body": reply.body.decode()},
    )
    return reply
