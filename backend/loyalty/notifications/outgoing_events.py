"""What happened becomes messages to endpoints: published once, sent by the outbox, sent again on demand.

Triggers write rows of outgoing_event in the transaction in which something happened (migrations/sql/0009_endpoints.sql).
`publish` composes their bodies and makes a message and a row of the outbox for each endpoint that wants to hear of it.
`backend/jobs/webhooks.py` sends and notes the attempts.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend import outbox
from backend.errors import Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.notifications import endpoints, outgoing_bodies

PUBLISH = "outbox.publish"
OUTBOX_KIND = "webhook"
BATCH = 500
MOST_REPLAYED = 5000
"""Messages that one press of a button sends again."""
KEPT = timedelta(days=30)
"""How long what was sent is kept."""
WAITS = "select shop_id, id from outgoing_event where published_at is null order by id limit 1"

_NEW = text(
    "select shop_id, id, type from outgoing_event where published_at is null order by id limit :limit"
    " for update skip locked"
)
_PUBLISHED = text(
    """
    update outgoing_event n set published_at = :wall, body = t.body
    from unnest(cast(:shops as bigint[]), cast(:events as bigint[]), cast(:bodies as text[])) as t (shop_id, id, body)
    where n.shop_id = t.shop_id and n.id = t.id
    """
)
# Endpoints are locked in the order of their keys, so that two drains never wait for each other in a ring.
_WANTING = text(
    "select shop_id, id, types, state, last_sequence from endpoint"
    " where shop_id = any(cast(:shops as bigint[])) and state <> 'removed' order by shop_id, id for no key update"
)
_COUNTED = text(
    "update endpoint p set last_sequence = t.last from unnest(cast(:shops as bigint[]), cast(:ids as bigint[]),"
    " cast(:lasts as bigint[])) as t (shop_id, id, last) where p.shop_id = t.shop_id and p.id = t.id"
)
_MESSAGES = text(
    """
    insert into endpoint_message (shop_id, endpoint_id, event_id, type, sequence, state, created_at)
    select t.shop_id, t.endpoint_id, t.event_id, t.type, t.sequence, t.state, :wall
    from unnest(cast(:shops as bigint[]), cast(:endpoints as bigint[]), cast(:events as bigint[]), cast(:types as text[]),
        cast(:sequences as bigint[]), cast(:states as text[]))
        as t (shop_id, endpoint_id, event_id, type, sequence, state)
    on conflict do nothing
    returning shop_id, id, state
    """
)


def publish(session: AnySession, wall: datetime, limit: int = BATCH) -> int:
    """Turn at most `limit` new events into messages, oldest first; how many events that were.

    Safe in any number of workers at once. What a paused endpoint wants to hear is held for it.
    """
    events = session.execute(_NEW, {"limit": limit}).all()
    if not events:
        return 0
    bodies = outgoing_bodies.compose(session, events)
    session.execute(
        _PUBLISHED,
        {
            "wall": wall,
            "shops": [each.shop_id for each in events],
            "events": [each.id for each in events],
            "bodies": [bodies.get(each.id) for each in events],
        },
    )
    messages = _addressed(session, [each for each in events if each.id in bodies])
    _hand_over(session, messages, wall)
    return len(events)


def send_test(session: AnySession, shop_id: int, endpoint_id: int, now: datetime, wall: datetime) -> int:
    """Send the endpoint an event that says it is a test; the message's id. Raises NotFound, Conflict if it is paused."""
    _require_active(session, shop_id, endpoint_id)
    event_id = session.execute(
        text(
            "insert into outgoing_event (shop_id, type, at, published_at, body)"
            " values (:shop, :type, :now, :wall, :body) returning id"
        ),
        {
            "shop": shop_id,
            "type": endpoints.TEST_TYPE,
            "now": now,
            "wall": wall,
            "body": outgoing_bodies.test_body(endpoint_id, now),
        },
    ).scalar_one()
    sequence = session.execute(
        text(
            "update endpoint set last_sequence = last_sequence + 1 where shop_id = :shop and id = :id"
            " returning last_sequence"
        ),
        {"shop": shop_id, "id": endpoint_id},
    ).scalar_one()
    (message_id,) = _hand_over(
        session, [(shop_id, endpoint_id, event_id, endpoints.TEST_TYPE, sequence, "waiting")], wall
    )
    return message_id


def replay(session: AnySession, shop_id: int, message_id: int) -> None:
    """Send one message again, the same bytes under the same id, whatever became of it.

    Raises NotFound; Conflict while it waits anyhow, if the endpoint is not active, or what it said is gone.
    """
    row = session.execute(
        text(
            "select m.endpoint_id, m.state, n.body is null as is_empty from endpoint_message m"
            " join outgoing_event n on n.shop_id = m.shop_id and n.id = m.event_id"
            " where m.shop_id = :shop and m.id = :id for update of m"
        ),
        {"shop": shop_id, "id": message_id},
    ).one_or_none()
    if row is None:
        raise NotFound()
    _require_active(session, shop_id, row.endpoint_id)
    if row.state == "waiting":
        raise Conflict("This event is waiting to be sent anyhow.", code="waiting")
    if row.is_empty:
        raise Conflict("What this event said has been erased with the customer.", code="erased")
    _again(session, shop_id, [message_id])


