"""What people of the team change for a member by hand: points, a reward had or given back on behalf, two accounts made one
(docs/decisions/0020).

Above the shop's limit a change waits for a second person; below it, it is done at once and counts towards what its author
may still do alone on that day. Nobody changes what is their own. Machines (keys of the merchant API) are not people: what
they may do is said by their scopes.

Everything happens in the caller's transaction, with the person's row locked first and the member's account last: two forms
sent at the same moment are judged one after the other, and a change is either wholly done or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from backend.errors import BadInput, Conflict, NotFound
from backend.ledger.balance import Balance, balance
from backend.ledger.posting import AnySession, Author
from backend.loyalty import calendar_rules
from backend.loyalty.members import merging, person_locks
from backend.loyalty.points import adjustments
from backend.loyalty.redemptions import endings, redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.loyalty.referrals import referrals
from backend.loyalty.rewards import rewards
from backend.loyalty.shops.shops import ShopFacts
from backend.models import ApprovalLimit, ManualChange, Member, Redemption
from backend.platforms.events import time_text

WAITS = timedelta(days=7)
"""How long somebody may take to agree; then it has to be asked for again."""
MAX_REASON_CHARACTERS = 500
ASSIGN = "points:assign"
"""The right that both need, but who asks to merge: they need `MERGE` (`backend/staff/rights.py`)."""
MERGE = "customers:manage"

What = Literal["adjust", "redeem", "return", "merge"]
Decision = Literal["approved", "refused"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the team."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    what: What
    member_id: int
    points: int
    reason: str
    details: Mapping[str, Any]


# The limit ---------------------------------------------------------------------------------------------------------


def limit_of(session: AnySession, shop_id: int) -> ApprovalLimit | None:
    """The shop's limit and who set it; None if nobody ever did."""
    return session.get(ApprovalLimit, (shop_id,))


def set_limit(session: AnySession, shop_id: int, points: int | None, author: str, now: datetime) -> None:
    """From now on more than `points` need a second person; None: nothing does. What waits already goes on waiting."""
    if points is not None and not 1 <= points <= adjustments.MAX_POINTS:
        message = f"should be 1 to {adjustments.MAX_POINTS}"
        raise BadInput(f"The limit {message}.", [{"field": "points", "message": message}])
    said = {"points": points, "changed_at": now, "changed_by": author}
    session.execute(
        insert(ApprovalLimit)
        .values(shop_id=shop_id, **said)
        .on_conflict_do_update(index_elements=["shop_id"], set_=said)
    )
    session.expire_all()


def who_may_approve(session: AnySession, shop_id: int) -> int:
    """How many people could agree to what another one asks for."""
    counted: int = session.execute(
        text("select count(*) from staff where shop_id = :shop and status = 'active' and :right = any(rights)"),
        {"shop": shop_id, "right": ASSIGN},
    ).scalar_one()
    return counted


def left_today(session: AnySession, shop: ShopFacts, person_id: int, now: datetime) -> int | None:
    """How many points this person may still move today without a second one; None: as many as they like."""
    limit = limit_of(session, shop.id)
    if limit is None or limit.points is None:
        return None
    return max(0, limit.points - _moved_alone(session, shop, person_id, now))


# Asking ------------------------------------------------------------------------------------------------------------


def adjust(
    session: AnySession,
    shop: ShopFacts,
    person: Person,
    member_id: int,
    points: int,
    reason: str,
    key: str,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    is_told: bool = True,
) -> ManualChange:
    """Add points, or take them by a negative number (S3.22): done, or waiting for a second person.

    `key` is the form's: sent twice it is one change. Raises what `adjustments.adjust` does; Conflict `own_account`,
    `not_allowed`, `form_reused`; BadInput.
    """
    if points == 0 or abs(points) > adjustments.MAX_POINTS:
        message = f"should be 1 to {adjustments.MAX_POINTS:,}, or as many below zero"
        raise BadInput(f"Points {message}.", [{"field": "points", "message": message}])
    if points < 0 and expires_at is not None:
        message = "Points that are taken have no end."
        raise BadInput(message, [{"field": "expires_on", "message": message}])
    details = {"expires_at": time_text(expires_at) if expires_at else None, "is_told": is_told}
    return _ask(session, shop, person, _Wanted("adjust", member_id, points, reason, details), key, now)


