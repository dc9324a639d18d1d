"""Telling merchants' own systems what happened: the outbox's calls of the kind `webhook` (contract section 7).

Each attempt signs the same bytes under the same id with the secrets of the moment, and is noted whatever comes of it.
An answer from 200 to 299 is a success; anything else is tried again for 3 days. 410 says that nobody lives there any more.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import text

from backend import clock
from backend.config import Config
from backend.db import retrying, transaction
from backend.jobs.calls import Call, Send
from backend.loyalty.notifications import endpoints
from backend.platforms import outgoing
from backend.platforms.base import Never, NotNow, TryAgain
from backend.platforms.custom.signature import sign
from backend.staff import letters
from backend.staff.rights import Right

AT_ONCE = 8
SLOW_SECONDS = 2.0
"""An endpoint that took longer than this is not called again in the same batch, and rests: others are waiting."""
REST = timedelta(seconds=2)
LONGEST_REST = timedelta(hours=1)
BUSY = frozenset({429, 502, 503, 504})
"""Answers of somebody who has too much to do: if they say for how long, nothing else is sent there meanwhile, either."""
PAUSED_AFTER = timedelta(days=3)
"""An endpoint that has answered nothing but failures for so long is paused, and people are told."""
KEPT_OF_ANSWER = 1024
GONE = "It answered 410: nobody lives at this address any more."
HELD = "The endpoint is paused."
REMOVED = "The endpoint was removed."
ERASED = "The customer was erased."

log = logging.getLogger(__name__)

_MESSAGE = text(
    """
    select m.id, m.event_id, m.sequence, m.endpoint_id, n.body, p.url, p.state, p.secret, p.former_secret, p.former_until,
        p.rests_until
    from endpoint_message m
    join outgoing_event n on n.shop_id = m.shop_id and n.id = m.event_id
    join endpoint p on p.shop_id = m.shop_id and p.id = m.endpoint_id
    where m.shop_id = :shop and m.id = :id
    """
)


@contextmanager
def line() -> Iterator[Send]:
    """A line to the endpoints for a batch of calls. Threads may share it."""
    config: Config = current_app.config["LAGNIAPPE"]
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    slow: set[tuple[int, int]] = set()
    own = threading.local()
    with ExitStack() as opened:

        def send(call: Call) -> str | None:
            if not hasattr(own, "session"):
                own.session = opened.enter_context(outgoing.open_session(is_rehearsal=config.is_rehearsal))
            with app.app_context():
                return _send(call, own.session, slow, is_rehearsal=config.is_rehearsal)

        yield send


def _send(call: Call, session: Any, slow: set[tuple[int, int]], *, is_rehearsal: bool) -> str | None:
    with transaction() as reading:
        message = reading.execute(_MESSAGE, {"shop": call.shop_id, "id": call.payload["message_id"]}).one_or_none()
    if message is None or message.state == "removed":
        return REMOVED
    if message.state == "paused":
        return HELD
    if message.body is None:
        return ERASED
    whom = (call.shop_id, message.endpoint_id)
    wall, began = clock.wall(), time.monotonic()
    if whom in slow or (message.rests_until is not None and message.rests_until > wall):
        rest = max(message.rests_until - wall, timedelta()) if message.rests_until is not None else REST
        raise NotNow(
            "The endpoint was slow or busy just now, and is left alone for a moment.", rest.total_seconds() or 1.0
        )
    try:
        answer = outgoing.post(
            message.url,
            message.body.encode(),
            _headers(message, call.shop_id, wall),
            is_rehearsal=is_rehearsal,
            session=session,
        )
    except (TryAgain, Never) as failure:
        _note(call, message, wall, began, status=None, error=failure.reason, answer=None)
        raise
    finally:
        if time.monotonic() - began > SLOW_SECONDS:
            slow.add(whom)
    is_taken = 200 <= answer.status <= 299
    error = None if is_taken else f"The endpoint answered {answer.status}."
    asked = outgoing.retry_after(answer, wall)
    rest = timedelta(seconds=asked) if asked and answer.status in BUSY else None
    _note(call, message, wall, began, status=answer.status, error=error, answer=_begin_of(answer.body), rest=rest)
    if answer.status == 410:
        raise Never(GONE)
    if error is not None:
        raise TryAgain(error, asked)
    return None


def _headers(message: Any, shop_id: int, wall: datetime) -> dict[str, str]:
    message_id, sent_at = f"evt_{message.event_id}", int(wall.timestamp())
    secrets = endpoints.signing_secrets(message, shop_id, wall)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(sign(each, message_id, sent_at, message.body.encode()) for each in secrets),
        "lagniappe-sequence": str(message.sequence),
    }


@retrying
def _note(
    call: Call,
    message: Any,
    wall: datetime,
    began: float,
    *,
    status: int | None,
    error: str | None,
    answer: str | None,
    rest: timedelta | None = None,
) -> None:
    """Write the attempt down, in a transaction of its own: it happened, whatever becomes of the lease."""
    took = round((time.monotonic() - began) * 1000)
    with transaction() as session:
        number = session.execute(
            text(
                "update endpoint_message set attempts = attempts + 1, last_status = :status, last_error = :error"
                " where shop_id = :shop and id = :id returning attempts"
            ),
            {"shop": call.shop_id, "id": message.id, "status": status, "error": error},
        ).scalar()
        if number is None:
            return  # the log was cleared away meanwhile
        session.execute(
            text(
                "insert into endpoint_attempt (shop_id, message_id, number, at, milliseconds, status, error, answer)"
                " values (:shop, :id, :number, :wall, :took, :status, :error, :answer)"
            ),
            {
                "shop": call.shop_id,
                "id": message.id,
                "number": number,
                "wall": wall,
                "took": took,
                "status": status,
                "error": error,
                "answer": answer,
            },
        )
        if rest is not None or took > SLOW_SECONDS * 1000:
            until = clock.wall() + min(max(rest or REST, REST), LONGEST_REST)
            session.execute(
                text("update endpoint set rests_until = :until where shop_id = :shop and id = :id"),
                {"until": until, "shop": call.shop_id, "id": message.endpoint_id},
            )
        _judge_endpoint(session, call.shop_id, message.endpoint_id, wall, is_fine=error is None, is_gone=status == 410)


def _judge_endpoint(
    session: Any, shop_id: int, endpoint_id: int, wall: datetime, *, is_fine: bool, is_gone: bool
) -> None:
    """Since when it fails; and pause it when that is long enough."""
    whom = {"shop": shop_id, "id": endpoint_id}
    if is_fine:
        session.execute(
            text(
                "update endpoint set failing_since = null where shop_id = :shop and id = :id"
                " and failing_since is not null"
            ),
            whom,
        )
        return
    failing_since = (
        session.execute(
            text(
                "update endpoint set failing_since = :wall where shop_id = :shop and id = :id and failing_since is null"
                " returning failing_since"
            ),
            {**whom, "wall": wall},
        ).scalar()
        or session.execute(
            text("select failing_since from endpoint where shop_id = :shop and id = :id"), whom
        ).scalar_one()
    )
    because = None
    if is_gone:
        because = GONE
    elif failing_since is not None and wall - failing_since >= PAUSED_AFTER:
        because = "It has failed for 3 days without a break."
    if because is not None and endpoints.pause(session, shop_id, endpoint_id, because):
        log.error("endpoint %s of shop %s is paused: %s", endpoint_id, shop_id, because)
        key = f"{endpoint_id}:{wall.isoformat()}"
        letters.tell(session, shop_id, Right.SETTINGS, "endpoint_paused", key, endpoint_id=endpoint_id)


def done(session: Any, call: Call) -> None:
    """Called in the transaction that notes the endpoint's success."""
    _end(session, call, "delivered")


def never(session: Any, call: Call, reason: str) -> None:
    """Called in the transaction that notes that it is given up, or was not to be sent."""
    _end(session, call, {HELD: "held", ERASED: "emptied", GONE: "held"}.get(reason, "failed"), reason)


def _end(session: Any, call: Call, state: str, reason: str | None = None) -> None:
    session.execute(
        text(
            "update endpoint_message set state = :state, ended_at = :wall, last_error = coalesce(:reason, last_error)"
            " where shop_id = :shop and id = :id"
        ),
        {
            "shop": call.shop_id,
            "id": call.payload["message_id"],
            "state": state,
            "wall": clock.wall(),
            "reason": reason if state != "delivered" else None,
        },
    )


def _begin_of(body: bytes) -> str:
    return body[:KEPT_OF_ANSWER].decode("utf-8", "replace").replace("\x00", "�")
