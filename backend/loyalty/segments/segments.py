"""Segments: members who meet the same conditions, kept up by `segment_judging`.

A segment's `id` is what rewards target and what a member's `segments` hold; its rules are eligibility rules.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from backend.errors import Conflict, Contradiction, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.eligibility.eligibility import Rule, read_rules, rules_to_document
from backend.loyalty.eligibility.eligibility_reading import read_target
from backend.loyalty.eligibility.eligibility_terms import folded
from backend.loyalty.program import programs
from backend.loyalty.segments import segment_due
from backend.models import Segment
from backend.queue import enqueue_after_commit

MAX_SEGMENTS = 100
AT_ONCE = timedelta(seconds=1)
"""Before now: the clocks of two machines differ a little, and a change is due at once on each of them."""


def create(session: AnySession, shop_id: int, segment_id: str, name: str, rules: object, now: datetime) -> Segment:
    """Make a segment; its members are found within seconds.

    Raises BadInput, Contradiction; Conflict `id_taken`, `too_many`.
    """
    read = _read(rules)
    _hold(session, shop_id)
    count = session.execute(text("select count(*) from segment where shop_id = :shop"), {"shop": shop_id}).scalar_one()
    if count >= MAX_SEGMENTS:
        raise Conflict(f"A shop can have {MAX_SEGMENTS} segments.", code="too_many")
    made = session.execute(
        insert(Segment)
        .values(
            shop_id=shop_id,
            id=segment_id,
            name=name,
            rules=rules_to_document(read),
            created_at=now,
            modified_at=now,
        )
        .on_conflict_do_nothing(index_elements=["shop_id", "id"])
        .returning(Segment)
    ).scalar_one_or_none()
    if made is None:
        raise Conflict("There is a segment of this id already.", code="id_taken")
    _judge_everybody(session, shop_id, now)
    return made


def update(
    session: AnySession, shop_id: int, segment_id: str, now: datetime, name: str | None = None, rules: object = None
) -> Segment:
    """Change its name, its rules or both; what is None stays. Raises NotFound, BadInput, Contradiction."""
    read = None if rules is None else _read(rules)
    _hold(session, shop_id)
    segment = find(session, shop_id, segment_id)
    if name is not None:
        segment.name = name
    if read is not None and (document := rules_to_document(read)) != segment.rules:
        segment.rules = document
        segment.counted_at = None
        _judge_everybody(session, shop_id, now)
    segment.modified_at = now
    session.flush()
    return segment


def delete(session: AnySession, shop_id: int, segment_id: str, now: datetime) -> None:
    """Drop a segment. Raises NotFound; Conflict `in_use` that names what is for its members alone."""
    _hold(session, shop_id)
    segment = find(session, shop_id, segment_id)
    if users := _users(session, shop_id, segment_id):
        named = ", ".join(users)
        raise Conflict(
            f"This segment is asked for by: {named}.",
            code="in_use",
            errors=[{"field": "id", "message": f"is asked for by {user}"} for user in users],
        )
    session.delete(segment)
    session.flush()
    _judge_everybody(session, shop_id, now)


def find(session: AnySession, shop_id: int, segment_id: str) -> Segment:
    """The segment of that id. Raises NotFound."""
    found = session.execute(
        select(Segment)
        .where(Segment.shop_id == shop_id, Segment.id == segment_id)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound()
    return found


def all_of(session: AnySession, shop_id: int) -> Sequence[Segment]:
    """The shop's segments, the oldest first."""
    return session.execute(select(Segment).where(Segment.shop_id == shop_id).order_by(Segment.number)).scalars().all()


def rules_of(segment: Segment) -> tuple[Rule, ...]:
    return read_rules(segment.rules, field="rules")


def _read(rules: object) -> tuple[Rule, ...]:
    """The rules, which ask for no segment: two that ask for each other could never be judged."""
    read = read_rules(rules, field="rules")
    errors = [
        {"field": f"rules.{number}", "message": "should not ask for segments"}
        for number, rule in enumerate(read)
        if any(condition.attribute == "Segments" for condition in rule.conditions())
    ]
    if errors:
        raise Contradiction("The rules of a segment cannot ask for segments.", errors)
    return read


def _hold(session: AnySession, shop_id: int) -> None:
    """Let nobody else make or drop segments of the shop, or judge its members, meanwhile."""
    session.execute(
        text(
            "insert into segment_walk (shop_id) values (:shop)"
            " on conflict (shop_id) do update set walk_at = segment_walk.walk_at"
        ),
        {"shop": shop_id},
    )


def _judge_everybody(session: AnySession, shop_id: int, now: datetime) -> None:
    session.execute(
        text("update segment_walk set walk_at = :now, next_member_id = 0 where shop_id = :shop"),
        {"shop": shop_id, "now": now - AT_ONCE},
    )
    enqueue_after_commit(segment_due.JUDGE)


def _users(session: AnySession, shop_id: int, segment_id: str) -> list[str]:
    """The names of the rewards and ways to earn that ask for the segment."""
    wanted = folded(segment_id)
    users = []
    rewards = session.execute(
        text(
            "select name, details -> 'target' as target, details -> 'member_eligibility_rules' as rules from reward"
            " where shop_id = :shop order by id"
        ),
        {"shop": shop_id},
    )
    for reward in rewards:
        target = read_target(reward.target)
        is_for = target is not None and target.kind == "segment" and wanted in map(folded, target.values)
        if is_for or _ask_for(read_rules(reward.rules or []), wanted):
            users.append(str(reward.name))
    _, settings = programs.current(shop_id)
    users += [rule.id for rule in settings.rules if _ask_for(read_rules(list(rule.eligibility)), wanted)]
    return users


def _ask_for(rules: Sequence[Rule], segment_id: str) -> bool:
    return any(
        condition.attribute == "Segments" and segment_id in condition.texts
        for rule in rules
        for condition in rule.conditions()
    )