def redeem(
    session: AnySession,
    shop: ShopFacts,
    person: Person,
    member_id: int,
    reward_id: int,
    attributes: Mapping[str, Any],
    reason: str,
    key: str,
    now: datetime,
) -> ManualChange:
    """Have a reward for a member, for the member's points. Raises what `redemptions.redeem` and `adjust` here do."""
    reward = rewards.find(session, shop.id, reward_id)
    details = {"reward_id": reward_id, "name": reward.name, "attributes": dict(attributes)}
    return _ask(session, shop, person, _Wanted("redeem", member_id, -reward.points, reason, details), key, now)


def give_back(
    session: AnySession,
    shop: ShopFacts,
    person: Person,
    member_id: int,
    redemption_id: int,
    reason: str,
    key: str,
    now: datetime,
) -> ManualChange:
    """Give an unused reward back for a member: its code ends, then the points return. Raises what `endings.give_back`
    and `adjust` here do."""
    redemption = session.get(Redemption, (shop.id, redemption_id))
    if redemption is None or redemption.member_id != member_id:
        raise NotFound()
    details = {"redemption_id": redemption_id, "name": redemption.frozen["name"]}
    return _ask(session, shop, person, _Wanted("return", member_id, redemption.points, reason, details), key, now)


def merge(
    session: AnySession,
    shop: ShopFacts,
    person: Person,
    kept_id: int,
    gone_id: int,
    reason: str,
    key: str,
    now: datetime,
) -> ManualChange:
    """Make `gone_id` part of `kept_id`, for good. Call it first in a transaction.

    Whoever has come by either account has both afterwards, so what counts is the larger one's points: also what is pending,
    on hold or owed. Raises what `merging.merge` and `adjust` here do.
    """
    if kept_id == gone_id:
        raise Conflict("These are one and the same account.", code="same_member")
    _hold_person(session, shop.id, person.id)
    points = _size_of_merge(session, shop.id, kept_id, gone_id, now)
    return _ask(session, shop, person, _Wanted("merge", kept_id, points, reason, {"other_id": gone_id}), key, now)


def _size_of_merge(session: AnySession, shop_id: int, kept_id: int, gone_id: int, now: datetime) -> int:
    """With both held: what is earned meanwhile must not go along uncounted."""
    person_locks.hold(session, shop_id, [kept_id, gone_id], referrals.LINKS)
    return max(_size(balance(session, shop_id, each, now)) for each in (kept_id, gone_id))


def _size(had: Balance) -> int:
    return had.available + had.pending + had.on_hold - had.owed


def _ask(
    session: AnySession, shop: ShopFacts, person: Person, wanted: _Wanted, key: str, now: datetime
) -> ManualChange:
    reason = _checked_reason(wanted.reason)
    if session.get(Member, (shop.id, wanted.member_id)) is None:
        raise NotFound()
    _hold_person(session, shop.id, person.id)
    if (known := _of_key(session, shop.id, key)) is not None:
        # once merged, the account that goes has none of its points
        said = wanted.details["other_id"] if wanted.what == "merge" else wanted.points
        if (known.staff_id, known.what, known.member_id, known.reason, known.details.get("other_id", known.points)) != (
            person.id,
            wanted.what,
            wanted.member_id,
            reason,
            said,
        ):
            raise Conflict(
                "This form was sent before with something else in it. Open the page again.", code="form_reused"
            )
        return known
    for member_id in _concerned(wanted.member_id, wanted.details):
        refuse_own(session, shop.id, person.id, member_id)
    needs_another = _needs_another(session, shop, person.id, wanted.points, now)
    change = ManualChange(
        shop_id=shop.id,
        key=key,
        member_id=wanted.member_id,
        what=wanted.what,
        points=wanted.points,
        reason=reason,
        details=dict(wanted.details),
        staff_id=person.id,
        staff_name=person.name,
        asked_at=now,
        day=_day(shop, now),
        state="waiting" if needs_another else "done",
        waits_until=now + WAITS if needs_another else None,
    )
    session.add(change)
    session.flush()
    if needs_another:
        _try_out(session, shop, change, now)
    else:
        _carry_out(session, shop, change, Author("staff", person.name), now)
    return change


