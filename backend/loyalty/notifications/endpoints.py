"""Endpoints: where a merchant's own systems hear of what happens (contract section 7).

Each has a secret of its own, shown once. After a rotation the old one signs beside the new one for a day, so that a
receiver can change over without missing anything.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.errors import BadInput, Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.platforms import outgoing
from backend.platforms.base import Never
from backend.platforms.custom.signature import new_secret
from backend.vault import vault

TYPES = {
    "points.pending": "Points were promised and wait for their day",
    "points.earned": "Points became available",
    "points.spent": "Points were spent",
    "points.returned": "Spent points came back",
    "points.expired": "Points ended unspent",
    "points.adjusted": "Somebody added or took points by hand",
    "points.clawed_back": "A refund or another reason took points back",
    "reward.redeemed": "A member has a reward",
    "reward.used": "A reward was used",
    "reward.returned": "A reward was given back",
    "tier.changed": "A member came to another level",
    "referral.completed": "A friend was brought, and both were rewarded",
    "member.created": "Somebody became a member",
}
"""What an endpoint can hear of, in words."""
TEST_TYPE = "webhook.test"
MOST = 20
"""Endpoints of one shop."""
OVERLAP = timedelta(hours=24)
"""How long the former secret goes on signing after a rotation."""
LONGEST_DESCRIPTION = 200
_PURPOSE = "endpoint"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address, with what it wants to hear of. `url` may hold a token: it is for people with the right to settings."""

    id: int
    url: str
    description: str
    types: tuple[str, ...]
    state: str
    paused_because: str | None
    failing_since: datetime | None
    former_until: datetime | None
    created_at: datetime

    @property
    def name(self) -> str:
        """What people call it."""
        return self.description or self.url


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint just made, with its secret, which is shown once."""

    id: int
    secret: str = field(repr=False)


_COLUMNS = "id, url, description, types, state, paused_because, failing_since, former_until, created_at"


def add(
    session: AnySession,
    shop_id: int,
    now: datetime,
    *,
    url: str,
    types: Collection[str],
    description: str = "",
    is_rehearsal: bool,
) -> NewEndpoint:
    """Make an endpoint, active at once. Raises BadInput that names the field, Conflict if there are too many."""
    url, wanted, description = _checked(url, types, description, is_rehearsal)
    session.execute(text("select 1 from shop where id = :shop for no key update"), {"shop": shop_id})
    if len(all_of(session, shop_id)) >= MOST:
        raise Conflict(f"A shop can have {MOST} endpoints.", code="too_many_endpoints")
    secret = new_secret()
    made = session.execute(
        text(
            "insert into endpoint (shop_id, url, description, types, state, secret, created_at)"
            " values (:shop, :url, :description, :types, 'active', :secret, :now) returning id"
        ),
        {
            "shop": shop_id,
            "url": url,
            "description": description,
            "types": wanted,
            "secret": _seal(shop_id, secret),
            "now": now,
        },
    ).scalar_one()
    return NewEndpoint(made, secret)


def change(
    session: AnySession,
    shop_id: int,
    endpoint_id: int,
    *,
    url: str,
    types: Collection[str],
    description: str,
    is_rehearsal: bool,
) -> None:
    """Change address, types and description. What waits goes to the new address. Raises NotFound, BadInput."""
    find(session, shop_id, endpoint_id)
    url, wanted, description = _checked(url, types, description, is_rehearsal)
    session.execute(
        text(
            "update endpoint set url = :url, types = :types, description = :description,"
            " failing_since = case when url = :url then failing_since end where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": endpoint_id, "url": url, "types": wanted, "description": description},
    )


def pause(session: AnySession, shop_id: int, endpoint_id: int, because: str | None = None) -> bool:
    """Send it nothing for now; what happens meanwhile is held for it. False if it was not active."""
    paused = session.execute(
        text(
            "update endpoint set state = 'paused', paused_because = :because where shop_id = :shop and id = :id"
            " and state = 'active' returning id"
        ),
        {"shop": shop_id, "id": endpoint_id, "because": because},
    ).scalar()
    return paused is not None


def resume(session: AnySession, shop_id: int, endpoint_id: int) -> None:
    """Send to it again. What was held is the caller's to replay. Raises NotFound."""
    find(session, shop_id, endpoint_id)
    session.execute(
        text(
            "update endpoint set state = 'active', paused_because = null, failing_since = null, rests_until = null"
            " where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": endpoint_id},
    )


