"""The verbs of the ledger: the only code that writes entries, lots, accounts and awards.

Each verb calls one function of `ledger.sql`, which locks the account first and writes entry, lots and account together.
`key` is the idempotency key, unique per shop: a verb whose key was seen before changes nothing and returns None, so the
same source twice is the same entry. No verb commits; `at` is the business clock's time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Literal

import orjson
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session

from backend.db import sqlstate
from backend.errors import NotEnoughPoints
from backend.ledger.balance import spendable

AnySession = Session | scoped_session[Session]
Actor = Literal["system", "staff", "customer", "platform"]
Why = Mapping[str, Any]

NOT_ENOUGH_POINTS = "LG001"
POST_DUE = "points.post_due"
"""The doorbell of what posts due awards (`post_due`)."""


@dataclass(frozen=True)
class Author:
    """Who caused a movement. `name` says which person or key, where there is one."""

    actor: Actor
    name: str | None = None


SYSTEM = Author("system")


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry that a batch wrote."""

    shop_id: int
    member_id: int
    entry_id: int
    points: int


def install(connection: Connection) -> None:
    """Define the ledger's functions in the database, replacing older definitions. Called by `lagniappe migrate`."""
    connection.exec_driver_sql(files("backend.ledger").joinpath("ledger.sql").read_text().replace("%", "%%"))


def lock_accounts(session: AnySession, shop_id: int, member_ids: Sequence[int]) -> None:
    """Lock the accounts in the one global order, by id: two transactions never wait for each other in a ring."""
    session.execute(
        text(
            "select 1 from account where shop_id = :shop and member_id = any(:members)"
            " order by member_id for no key update"
        ),
        {"shop": shop_id, "members": sorted(set(member_ids))},
    )


def promise(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    *,
    at: datetime,
    key: str,
    rule: str,
    reason: str,
    why: Why,
    program_version: int,
    due_at: datetime,
    expires_at: datetime | None,
    order_id: int | None = None,
) -> int | None:
    """issued → pending. Makes an award that waits for `due_at` and returns its id."""
    return _call(
        session,
        "ledger_promise(:shop, :member, :at, :points, :key, :reason, cast(:why as jsonb), :rule, :order, :version,"
        " :due, :expires)",
        shop=shop_id,
        member=member_id,
        at=at,
        points=points,
        key=key,
        reason=reason,
        why=_json(why),
        rule=rule,
        order=order_id,
        version=program_version,
        due=due_at,
        expires=expires_at,
    )


def void(
    session: AnySession, shop_id: int, award_id: int, points: int, *, at: datetime, key: str, reason: str, why: Why
) -> int | None:
    """pending → voided. Takes points back from an award that still waits."""
    return _call(
        session,
        "ledger_void(:shop, :award, :at, :points, :key, :reason, cast(:why as jsonb))",
        shop=shop_id,
        award=award_id,
        at=at,
        points=points,
        key=key,
        reason=reason,
        why=_json(why),
    )


def redate(session: AnySession, shop_id: int, order_id: int, due_at: datetime, expires_at: datetime | None) -> None:
    """Move the day of an order's awards that still wait. The caller holds the account."""
    session.execute(
        text("select ledger_redate(:shop, :order, :due, :expires)"),
        {"shop": shop_id, "order": order_id, "due": due_at, "expires": expires_at},
    )


def grant(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    *,
    at: datetime,
    key: str,
    author: Author,
    reason: str,
    why: Why,
    expires_at: datetime | None,
    program_version: int | None = None,
) -> int | None:
    """issued → available, by hand, by import or as a bonus. Makes a lot and settles what is owed."""
    return _call(
        session,
        "ledger_grant(:shop, :member, :at, :points, :key, :actor, :name, :reason, cast(:why as jsonb), :version,"
        " :expires)",
        shop=shop_id,
        member=member_id,
        at=at,
        points=points,
        key=key,
        actor=author.actor,
        name=author.name,
        reason=reason,
        why=_json(why),
        version=program_version,
        expires=expires_at,
    )


@dataclass(frozen=True, slots=True)
class Imported:
    """Points that another system had given: `key` names them, they are as old as `earned_at`."""

    member_id: int
    points: int
    key: str
    reason: str
    why: Why
    earned_at: datetime
    expires_at: datetime | None