def _concerned(member_id: int, details: Mapping[str, Any]) -> tuple[int, ...]:
    """The members whom a change is about: two, if it makes them one."""
    return (member_id, details["other_id"]) if "other_id" in details else (member_id,)


def _needs_another(session: AnySession, shop: ShopFacts, person_id: int, points: int, now: datetime) -> bool:
    left = left_today(session, shop, person_id, now)
    return left is not None and abs(points) > left


def _moved_alone(session: AnySession, shop: ShopFacts, person_id: int, now: datetime) -> int:
    moved: int = session.execute(
        text(
            "select coalesce(sum(abs(points)), 0) from manual_change"
            " where shop_id = :shop and staff_id = :person and day = :day and state = 'done'"
        ),
        {"shop": shop.id, "person": person_id, "day": _day(shop, now)},
    ).scalar_one()
    return int(moved)


def _try_out(session: AnySession, shop: ShopFacts, change: ManualChange, now: datetime) -> None:
    """What could not be done now is not asked of anybody: do it, and take it back."""
    trial = session.begin_nested()
    try:
        _carry_out(session, shop, change, Author("staff", change.staff_name), now)
    finally:
        trial.rollback()
        session.expire(change)


# Deciding ----------------------------------------------------------------------------------------------------------


def decide(
    session: AnySession,
    shop: ShopFacts,
    person: Person,
    change_id: int,
    decision: Decision,
    reason: str,
    now: datetime,
) -> ManualChange:
    """A second person agrees, and it is done; or refuses, and says why. The same decision again changes nothing.

    Raises NotFound; Conflict `decided`, `too_late`, `own_request`, `own_account`, `asker_gone`, and whatever its verb
    refuses now: then it goes on waiting.
    """
    change = _held(session, shop.id, change_id)
    if change.state == decision and change.decided_by == person.id:
        return change
    _refuse_decided(change, now)
    if _is_same_person(session, shop.id, person.id, change.staff_id):
        raise Conflict("You asked for this: somebody else has to decide.", code="own_request")
    concerned = _concerned(change.member_id, change.details)
    for member_id in concerned:
        refuse_own(session, shop.id, person.id, member_id)
    if decision == "refused":
        return _decided(session, change, "refused", person, now, _checked_reason(reason))
    right, doing = (MERGE, "merge accounts") if change.what == "merge" else (ASSIGN, "change points")
    if not _may(session, shop.id, change.staff_id, right):
        raise Conflict(
            f"{change.staff_name} may not {doing} any more. Refuse it; who still may can ask for it.",
            code="asker_gone",
        )
    for member_id in concerned:
        refuse_own(session, shop.id, change.staff_id, member_id, who=change.staff_name)
    author = Author("staff", f"{change.staff_name}, approved by {person.name}")
    _carry_out(session, shop, change, author, now)
    return _decided(session, change, "approved", person, now, _checked_reason(reason) if reason.strip() else None)


def withdraw(session: AnySession, shop_id: int, person: Person, change_id: int, now: datetime) -> ManualChange:
    """Who asked does not want it any more. Doing it again changes nothing. Raises NotFound, Conflict."""
    change = _held(session, shop_id, change_id)
    if change.staff_id != person.id:
        raise Conflict("Only who asked for this can take it back.", code="not_yours")
    if change.state == "withdrawn":
        return change
    _refuse_decided(change, now)
    return _decided(session, change, "withdrawn", person, now, None)


def _held(session: AnySession, shop_id: int, change_id: int) -> ManualChange:
    change = session.get(ManualChange, (shop_id, change_id), with_for_update=True, populate_existing=True)
    if change is None or change.waits_until is None:
        raise NotFound()
    return change