def replay_undone(
    session: AnySession, shop_id: int, endpoint_id: int, since: datetime, states: Sequence[str] = ("failed", "held")
) -> int:
    """Send again what failed or was held since a moment, oldest first, at most `MOST_REPLAYED`; how many.

    Raises NotFound, Conflict if the endpoint is not active.
    """
    _require_active(session, shop_id, endpoint_id)
    chosen = session.execute(
        text(
            "select m.id from endpoint_message m join outgoing_event n on n.shop_id = m.shop_id and n.id = m.event_id"
            " where m.shop_id = :shop and m.endpoint_id = :endpoint and m.state <> 'delivered'"
            " and m.state = any(:states) and m.created_at >= :since and n.body is not null"
            " order by m.id limit :limit for update of m"
        ),
        {
            "shop": shop_id,
            "endpoint": endpoint_id,
            "since": since,
            "states": list(states),
            "limit": MOST_REPLAYED,
        },
    ).scalars()
    message_ids = list(chosen)
    _again(session, shop_id, message_ids)
    return len(message_ids)


def remove_endpoint(session: AnySession, shop_id: int, endpoint_id: int, wall: datetime) -> None:
    """Never send to it again; what was given up for it needs nobody any more. Raises NotFound."""
    endpoints.remove(session, shop_id, endpoint_id, wall)
    failed = session.execute(
        text(
            "select id from endpoint_message where shop_id = :shop and endpoint_id = :endpoint and state <> 'delivered'"
            " and state in ('failed', 'held')"
        ),
        {"shop": shop_id, "endpoint": endpoint_id},
    ).scalars()
    _forget_given_up(session, shop_id, list(failed))


def forget(session: AnySession, shop_id: int, member_id: int) -> None:
    """Empty what was told of an erased person, and what endpoints answered. What still waits is not sent any more."""
    emptied = session.execute(
        text(
            "update outgoing_event set body = null where shop_id = :shop and body is not null and id in ("
            " select id from outgoing_event where shop_id = :shop and member_id = :member union all"
            " select id from outgoing_event where shop_id = :shop and other_member_id = :member) returning id"
        ),
        {"shop": shop_id, "member": member_id},
    ).scalars()
    session.execute(
        text(
            "update endpoint_attempt a set answer = null from endpoint_message m where m.shop_id = :shop"
            " and m.event_id = any(:events) and a.shop_id = m.shop_id and a.message_id = m.id and a.answer is not null"
        ),
        {"shop": shop_id, "events": list(emptied)},
    )


def _addressed(session: AnySession, events: Sequence[Any]) -> list[tuple[int, int, int, str, int, str]]:
    """Who is to hear of which event, with the endpoints' own numbers: (shop, endpoint, event, type, sequence, state)."""
    if not events:
        return []
    wanting = session.execute(_WANTING, {"shops": sorted({each.shop_id for each in events})}).all()
    messages = []
    counted = []
    for endpoint in wanting:
        sequence = endpoint.last_sequence
        state = "waiting" if endpoint.state == "active" else "held"
        for event in events:
            if event.shop_id == endpoint.shop_id and event.type in endpoint.types:
                sequence += 1
                messages.append((event.shop_id, endpoint.id, event.id, event.type, sequence, state))
        if sequence > endpoint.last_sequence:
            counted.append((endpoint.shop_id, endpoint.id, sequence))
    if counted:
        shops, ids, lasts = (list(each) for each in zip(*counted, strict=True))
        session.execute(_COUNTED, {"shops": shops, "ids": ids, "lasts": lasts})
    return messages


def _hand_over(session: AnySession, messages: list[tuple[int, int, int, str, int, str]], wall: datetime) -> list[int]:
    if not messages:
        return []
    shops, to, events, types, sequences, states = (list(each) for each in zip(*messages, strict=True))
    made = session.execute(
        _MESSAGES,
        {
            "wall": wall,
            "shops": shops,
            "endpoints": to,
            "events": events,
            "types": types,
            "sequences": sequences,
            "states": states,
        },
    ).all()
    outbox.put_all(
        session,
        OUTBOX_KIND,
        [(row.shop_id, _key(row.id, 1), {"message_id": row.id}) for row in made if row.state == "waiting"],
    )
    return [row.id for row in made]


def _again(session: AnySession, shop_id: int, message_ids: list[int]) -> None:
    _forget_given_up(session, shop_id, message_ids)
    rows = session.execute(
        text(
            "update endpoint_message set state = 'waiting', round = round + 1, ended_at = null"
            " where shop_id = :shop and id = any(:ids) returning id, round"
        ),
        {"shop": shop_id, "ids": message_ids},
    ).all()
    outbox.put_all(
        session, OUTBOX_KIND, [(shop_id, _key(row.id, row.round), {"message_id": row.id}) for row in sorted(rows)]
    )


def _forget_given_up(session: AnySession, shop_id: int, message_ids: list[int]) -> None:
    """Nobody has to look after these any more: what the outbox gave up is sent anew, or not wanted."""
    session.execute(
        text(
            "delete from outbox o using endpoint_message m where m.shop_id = :shop and m.id = any(:ids)"
            " and o.shop_id = m.shop_id and o.key = 'webhook:' || m.id || ':' || m.round and o.state = 'parked'"
        ),
        {"shop": shop_id, "ids": message_ids},
    )


def _key(message_id: int, round_: int) -> str:
    return f"webhook:{message_id}:{round_}"


def _require_active(session: AnySession, shop_id: int, endpoint_id: int) -> None:
    if endpoints.find(session, shop_id, endpoint_id).state != "active":
        raise Conflict("This endpoint is paused. Resume it first.", code="paused")