def grant_many(
    session: AnySession,
    shop_id: int,
    grants: Sequence[Imported],
    *,
    at: datetime,
    author: Author,
    program_version: int,
) -> dict[str, int]:
    """issued → available for many, in their order, in one statement: the entries' ids by their keys.

    The caller holds the accounts and knows the keys to be new.
    """
    rows = session.execute(
        text(
            """
            select r.key, ledger_credit(:shop, r.member_id, :at, 'grant', 'issued', r.points, r.key, :actor, :name, r.reason,
                r.why, null, null, :version, r.earned_at, r.expires_at, null, 0) as id
            from (select * from jsonb_to_recordset(cast(:grants as jsonb)) as g (place integer, member_id bigint,
                points bigint, key text, reason text, why jsonb, earned_at timestamptz, expires_at timestamptz)
                order by place offset 0) r
            """
        ),
        {
            "shop": shop_id,
            "at": at,
            "actor": author.actor,
            "name": author.name,
            "version": program_version,
            "grants": orjson.dumps([{"place": n, **asdict(each)} for n, each in enumerate(grants)]).decode(),
        },
    )
    return {row.key: row.id for row in rows}


def deduct(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    *,
    at: datetime,
    key: str,
    author: Author,
    reason: str,
    why: Why,
) -> int | None:
    """available → adjusted, by hand. Raises NotEnoughPoints if fewer are available."""
    return _debit(session, shop_id, member_id, "deduct", "adjusted", points, at, key, author, reason, why)


def hold(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    *,
    at: datetime,
    key: str,
    author: Author,
    reason: str,
    why: Why,
) -> int | None:
    """available → on_hold, soonest-expiring lots first. Raises NotEnoughPoints. Ends with `release` or `capture`."""
    return _debit(session, shop_id, member_id, "hold", "on_hold", points, at, key, author, reason, why)


def spend(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    *,
    at: datetime,
    key: str,
    author: Author,
    reason: str,
    why: Why,
    may_owe: bool = False,
) -> int | None:
    """available → spent. With `may_owe` what is missing comes from owed; otherwise NotEnoughPoints is raised."""
    return _debit(session, shop_id, member_id, "spend", "spent", points, at, key, author, reason, why, may_owe=may_owe)


def claw_back(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    *,
    at: datetime,
    key: str,
    reason: str,
    why: Why,
    order_id: int | None,
    program_version: int | None,
) -> int | None:
    """available → clawed_back: the order's own lots first, then the others; what is missing becomes owed."""
    return _debit(
        session,
        shop_id,
        member_id,
        "claw_back",
        "clawed_back",
        points,
        at,
        key,
        Author("platform"),
        reason,
        why,
        may_owe=True,
        order_id=order_id,
        program_version=program_version,
    )


def release(
    session: AnySession,
    shop_id: int,
    member_id: int,
    hold_entry_id: int,
    *,
    at: datetime,
    author: Author,
    reason: str,
    why: Why,
    grace_days: int,
) -> int | None:
    """on_hold → available, into the same lots; into an expired one: a new lot of `grace_days` days."""
    return _give_back(session, shop_id, member_id, "release", hold_entry_id, at, author, reason, why, grace_days)


def give_back(
    session: AnySession,
    shop_id: int,
    member_id: int,
    taken_entry_id: int,
    *,
    at: datetime,
    author: Author,
    reason: str,
    why: Why,
    grace_days: int,
    owed_expires_at: datetime | None = None,
) -> int | None:
    """spent → available (kind `return`), into the lots that the hold or spend `taken_entry_id` took from.

    What of a spend was owed comes back as well: it settles what is still owed, and the rest ends at `owed_expires_at`.
    """
    return _give_back(
        session, shop_id, member_id, "return", taken_entry_id, at, author, reason, why, grace_days, owed_expires_at
    )


def merge(
    session: AnySession,
    shop_id: int,
    kept_id: int,
    gone_id: int,
    *,
    at: datetime,
    key: str,
    author: Author,
    reason: str,
    why: Why,
) -> None:
    """All that `gone_id` holds goes to `kept_id`, by entries of both (kind `merge`); lots keep their dates.

    Nothing may be on hold there, and both were swept (`expire_member`). Of several such calls one finds something.
    """
    session.execute(
        text("select ledger_merge(:shop, :kept, :gone, :at, :key, :actor, :actor_name, :reason, cast(:why as jsonb))"),
        {
            "shop": shop_id,
            "kept": kept_id,
            "gone": gone_id,
            "at": at,
            "key": key,
            "actor": author.actor,
            "actor_name": author.name,
            "reason": reason,
            "why": _json(why),
        },
    )