def _refuse_decided(change: ManualChange, now: datetime) -> None:
    if change.state != "waiting":
        done = {"approved": "approved", "refused": "refused", "withdrawn": "taken back"}[change.state]
        raise Conflict(f"{change.decided_name} has {done} this already.", code="decided")
    assert change.waits_until is not None
    if change.waits_until <= now:
        raise Conflict(
            f"This has waited for {WAITS.days} days and is over. It can be asked for again.", code="too_late"
        )


def _decided(
    session: AnySession, change: ManualChange, state: str, person: Person, now: datetime, reason: str | None
) -> ManualChange:
    change.state, change.decided_by, change.decided_name = state, person.id, person.name
    change.decided_at, change.decision_reason = now, reason
    session.flush()
    return change


# Reading -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A change that needed a second person, with whom it is for. `state` is `expired` once nobody can agree any more."""

    change: ManualChange
    state: str
    member_name: str
    member_email: str | None
    other_id: int | None
    """The account that a merge would make part of the member's."""
    other_name: str
    other_email: str | None


_MEMBER = (
    "select m.id, m.email, btrim(coalesce(m.first_name, '') || ' ' || coalesce(m.last_name, '')) as name"
    " from member m where m.shop_id = :shop and m.id = any(cast(:members as bigint[]))"
)


def waiting(session: AnySession, shop_id: int, now: datetime, limit: int = 100) -> list[Shown]:
    """What waits for a second person, the one that is over first at the top; at most `limit`."""
    asked = (
        select(ManualChange)
        .where(ManualChange.shop_id == shop_id, ManualChange.state == "waiting", ManualChange.waits_until > now)
        .order_by(ManualChange.waits_until, ManualChange.id)
        .limit(limit)
    )
    return _shown(session, shop_id, session.execute(asked).scalars().all(), now)


def past(session: AnySession, shop_id: int, now: datetime, before: int | None, limit: int) -> list[Shown]:
    """What needed a second person and is decided or over, newest first, before that id."""
    asked = (
        select(ManualChange)
        .where(
            ManualChange.shop_id == shop_id,
            ManualChange.waits_until.is_not(None),
            ManualChange.id < (before or 2**63 - 1),
            (ManualChange.state != "waiting") | (ManualChange.waits_until <= now),
        )
        .order_by(ManualChange.id.desc())
        .limit(limit)
    )
    return _shown(session, shop_id, session.execute(asked).scalars().all(), now)


def waiting_for(session: AnySession, shop_id: int, member_id: int, now: datetime) -> Sequence[ManualChange]:
    """What waits for a second person for this member, oldest first."""
    asked = (
        select(ManualChange)
        .where(
            ManualChange.shop_id == shop_id,
            ManualChange.member_id == member_id,
            ManualChange.state == "waiting",
            ManualChange.waits_until > now,
        )
        .order_by(ManualChange.id)
        .limit(20)
    )
    return session.execute(asked).scalars().all()


def _shown(session: AnySession, shop_id: int, changes: Sequence[ManualChange], now: datetime) -> list[Shown]:
    members = {
        row.id: row
        for row in session.execute(
            text(_MEMBER),
            {"shop": shop_id, "members": [one for each in changes for one in _concerned(each.member_id, each.details)]},
        )
    }
    shown = []
    for each in changes:
        other_id = each.details.get("other_id")
        shown.append(
            Shown(
                each,
                "expired" if each.state == "waiting" and each.waits_until and each.waits_until <= now else each.state,
                members[each.member_id].name,
                members[each.member_id].email,
                other_id,
                members[other_id].name if other_id else "",
                members[other_id].email if other_id else None,
            )
        )
    return shown


# Who it is ---------------------------------------------------------------------------------------------------------

_OWN = text(
    """
    with recursive one as (
        select cast(:member as bigint) as id
        union
        select s.other from one cross join lateral (
            select gone_id as other from same_person where shop_id = :shop and kept_id = one.id
            union all select kept_id from same_person where shop_id = :shop and gone_id = one.id) s
    )
    select exists (
        select from one
        join member m on m.shop_id = p.shop_id and m.id = one.id
        left join verified_address v on v.shop_id = m.shop_id and v.member_id = m.id
        where email_key_of(p.email) in (m.email_key, email_key_of(v.email)))
    from staff p where p.shop_id = :shop and p.id = :person
    """
)


