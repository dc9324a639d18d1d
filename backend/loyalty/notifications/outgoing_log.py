"""Reading what endpoints were told, and what they answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.errors import NotFound
from backend.ledger.posting import AnySession

STATES = ("waiting", "delivered", "failed", "held", "emptied")
MOST_COUNTED = 1000
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Message:
    """One event for one endpoint, with what became of it. `webhook_id` is what the receiver knows it by."""

    id: int
    endpoint_id: int
    event_id: int
    type: str
    sequence: int
    state: str
    attempts: int
    last_status: int | None
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def webhook_id(self) -> str:
        return f"evt_{self.event_id}"


@dataclass(frozen=True, slots=True)
class FullMessage:
    """A message with what it said (None: erased), whom it is about, when it goes out next, whether that is just now
    (`is_going_out`), and every attempt."""

    message: Message
    body: str | None
    member_id: int | None
    next_try_at: datetime | None
    is_going_out: bool
    attempts: list[Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one endpoint; each at most `MOST_COUNTED`."""

    waiting: int
    failed: int
    held: int


_COLUMNS = (
    "m.id, m.endpoint_id, m.event_id, m.type, m.sequence, m.state, m.attempts, m.last_status, m.last_error, m.created_at,"
    " m.ended_at"
)


def messages(
    session: AnySession,
    shop_id: int,
    endpoint_id: int,
    *,
    state: str | None = None,
    type_: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Message]:
    """The endpoint's messages, newest first, those with an id below `before`."""
    conditions = ["m.shop_id = :shop", "m.endpoint_id = :endpoint", "m.id < :before"]
    if state == "delivered":
        conditions.append("m.state = 'delivered'")
    elif state is not None:
        conditions.append("m.state <> 'delivered' and m.state = :state")
    if type_ is not None:
        conditions.append("m.type = :type")
    rows = session.execute(
        text(
            f"select {_COLUMNS} from endpoint_message m where {' and '.join(conditions)}"  # noqa: S608 - our own words
            " order by m.id desc limit :limit"
        ),
        {
            "shop": shop_id,
            "endpoint": endpoint_id,
            "before": before or LARGEST_ID,
            "state": state,
            "type": type_,
            "limit": limit,
        },
    )
    return [Message(**row._mapping) for row in rows]


def message(session: AnySession, shop_id: int, message_id: int) -> FullMessage:
    """One message, in full. Raises NotFound."""
    row = session.execute(
        text(
            f"select {_COLUMNS}, n.body, n.member_id, o.next_try_at,"  # noqa: S608 - our own words
            " o.lease_until is not null as is_going_out from endpoint_message m"
            " join outgoing_event n on n.shop_id = m.shop_id and n.id = m.event_id"
            " left join outbox o on o.shop_id = m.shop_id and o.key = 'webhook:' || m.id || ':' || m.round"
            " and o.state = 'waiting' where m.shop_id = :shop and m.id = :id"
        ),
        {"shop": shop_id, "id": message_id},
    ).one_or_none()
    if row is None:
        raise NotFound()
    fields = dict(row._mapping)
    beside = {name: fields.pop(name) for name in ("body", "member_id", "next_try_at", "is_going_out")}
    attempts = session.execute(
        text(
            "select number, at, milliseconds, status, error, answer from endpoint_attempt"
            " where shop_id = :shop and message_id = :id order by number desc limit 200"
        ),
        {"shop": shop_id, "id": message_id},
    ).all()
    return FullMessage(Message(**fields), **beside, attempts=list(attempts))


def counts(session: AnySession, shop_id: int, endpoint_id: int) -> Counts:
    """What waits, failed and is held."""

    def count(state: str) -> int:
        counted: int = session.execute(
            text(
                "select count(*) from (select 1 from endpoint_message where shop_id = :shop and endpoint_id = :endpoint"
                " and state <> 'delivered' and state = :state limit :most) counted"
            ),
            {"shop": shop_id, "endpoint": endpoint_id, "state": state, "most": MOST_COUNTED},
        ).scalar_one()
        return counted

    return Counts(*(count(state) for state in ("waiting", "failed", "held")))