def capture(
    session: AnySession, shop_id: int, member_id: int, hold_entry_id: int, *, at: datetime, reason: str, why: Why
) -> int | None:
    """on_hold → spent. A hold is released or captured at most once: both use the same key."""
    return _call(
        session,
        "ledger_capture(:shop, :member, :at, :answers, :key, 'system', :reason, cast(:why as jsonb))",
        shop=shop_id,
        member=member_id,
        at=at,
        answers=hold_entry_id,
        key=f"hold:{hold_entry_id}:end",
        reason=reason,
        why=_json(why),
    )


def post_due(session: AnySession, now: datetime, limit: int) -> list[Posted]:
    """pending → available for up to `limit` awards whose day has come, oldest first, in one set-based statement.

    Each award is posted at most once, even if two workers run this together: accounts that the other one holds are left
    to it. A member's due awards are posted together, so a few more than `limit` may be.
    """
    rows = session.execute(text("select * from ledger_post_due(:at, :limit)"), {"at": now, "limit": limit})
    return [Posted(row.shop_id, row.member_id, row.entry_id, row.points) for row in rows]


def expire_due(session: AnySession, now: datetime, limit: int) -> list[Posted]:
    """available → expired for up to `limit` lots whose date has come, in one set-based statement.

    A lot whose reminder has not gone out yet is left alone: sending it moves the date (design section 6).
    """
    rows = session.execute(text("select * from ledger_expire_due(:at, :limit)"), {"at": now, "limit": limit})
    return [Posted(row.shop_id, row.member_id, row.entry_id, row.points) for row in rows]


def expire_member(session: AnySession, shop_id: int, member_id: int, now: datetime) -> list[Posted]:
    """available → expired for one member's lots whose date has come. The caller holds the account."""
    newest = text("select coalesce(max(id), 0) from entry where shop_id = :shop and member_id = :member")
    who = {"shop": shop_id, "member": member_id}
    before = session.execute(newest, who).scalar_one()
    session.execute(text("select ledger_expire_member(:shop, :member, :at)"), {**who, "at": now})
    rows = session.execute(
        text("select id, points from entry where shop_id = :shop and member_id = :member and id > :before order by id"),
        {**who, "before": before},
    )
    return [Posted(shop_id, member_id, row.id, row.points) for row in rows]


def _debit(
    session: AnySession,
    shop_id: int,
    member_id: int,
    kind: str,
    to_bucket: str,
    points: int,
    at: datetime,
    key: str,
    author: Author,
    reason: str,
    why: Why,
    *,
    may_owe: bool = False,
    order_id: int | None = None,
    program_version: int | None = None,
) -> int | None:
    available = None
    if not may_owe:
        lock_accounts(session, shop_id, [member_id])
        available = spendable(session, shop_id, member_id, at)
    try:
        return _call(
            session,
            "ledger_debit(:shop, :member, :at, :kind, :to, :points, :key, :actor, :name, :reason, cast(:why as jsonb),"
            " :order, :version, :may_owe)",
            shop=shop_id,
            member=member_id,
            at=at,
            kind=kind,
            to=to_bucket,
            points=points,
            key=key,
            actor=author.actor,
            name=author.name,
            reason=reason,
            why=_json(why),
            order=order_id,
            version=program_version,
            may_owe=may_owe,
        )
    except DBAPIError as error:
        if sqlstate(error) == NOT_ENOUGH_POINTS and available is not None:
            raise NotEnoughPoints(available, points) from None
        raise


def _give_back(
    session: AnySession,
    shop_id: int,
    member_id: int,
    kind: str,
    answers: int,
    at: datetime,
    author: Author,
    reason: str,
    why: Why,
    grace_days: int,
    owed_expires_at: datetime | None = None,
) -> int | None:
    key = f"hold:{answers}:end" if kind == "release" else f"entry:{answers}:return"
    return _call(
        session,
        "ledger_give_back(:shop, :member, :at, :kind, :answers, :key, :actor, :name, :reason, cast(:why as jsonb),"
        " :grace, :owed_expires)",
        shop=shop_id,
        member=member_id,
        at=at,
        kind=kind,
        answers=answers,
        key=key,
        actor=author.actor,
        name=author.name,
        reason=reason,
        why=_json(why),
        grace=grace_days,
        owed_expires=owed_expires_at,
    )


def _call(session: AnySession, function: str, **parameters: Any) -> int | None:
    value: int | None = session.execute(text(f"select {function}"), parameters).scalar_one()
    return value


def _json(why: Why) -> str:
    return orjson.dumps(why).decode()