def rotate(session: AnySession, shop_id: int, endpoint_id: int, wall: datetime) -> str:
    """A new secret, shown once; the former one signs as well for `OVERLAP`. Raises NotFound."""
    find(session, shop_id, endpoint_id)
    secret = new_secret()
    session.execute(
        text(
            "update endpoint set former_secret = secret, former_until = :until, secret = :secret"
            " where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": endpoint_id, "secret": _seal(shop_id, secret), "until": wall + OVERLAP},
    )
    return secret


def remove(session: AnySession, shop_id: int, endpoint_id: int, wall: datetime) -> None:
    """Never send to it again, and forget its secrets. Its log stays as long as other logs. Raises NotFound."""
    find(session, shop_id, endpoint_id)
    session.execute(
        text(
            "update endpoint set state = 'removed', removed_at = :wall, types = '{}', secret = '',"
            " former_secret = null, former_until = null where shop_id = :shop and id = :id"
        ),
        {"shop": shop_id, "id": endpoint_id, "wall": wall},
    )


def find(session: AnySession, shop_id: int, endpoint_id: int) -> Endpoint:
    """The endpoint. Raises NotFound, for a removed one as well."""
    row = session.execute(
        text(f"select {_COLUMNS} from endpoint where shop_id = :shop and id = :id and state <> 'removed'"),  # noqa: S608
        {"shop": shop_id, "id": endpoint_id},
    ).one_or_none()
    if row is None:
        raise NotFound()
    return _read(row)


def all_of(session: AnySession, shop_id: int) -> list[Endpoint]:
    """The shop's endpoints, in the order in which they were made."""
    rows = session.execute(
        text(f"select {_COLUMNS} from endpoint where shop_id = :shop and state <> 'removed' order by id"),  # noqa: S608
        {"shop": shop_id},
    )
    return [_read(row) for row in rows]


def signing_secrets(row: Any, shop_id: int, wall: datetime) -> list[str]:
    """The secrets that sign now, newest first, of a row with `secret`, `former_secret` and `former_until`."""
    sealed = [row.secret]
    if row.former_secret is not None and row.former_until > wall:
        sealed.append(row.former_secret)
    return [vault().open(each, shop_id=shop_id, purpose=_PURPOSE) for each in sealed]


def _checked(url: str, types: Collection[str], description: str, is_rehearsal: bool) -> tuple[str, list[str], str]:
    url, description = url.strip(), " ".join(description.split())
    try:
        outgoing.check_url(url, is_rehearsal=is_rehearsal)
    except Never as refusal:
        raise _wrong("url", refusal.reason) from None
    if unknown := sorted(set(types) - set(TYPES)):
        raise _wrong("types", f"There is no event {unknown[0][:64]!r}.")
    if not types:
        raise _wrong("types", "Choose at least one event.")
    if len(description) > LONGEST_DESCRIPTION:
        raise _wrong("description", f"At most {LONGEST_DESCRIPTION} characters.")
    return url, [each for each in TYPES if each in types], description


def _wrong(name: str, message: str) -> BadInput:
    return BadInput(message, [{"field": name, "message": message}])


def _seal(shop_id: int, secret: str) -> str:
    return vault().seal(secret, shop_id=shop_id, purpose=_PURPOSE)


def _read(row: Any) -> Endpoint:
    return Endpoint(**{**row._mapping, "types": tuple(row.types)})
