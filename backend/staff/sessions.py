"""Being signed in: a row that can be ended at any time, and a random token of which only the hash is kept."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import ua_parser
from sqlalchemy import func, select, update

from backend import db
from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.models import StaffSession
from backend.staff.rights import Right

LIFETIME = timedelta(days=14)
IDLE = timedelta(hours=24)
"""Without a visit for so long one is signed out."""
SEEN_EVERY = timedelta(minutes=1)
"""How exact `seen_at` is."""
_LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in. Their shop is the only one that the request can see."""

    shop_id: int
    staff_id: int
    session_id: int
    name: str
    email: str | None
    """None: somebody of Shopify's whose address Shopify has not verified."""
    rights: frozenset[Right]


def begin(session: AnySession, shop_id: int, staff_id: int, user_agent: str, wall: datetime) -> str:
    """A new session of that person; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffSession(
            shop_id=shop_id,
            staff_id=staff_id,
            token_hash=_hash(token),
            user_agent=user_agent[:_LONGEST_AGENT],
            created_at=wall,
            seen_at=wall,
            expires_at=wall + LIFETIME,
        )
    )
    session.flush()
    return token


def read(token: str, wall: datetime) -> SignedIn | None:
    """Who carries this token, or None. Notes that they were here. Rights are read each time: a change counts at once."""
    row = db.one_statement(
        """
        with seen as (
            update staff_session set seen_at = %(wall)s
            where token_hash = %(hash)s and ended_at is null and seen_at < %(stale)s and seen_at > %(idle)s)
        select s.shop_id, s.id, p.id as staff_id, p.name, p.email, p.rights
        from staff_session s join staff p on p.shop_id = s.shop_id and p.id = s.staff_id
        where s.token_hash = %(hash)s and s.ended_at is null and s.expires_at > %(wall)s and s.seen_at > %(idle)s
            and p.status = 'active'
        """,
        {"hash": _hash(token), "wall": wall, "stale": wall - SEEN_EVERY, "idle": wall - IDLE},
    )
    return _signed_in(row) if row is not None else None


def vouched_for(shop_id: int, staff_id: int, token: str, user_agent: str, wall: datetime) -> SignedIn | None:
    """The person, for whom somebody else (Shopify) vouches with each request. None if they are not on the team, or were
    signed out of this session here.

    `token` names the session with whoever vouches, who says how long it lasts: ours begins by itself and goes on as long,
    but stays ended once it was ended here.
    """
    row = db.one_statement(
        """
        with person as (
            select shop_id, id, name, email, rights from staff
            where shop_id = %(shop)s and id = %(staff)s and status = 'active'),
        known as (
            select id, seen_at, ended_at from staff_session
            where token_hash = %(hash)s and shop_id = %(shop)s and staff_id = %(staff)s),
        seen as (
            insert into staff_session (shop_id, staff_id, token_hash, user_agent, created_at, seen_at, expires_at)
            select shop_id, id, %(hash)s, %(agent)s, %(wall)s, %(wall)s, %(until)s from person
            where not exists (select from known where ended_at is not null or seen_at >= %(stale)s)
            on conflict (token_hash) do update set seen_at = excluded.seen_at, expires_at = excluded.expires_at
                where staff_session.ended_at is null and staff_session.staff_id = excluded.staff_id
            returning id)
        select p.shop_id, p.id as staff_id, p.name, p.email, p.rights, coalesce(seen.id, known.id) as id
        from person p left join known on true left join seen on true
        where coalesce(seen.id, known.id) is not null and known.ended_at is null
        """,
        {
            "shop": shop_id,
            "staff": staff_id,
            "hash": _hash(token),
            "agent": user_agent[:_LONGEST_AGENT],
            "wall": wall,
            "until": wall + LIFETIME,
            "stale": wall - SEEN_EVERY,
        },
    )
    return _signed_in(row) if row is not None else None


def still_there(shop_id: int, session_id: int, wall: datetime) -> SignedIn | None:
    """Whose session that is, as long as it lasts. For what was handed out in it.

    Whom Shopify alone lets in, because they have no password here, sees nothing once the app is gone from their shop.
    """
    row = db.one_statement(
        """
        select s.shop_id, s.id, p.id as staff_id, p.name, p.email, p.rights
        from staff_session s join staff p on p.shop_id = s.shop_id and p.id = s.staff_id
        where s.shop_id = %(shop)s and s.id = %(session)s and s.ended_at is null and s.expires_at > %(wall)s
            and s.seen_at > %(idle)s and p.status = 'active'
            and (p.password_hash is not null or not exists (
                select from shopify_shop h where h.shop_id = s.shop_id and h.state = 'uninstalled'))
        """,
        {"shop": shop_id, "session": session_id, "wall": wall, "idle": wall - IDLE},
    )
    return _signed_in(row) if row is not None else None


def _signed_in(row: Mapping[str, Any]) -> SignedIn:
    rights = frozenset(Right(each) for each in row["rights"] if each in set(Right))
    return SignedIn(row["shop_id"], row["staff_id"], row["id"], row["name"], row["email"], rights)


def called(user_agent: str) -> str:
    """What people call that browser, such as "Firefox on Windows"; the text itself where nobody knows it."""
    known = ua_parser.parse(user_agent)
    browser = known.user_agent.family if known.user_agent else None
    system = known.os.family if known.os else None
    return " on ".join(filter(None, (browser, system))) or user_agent or "Unknown"


def end(session: AnySession, shop_id: int, session_id: int, wall: datetime) -> None:
    """Sign that session out. Doing it again changes nothing."""
    row = session.get(StaffSession, (shop_id, session_id))
    if row is not None and row.ended_at is None:
        row.ended_at = wall


def end_own(session: AnySession, shop_id: int, staff_id: int, session_id: int, wall: datetime) -> None:
    """Sign that session out, if it is this person's. Raises NotFound."""
    row = session.get(StaffSession, (shop_id, session_id))
    if row is None or row.staff_id != staff_id:
        raise NotFound()
    end(session, shop_id, session_id, wall)


def end_all(session: AnySession, shop_id: int, staff_id: int, wall: datetime, *, besides: int | None = None) -> int:
    """Sign somebody out everywhere, but for the session `besides`; how many ended."""
    ended = session.execute(
        update(StaffSession)
        .where(
            StaffSession.shop_id == shop_id,
            StaffSession.staff_id == staff_id,
            StaffSession.ended_at.is_(None),
            StaffSession.id != (besides or 0),
        )
        .values(ended_at=wall)
        .returning(StaffSession.id)
    )
    return len(ended.all())


def of(session: AnySession, shop_id: int, staff_id: int, wall: datetime) -> Sequence[StaffSession]:
    """Where somebody is signed in, where they were last first."""
    asked = (
        select(StaffSession)
        .where(
            StaffSession.shop_id == shop_id,
            StaffSession.staff_id == staff_id,
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > wall,
            StaffSession.seen_at > wall - IDLE,
        )
        .order_by(StaffSession.seen_at.desc())
    )
    return session.execute(asked).scalars().all()


def last_seen(session: AnySession, shop_id: int) -> dict[int, datetime]:
    """When each person of the team was last here, by their id."""
    asked = select(StaffSession.staff_id, func.max(StaffSession.seen_at)).where(StaffSession.shop_id == shop_id)
    return {row[0]: row[1] for row in session.execute(asked.group_by(StaffSession.staff_id))}


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
