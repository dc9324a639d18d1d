"""What a webhook says: `{"type", "timestamp", "data"}` for each kind of event (docs/webhooks-out.md).

Ids are text, times ISO 8601 in UTC, points whole numbers. Of a person only the ids are told: whoever may know more asks the
merchant API. A body is composed once, so that every attempt and every replay sends the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from backend import strict_json
from backend.ledger.posting import AnySession
from backend.loyalty.notifications.endpoints import TEST_TYPE
from backend.loyalty.rewards.rewards import public_id
from backend.platforms.events import time_text

_SOURCES = {
    "points": """
        select n.id as event_id, n.type, n.at as event_at, e.id, e.kind, e.from_bucket, e.to_bucket, e.points,
            e.available_after, e.reason, e.actor, e.expires_at, e.why, a.due_at, m.id as member_id, m.external_id,
            coalesce(jsonb_path_query_first(o.known, '$.states[*].order.number ? (@ != null)') #>> '{}', o.external_id)
                as "order", o.external_id as order_id
        from outgoing_event n
        join entry e on e.shop_id = n.shop_id and e.id = n.subject_id
        join member m on m.shop_id = n.shop_id and m.id = n.member_id
        left join orders o on o.shop_id = e.shop_id and o.id = e.order_id
        left join award a on n.type = 'points.pending' and a.shop_id = e.shop_id and a.id = e.award_id
        """,
    "reward": """
        select n.id as event_id, n.type, n.at as event_at, r.id, r.reward_id, r.frozen, r.points, r.code,
            r.status, r.use_state, r.origin, r.expires_at, m.id as member_id, m.external_id, o.external_id as order_id
        from outgoing_event n
        join redemption r on r.shop_id = n.shop_id and r.id = n.subject_id
        join member m on m.shop_id = n.shop_id and m.id = n.member_id
        left join orders o on o.shop_id = r.shop_id and o.id = r.order_id
        """,
    "tier": """
        select n.id as event_id, n.type, n.at as event_at, c.from_level, c.to_level, c.cause, m.id as member_id, m.external_id
        from outgoing_event n
        join tier_change c on c.shop_id = n.shop_id and c.id = n.subject_id
        join member m on m.shop_id = n.shop_id and m.id = n.member_id
        """,
    "referral": """
        select n.id as event_id, n.type, n.at as event_at, r.id, m.id as member_id, m.external_id, f.id as friend_id,
            f.external_id as friend_external_id, o.external_id as order_id
        from outgoing_event n
        join referral r on r.shop_id = n.shop_id and r.id = n.subject_id
        join member m on m.shop_id = n.shop_id and m.id = n.member_id
        join member f on f.shop_id = n.shop_id and f.id = n.other_member_id
        left join orders o on o.shop_id = r.shop_id and o.id = r.order_id
        """,
    "member": """
        select n.id as event_id, n.type, n.at as event_at, m.id as member_id, m.external_id, m.enrolled_at, m.locale
        from outgoing_event n
        join member m on m.shop_id = n.shop_id and m.id = n.member_id
        """,
}
"""What each family of types is read from, `points.earned` being of the family `points`."""
_THESE = (
    " join unnest(cast(:shops as bigint[]), cast(:events as bigint[])) as t (shop_id, id)"
    " on t.shop_id = n.shop_id and t.id = n.id"
)


def compose(session: AnySession, events: Sequence[Any]) -> dict[int, str]:
    """The bodies of these rows of outgoing_event, by the events' ids; one statement for each family."""
    bodies: dict[int, str] = {}
    for family, source in _SOURCES.items():
        ours = [each for each in events if each.type.partition(".")[0] == family]
        if not ours:
            continue
        rows = session.execute(
            text(source.replace("from outgoing_event n", "from outgoing_event n" + _THESE)),
            {"shops": [each.shop_id for each in ours], "events": [each.id for each in ours]},
        )
        say = _SAY[family]
        bodies |= {row.event_id: _written(row.type, row.event_at, say(row)) for row in rows}
    return bodies


def test_body(endpoint_id: int, at: Any) -> str:
    """What the button "Send a test event" sends."""
    return _written(
        TEST_TYPE, at, {"endpoint_id": str(endpoint_id), "message": "This is a test. Nothing has happened to anybody."}
    )


def _written(type_: str, at: Any, data: Mapping[str, Any]) -> str:
    return strict_json.dumps({"type": type_, "timestamp": time_text(at), "data": data}).decode()


def _points(row: Any) -> dict[str, Any]:
    return {
        "member": _member(row),
        "points": row.points,
        "from": row.from_bucket,
        "to": row.to_bucket,
        "available_after": row.available_after,
        "reason": row.reason,
        "actor": row.actor,
        "order": row.order,
        "order_id": row.order_id,
        "entry_id": str(row.id),
        "kind": row.kind,
        "due_at": _time(row.due_at),
        "expires_at": _time(row.expires_at),
        "why": row.why,
    }


def _reward(row: Any) -> dict[str, Any]:
    return {
        "member": _member(row),
        "redemption_id": str(row.id),
        "reward": {"id": public_id(row.reward_id), "name": row.frozen["name"], "type": row.frozen["type"]},
        "origin": row.origin,
        "points": row.points,
        "code": row.code,
        "status": _STATUS[row.type],
        "use_state": _USE_STATE.get(row.type, row.use_state),
        "order_id": row.order_id,
        "expires_at": _time(row.expires_at),
    }


_STATUS = {"reward.redeemed": "issued", "reward.used": "issued", "reward.returned": "returned"}
_USE_STATE = {"reward.redeemed": "delivered", "reward.used": "used"}
"""As it was when it happened: told a moment later, it may be returned already."""


def _tier(row: Any) -> dict[str, Any]:
    return {"member": _member(row), "from": row.from_level, "to": row.to_level, "cause": row.cause}


def _referral(row: Any) -> dict[str, Any]:
    return {
        "referral_id": str(row.id),
        "advocate": _member(row),
        "friend": {"id": str(row.friend_id), "external_id": row.friend_external_id},
        "order_id": row.order_id,
    }


def _new_member(row: Any) -> dict[str, Any]:
    return {"member": _member(row), "enrolled_at": _time(row.enrolled_at), "locale": row.locale}


def _member(row: Any) -> dict[str, Any]:
    return {"id": str(row.member_id), "external_id": row.external_id}


def _time(at: Any) -> str | None:
    return None if at is None else time_text(at)


_SAY = {"points": _points, "reward": _reward, "tier": _tier, "referral": _referral, "member": _new_member}
