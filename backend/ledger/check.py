"""Proving the ledger: every invariant of design section 4, asked of the data itself.

Each question returns the rows that break it, so an empty answer is the proof. All are asked of one snapshot: writers are
not held up, and what they do meanwhile cannot look like a fault. The questions read the tables as they are; they trust
no constraint, since a constraint can be dropped.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.errors import NotFound
from backend.ledger.day_questions import DAY_QUESTIONS
from backend.ledger.posting import AnySession
from backend.ledger.question import Question
from backend.ledger.referral_questions import REFERRAL_QUESTIONS
from backend.ledger.reward_questions import REWARD_QUESTIONS
from backend.ledger.tier_questions import TIER_QUESTIONS

SHOWN_PER_INVARIANT = 1000
LONGEST_UNHANDLED = timedelta(minutes=10)


@dataclass(frozen=True)
class Violation:
    """One row that breaks an invariant. `member_id` is None where it is not about one member."""

    invariant: int
    shop_id: int
    member_id: int | None
    what: str

    def as_document(self) -> dict[str, Any]:
        return {
            "invariant": self.invariant,
            "shop_id": str(self.shop_id),
            "member_id": str(self.member_id) if self.member_id is not None else None,
            "what": self.what,
        }


@dataclass(frozen=True)
class Report:
    """What was looked at, and what is wrong with it."""

    members: int
    entries: int
    violations: list[Violation] = field(default_factory=list)

    def as_document(self) -> dict[str, Any]:
        return {
            "members": self.members,
            "entries": self.entries,
            "violations": [violation.as_document() for violation in self.violations],
        }


def check(session: AnySession, now: datetime, wall: datetime, shop_id: int | None = None) -> Report:
    """Ask every question, of one shop or of all. Must be the first thing of its transaction.

    Raises NotFound for a shop that does not exist.
    """
    session.execute(text("set transaction isolation level repeatable read"))
    session.execute(text("set local statement_timeout = 0"))
    parameters = {
        "shop": shop_id,
        "now": now,
        "unhandled_since": wall - LONGEST_UNHANDLED,
        "overdue_since": now - LONGEST_UNHANDLED,
        "shown": SHOWN_PER_INVARIANT,
    }
    if shop_id is not None and not session.execute(text("select 1 from shop where id = :shop"), parameters).first():
        raise NotFound(f"There is no shop {shop_id}.")
    counts = session.execute(
        text(
            "select (select count(*) from account where cast(:shop as bigint) is null or shop_id = :shop),"
            " (select count(*) from entry where cast(:shop as bigint) is null or shop_id = :shop)"
        ),
        parameters,
    ).one()
    violations = [
        Violation(question.invariant, row.shop_id, row.member_id, row.what)
        for question in (*QUESTIONS, *REWARD_QUESTIONS, *TIER_QUESTIONS, *REFERRAL_QUESTIONS, *DAY_QUESTIONS)
        for row in session.execute(text(_scoped(question.rows)), parameters)
    ]
    return Report(members=counts[0], entries=counts[1], violations=violations)


def _scoped(rows: str) -> str:
    return f"select * from ({rows}) broken where cast(:shop as bigint) is null or shop_id = :shop limit :shown"  # noqa: S608


QUESTIONS = (
    Question(
        1,  # each balance is the sum of its entries
        """
        select a.shop_id, a.member_id, format('the account says pending %s, available %s, on_hold %s, owed %s; the entries'
            ' say %s, %s, %s, %s', a.pending, a.available, a.on_hold, a.owed,
            coalesce(e.pending, 0), coalesce(e.available, 0), coalesce(e.on_hold, 0), coalesce(e.owed, 0)) as what
        from account a
        left join (
            select shop_id, member_id,
                sum(case when to_bucket = 'pending' then points else 0 end
                    - case when from_bucket = 'pending' then points else 0 end) as pending,
                sum(case when to_bucket = 'available' then points else 0 end
                    - case when from_bucket = 'available' then points else 0 end) as available,
                sum(case when to_bucket = 'on_hold' then points else 0 end
                    - case when from_bucket = 'on_hold' then points else 0 end) as on_hold,
                sum(case when to_bucket = 'owed' then points else 0 end
                    - case when from_bucket = 'owed' then points else 0 end) as owed
            from entry group by shop_id, member_id
        ) e using (shop_id, member_id)
        where (a.pending, a.available, a.on_hold, a.owed) is distinct from
            (coalesce(e.pending, 0), coalesce(e.available, 0), coalesce(e.on_hold, 0), coalesce(e.owed, 0))
        """,
    ),
    Question(
        1,  # no entry without an account
        """
        select e.shop_id, e.member_id, format('entry %s belongs to no account', e.id) as what
        from entry e left join account a using (shop_id, member_id) where a.member_id is null
        """,
    ),
    Question(
        1,  # what waits is what the awards promise
        """
        select a.shop_id, a.member_id, format('%s points are pending, the waiting awards hold %s', a.pending,
            coalesce(w.pending, 0)) as what
        from account a
        left join (select shop_id, member_id, sum(pending) as pending from award where state = 'pending'
            group by shop_id, member_id) w using (shop_id, member_id)
        where a.pending <> coalesce(w.pending, 0)
        """,
    ),
    Question(
        2,  # what is available is what remains in the open lots
        """
        select a.shop_id, a.member_id, format('%s points are available, the open lots hold %s', a.available,
            coalesce(l.remaining, 0)) as what
        from account a
        left join (select shop_id, member_id, sum(remaining) as remaining from lot where open group by shop_id, member_id) l
            using (shop_id, member_id)
        where a.available <> coalesce(l.remaining, 0)
        """,
    ),
    Question(
        2,  # a lot holds between nothing and all of its points, and is open while something remains
        """
        select shop_id, member_id, format('lot %s holds %s of %s points and is %s', id, remaining, points,
            case when open then 'open' else 'closed' end) as what
        from lot where remaining < 0 or remaining > points or open <> (remaining > 0)
        """,
    ),
    Question(
        2,  # a lot holds what was put in, less what was taken, plus what came back
        """
        select l.shop_id, l.member_id, format('lot %s holds %s, its entries leave %s', l.id, l.remaining,
            l.points + coalesce(m.moved, 0)) as what
        from lot l
        left join (
            select el.shop_id, el.lot_id,
                sum(case when e.to_bucket = 'available' then el.points else -el.points end) as moved
            from entry_lot el join entry e on e.shop_id = el.shop_id and e.id = el.entry_id
            group by el.shop_id, el.lot_id
        ) m on m.shop_id = l.shop_id and m.lot_id = l.id
        where l.remaining <> l.points + coalesce(m.moved, 0)
        """,
    ),
    Question(
        2,  # each movement of available points is a movement of lots
        """
        select e.shop_id, e.member_id, format('entry %s (%s) moves %s points and its lots %s', e.id, e.kind, e.points,
            coalesce(t.points, 0) + coalesce(n.points, 0)) as what
        from entry e
        left join (select shop_id, entry_id, sum(points) as points from entry_lot group by shop_id, entry_id) t
            on t.shop_id = e.shop_id and t.entry_id = e.id
        left join (select shop_id, entry_id, sum(points) as points from lot group by shop_id, entry_id) n
            on n.shop_id = e.shop_id and n.entry_id = e.id
        where 'available' in (e.from_bucket, e.to_bucket)
            and e.points <> coalesce(t.points, 0) + coalesce(n.points, 0)
        """,
    ),
    Question(
        2,  # what is spent was not past its date
        """
        select e.shop_id, e.member_id, format('entry %s (%s) took from lot %s after its end', e.id, e.kind, l.id) as what
        from entry_lot el
        join entry e on e.shop_id = el.shop_id and e.id = el.entry_id and e.kind in ('hold', 'deduct')
        join lot l on l.shop_id = el.shop_id and l.id = el.lot_id
        where l.expires_at <= e.at
        """,
    ),
    Question(
        3,  # the signs, and owing only while nothing is available
        """
        select shop_id, member_id, format('pending %s, available %s, on_hold %s, owed %s', pending, available, on_hold,
            owed) as what
        from account
        where pending < 0 or available < 0 or on_hold < 0 or owed > 0 or (owed < 0 and available > 0)
        """,
    ),
    Question(
        4,  # each entry's available_after goes on from the one before it
        """
        select shop_id, member_id, format('entry %s says %s available after it, the one before it leads to %s', id,
            available_after, before + change) as what
        from (
            select shop_id, member_id, id, available_after,
                lag(available_after, 1, 0::bigint) over (partition by shop_id, member_id order by id) as before,
                case when to_bucket = 'available' then points when from_bucket = 'available' then -points else 0 end
                    as change
            from entry
        ) steps
        where available_after <> before + change
        """,
    ),
    Question(
        5,  # an order never gives back more than it promised
        """
        select o.shop_id, o.member_id, format('order %s promised %s, %s were voided, %s taken back and %s counted as expired',
            o.id, e.promised, e.voided, e.clawed_back, o.expired_taken_back) as what
        from orders o
        join (
            select shop_id, order_id,
                coalesce(sum(points) filter (where kind = 'promise'), 0) as promised,
                coalesce(sum(points) filter (where kind = 'void'), 0) as voided,
                coalesce(sum(points) filter (where kind = 'claw_back'), 0) as clawed_back
            from entry where order_id is not null group by shop_id, order_id
        ) e on e.shop_id = o.shop_id and e.order_id = o.id
        where e.voided + e.clawed_back + o.expired_taken_back > e.promised
        """,
    ),
    Question(
        5,  # an award ends once: what was promised is pending, posted or voided
        """
        select w.shop_id, w.member_id, format('award %s is %s: promised %s, pending %s, posted %s, voided %s', w.id, w.state,
            w.promised, w.pending, coalesce(e.posted, 0), coalesce(e.voided, 0)) as what
        from award w
        left join (
            select shop_id, award_id,
                sum(points) filter (where kind = 'promise') as promised,
                sum(points) filter (where kind = 'post') as posted,
                sum(points) filter (where kind = 'void') as voided
            from entry where award_id is not null group by shop_id, award_id
        ) e on e.shop_id = w.shop_id and e.award_id = w.id
        where w.promised <> w.pending + coalesce(e.posted, 0) + coalesce(e.voided, 0)
            or w.promised <> coalesce(e.promised, 0)
            or (w.state = 'pending') <> (w.pending > 0)
            or (w.state = 'posted') <> (e.posted is not null)
        """,
    ),
    Question(
        6,  # a hold ends at most once
        """
        select shop_id, min(member_id) as member_id, format('hold %s ended %s times', answers_entry_id, count(*)) as what
        from entry where kind in ('release', 'capture') group by shop_id, answers_entry_id having count(*) > 1
        """,
    ),
    Question(
        6,  # what was spent comes back at most once
        """
        select shop_id, min(member_id) as member_id, format('entry %s was returned %s times', answers_entry_id, count(*))
            as what
        from entry where kind = 'return' group by shop_id, answers_entry_id having count(*) > 1
        """,
    ),
    Question(
        6,  # what ends a hold or gives back points is as much as was taken, of the same member, and may end it
        """
        select e.shop_id, e.member_id, format('entry %s (%s of %s points) answers %s', e.id, e.kind, e.points, case
            when a.id is null then 'no entry'
            else format('entry %s (%s of %s points by member %s%s)', a.id, a.kind, a.points, a.member_id,
                case when a.kind = 'hold' and not c.captured then ', not captured' else '' end) end) as what
        from entry e
        left join entry a on a.shop_id = e.shop_id and a.id = e.answers_entry_id
        left join lateral (select exists (select 1 from entry c where c.shop_id = a.shop_id
            and c.answers_entry_id = a.id and c.kind = 'capture') as captured) c on true
        left join entry w on w.shop_id = a.shop_id and w.source_key = a.source_key || '\\:owed' and w.kind = 'spend'
        where e.kind in ('release', 'capture', 'return') and (a.id is null or a.member_id <> e.member_id and not exists (
                select 1 from member m join member n on n.shop_id = m.shop_id
                where m.shop_id = a.shop_id and m.id = a.member_id and n.id = e.member_id
                    and coalesce(m.merged_into, m.id) = coalesce(n.merged_into, n.id))
            or a.points + coalesce(w.points, 0) <> e.points or a.kind not in ('hold', 'spend')
            or (e.kind in ('release', 'capture') and a.kind <> 'hold')
            or (e.kind = 'return' and a.kind = 'hold' and not c.captured))
        """,
    ),
    Question(
        6,  # what is on hold is what the open holds took
        """
        select a.shop_id, a.member_id, format('%s points are on hold, the open holds took %s', a.on_hold,
            coalesce(h.points, 0)) as what
        from account a
        left join (
            select h.shop_id, h.member_id, sum(h.points) as points from entry h
            where h.kind = 'hold' and not exists (
                select 1 from entry e where e.shop_id = h.shop_id and e.answers_entry_id = h.id
                    and e.kind in ('release', 'capture'))
            group by h.shop_id, h.member_id
        ) h using (shop_id, member_id)
        where a.on_hold <> coalesce(h.points, 0)
        """,
    ),
    Question(
        1,  # what a merge takes out of one account it puts into another
        """
        select shop_id, null::bigint as member_id, format('%s points are between two accounts that were merged',
            sum(case when to_bucket = 'merged' then points else -points end)) as what
        from entry where kind = 'merge' group by shop_id
        having sum(case when to_bucket = 'merged' then points else -points end) <> 0
        """,
    ),
    Question(
        1,  # an account that was merged is empty, and what it stands for is no such account
        """
        select m.shop_id, m.id as member_id, format('the account was merged into %s, which is %s; it holds %s', m.merged_into,
            k.status, a.pending + a.available + a.on_hold + a.owed) as what
        from member m
        join account a on a.shop_id = m.shop_id and a.member_id = m.id
        join member k on k.shop_id = m.shop_id and k.id = m.merged_into
        where (a.pending, a.available, a.on_hold, a.owed) <> (0, 0, 0, 0) or k.merged_into is not null
            or (m.status = 'erased') <> (k.status = 'erased') and m.status <> 'erased'
        """,
    ),
    Question(
        8,  # what was acknowledged is handled
        """
        select shop_id, null::bigint as member_id, format('delivery %s has been waiting since %s', id, next_try_at) as what
        from delivery where state = 'received' and (next_try_at is null or next_try_at < :unhandled_since)
        """,
    ),
    Question(
        8,  # what failed is kept
        """
        select shop_id, null::bigint as member_id, format('delivery %s failed and its body is gone', id) as what
        from delivery where state in ('failed', 'received') and body is null
        """,
    ),
    Question(
        9,  # opening + movements = closing, per shop over all its days
        """
        select a.shop_id, null::bigint as member_id, format('the entries close at %s, the accounts at %s',
            coalesce(e.closing, 0), a.closing) as what
        from (select shop_id, sum(pending + available + on_hold + owed) as closing from account group by shop_id) a
        left join (
            select shop_id, sum(case
                when kind in ('promise', 'grant', 'return') then points
                when kind in ('void', 'deduct', 'claw_back', 'spend', 'capture', 'expire') then -points
                else 0 end) as closing
            from entry group by shop_id
        ) e using (shop_id)
        where a.closing <> coalesce(e.closing, 0)
        """,
    ),
)