def is_own(session: AnySession, shop_id: int, person_id: int, member_id: int) -> bool:
    """Whether the member is that person: by the address, whatever its +tag, or an account that was merged with it."""
    return bool(session.execute(_OWN, {"shop": shop_id, "person": person_id, "member": member_id}).scalar_one_or_none())


def refuse_own(session: AnySession, shop_id: int, person_id: int, member_id: int, who: str | None = None) -> None:
    """Raises Conflict `own_account` if the member is that person; `who` is their name if it is not the reader."""
    if is_own(session, shop_id, person_id, member_id):
        said = f"This is {who}’s own account: nobody" if who else "This is your own account: nobody"
        raise Conflict(f"{said} changes what is theirs. Somebody else of your team can.", code="own_account")


def _is_same_person(session: AnySession, shop_id: int, one: int, other: int) -> bool:
    """One person may have two accounts; the second is not a second person."""
    if one == other:
        return True
    keys: int = session.execute(
        text("select count(distinct email_key_of(email)) from staff where shop_id = :shop and id in (:one, :other)"),
        {"shop": shop_id, "one": one, "other": other},
    ).scalar_one()
    return keys < 2


def _may(session: AnySession, shop_id: int, person_id: int, right: str) -> bool:
    return bool(
        session.execute(
            text(
                "select 1 from staff where shop_id = :shop and id = :person and status = 'active' and :right = any(rights)"
            ),
            {"shop": shop_id, "person": person_id, "right": right},
        ).scalar_one_or_none()
    )


def _hold_person(session: AnySession, shop_id: int, person_id: int) -> None:
    """Who sends two forms at once is judged one after the other: together they must not go above the limit."""
    found = session.execute(
        text("select 1 from staff where shop_id = :shop and id = :person and status = 'active' for no key update"),
        {"shop": shop_id, "person": person_id},
    ).scalar_one_or_none()
    if found is None:
        raise Conflict("You are not on the team any more.", code="not_allowed")


def _of_key(session: AnySession, shop_id: int, key: str) -> ManualChange | None:
    return session.execute(
        select(ManualChange).where(ManualChange.shop_id == shop_id, ManualChange.key == key)
    ).scalar_one_or_none()


def _day(shop: ShopFacts, now: datetime) -> Any:
    return calendar_rules.local_day(now, calendar_rules.timezone(shop.timezone))


def _checked_reason(reason: str) -> str:
    said = " ".join(reason.split())
    if not said:
        message = "Say why: it is kept with the change."
    elif len(said) > MAX_REASON_CHARACTERS or not said.isprintable():
        message = f"Write at most {MAX_REASON_CHARACTERS} characters of plain text."
    else:
        return said
    raise BadInput(message, [{"field": "reason", "message": message}])


# Doing it ----------------------------------------------------------------------------------------------------------


def _carry_out(session: AnySession, shop: ShopFacts, change: ManualChange, author: Author, now: datetime) -> None:
    details, key = change.details, f"by-hand:{change.key}"
    match change.what:
        case "adjust":
            expires_at = details["expires_at"]
            change.entry_id = adjustments.adjust(
                session,
                shop.id,
                change.member_id,
                change.points,
                change.reason,
                author,
                key,
                now,
                datetime.fromisoformat(expires_at) if expires_at else None,
                is_told=details["is_told"],
            )
        case "redeem":
            if rewards.find(session, shop.id, details["reward_id"]).points != -change.points:
                raise Conflict("This reward costs something else by now. Ask for it again.", code="price_changed")
            who = Redeemer(change.member_id, author)
            had = redemptions.redeem_within(session, shop, who, details["reward_id"], details["attributes"], key, now)
            change.redemption_id, change.entry_id = had["id"], had["entry_id"]
        case "return":
            given_back = endings.give_back(
                session, shop, change.member_id, details["redemption_id"], now, staff=author.name
            )
            change.redemption_id = given_back.id
        case "merge":
            merging.merge(session, shop, change.member_id, details["other_id"], change.reason, author, now)
    session.flush()
