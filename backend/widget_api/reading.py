"""What a member reads of their own: one statement each, whatever the length of their history.

PostgreSQL composes the JSON; Python adds the words. Every part of the statements stands on an index, and the token is
checked by the same statement that answers (design section 8, performance 2.3).
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import orjson

from backend import db
from backend.errors import Unauthorized
from backend.hot_statement import HotStatement
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.eligibility.eligibility import Facts
from backend.loyalty.rewards.rewards import COUNTED, Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.widget_api import earn_shapes, program_document, reward_shapes, tier_shape
from backend.widget_api.program_document import ProgramDocument
from backend.widget_api.referral_shape import own_link
from backend.widget_api.reward_shapes import Progress
from backend.widget_api.summary import summary
from backend.widget_api.tokens import Session

MOST_UNREAD = 99

_AFTER_FIRST = re.compile("[,;]")
TIME = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""
WHO = """
    m.shop_id = %(shop)s and m.id = %(member)s and m.token_version = %(version)s and m.status = 'active'
"""

_COUNTS = f"r.status in {COUNTED}"  # a tuple of names reads the same in SQL

ME_SQL = f"""
select m.locale, m.referral_code, m.birthday is not null,
    case when %(rules)s <> '{{}}' then (
        select json_object_agg(w.rule, (
            select count(*) from (
                select from bonus b
                where b.shop_id = m.shop_id and b.member_id = m.id and b.rule = w.rule and b.state = 'given'
                    and b.at >= w.since
                limit w.most
            ) paid))
        from unnest(cast(%(rules)s as text[]), cast(%(since)s as timestamptz[]), cast(%(most)s as bigint[]))
            w (rule, since, most)) end,
    case when %(limited)s <> '{{}}' then (
        select json_object_agg(h.reward_id, h.times) from (
            select r.reward_id, count(*) as times from redemption r
            where r.shop_id = m.shop_id and r.member_id = m.id and {_COUNTS}
                and r.reward_id = any(cast(%(limited)s as bigint[]))
            group by r.reward_id
        ) h) end,
    case when cast(%(with_facts)s as boolean) then {member_facts.MEMBER_JSON} end,
    case when cast(%(campaign)s as bigint) is not null then (
        select json_agg(json_build_object('name', r.frozen ->> 'name', 'points', r.points) order by r.id)
        from redemption r
        where r.shop_id = m.shop_id and r.member_id = m.id and r.campaign_id = %(campaign)s
            and {_COUNTS}) end,
    json_build_object(
    'member', json_build_object('id', m.id::text, 'first_name', m.first_name, 'tier', m.tier),
    'tier', {tier_shape.STANDING_SQL},
    'balance', json_build_object(
        'available', a.available - lots.gone,
        'pending', (
            select coalesce(json_agg(json_build_object(
                'points', w.points, 'due_at', to_char(w.due_at at time zone 'UTC', {TIME}),
                'reason', w.reason, 'rule', w.rule, 'order', w.of_order) order by w.due_at, w.reason), '[]')
            from (
                select sum(p.pending)::bigint as points, p.due_at, p.reason, p.rule, p.why ->> 'order' as of_order
                from award p
                where p.shop_id = m.shop_id and p.member_id = m.id and p.state = 'pending'
                group by p.due_at, p.reason, p.rule, p.why ->> 'order'
            ) w),
        'expected', (
            select coalesce(json_agg(json_build_object(
                'points', o.expected_points,
                'order', coalesce(
                    jsonb_path_query_first(o.known, '$.states[*].order.number') #>> '{{}}', o.external_id)
                ) order by o.placed_at, o.id), '[]')
            from orders o
            where o.shop_id = m.shop_id and o.member_id = m.id and o.expected_points > 0),
        'on_hold', a.on_hold,
        'owed', a.owed,
        'expiring', lots.expiring),
    'unread', (
        select count(*) from (
            select from entry e
            where e.shop_id = m.shop_id and e.member_id = m.id and e.id > m.seen_entry_id
            limit {MOST_UNREAD}
        ) newer)
    )
from member m
join account a on a.shop_id = m.shop_id and a.member_id = m.id
cross join lateral (
    select coalesce(sum(d.points) filter (where d.expires_at <= %(now)s), 0)::bigint as gone,
        coalesce(json_agg(json_build_object(
            'points', d.points, 'expires_at', to_char(d.expires_at at time zone 'UTC', {TIME})) order by d.expires_at)
            filter (where d.expires_at > %(now)s), '[]') as expiring
    from (
        select l.expires_at, sum(l.remaining)::bigint as points
        from lot l
        where l.shop_id = m.shop_id and l.member_id = m.id and l.open and l.expires_at is not null
        group by l.expires_at
    ) d
) lots
where {WHO}
"""  # noqa: S608 - our own literals

SEEN_SQL = f"""
update member m set seen_entry_id = greatest(m.seen_entry_id, coalesce((
    select max(e.id) from entry e where e.shop_id = m.shop_id and e.member_id = m.id), 0))
where {WHO}
returning m.id
"""  # noqa: S608

_ME, _SEEN = HotStatement(ME_SQL), HotStatement(SEEN_SQL)
_IS_GOOD = HotStatement(f"select 1 from member m where {WHO}")  # noqa: S608


def me(
    shop: ShopFacts,
    session: Session,
    wanted: str | None,
    now: datetime,
    revise: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """The member's dashboard: balance, ways to earn, rewards, what is new. Raises Unauthorized if the token was revoked.

    Only `expires_at` decides what is gone, whether or not the sweep has run. `revise` puts into `member`, `balance` and
    `tier`, as they were read, what a preview sees there.
    """
    shown = program_document.of(shop, wanted)
    offer = shown.offer
    counting = earn_shapes.counting(shown.earn, shop, now)
    limited = [each.id for each in offer.all if each.limit_per_member is not None]
    asked = [*(each.rules for each in offer.all), *(way.asked for way in shown.earn)]
    with_facts = any(asked) or any(each.target is not None for each in offer.all)
    row = _ME.first_row(
        {
            "shop": session.shop_id,
            "member": session.member_id,
            "version": session.token_version,
            "now": now,
            "rules": counting.rules,
            "since": counting.since,
            "most": counting.most,
            "limited": "{" + ",".join(map(str, limited)) + "}",
            "with_facts": str(with_facts).lower(),
            "campaign": offer.campaign.id if offer.campaign is not None else None,
        }
    )
    if row is None:
        raise revoked()
    locale, code, has_birthday, paid, times_had, known, taken, body = row
    answer: dict[str, Any] = orjson.loads(body or "")
    if revise is not None:
        revise(answer)
    document = shown if wanted else program_document.of(shop, locale)
    for promised in answer["balance"]["pending"]:
        said = document.occasion(promised.pop("rule"), promised.pop("order"))
        promised["reason"] = said or promised["reason"]
    facts = _facts(shop, session, known, answer["balance"]["available"], asked)
    answer["earn"] = list(earn_shapes.of_member(document.earn, orjson.loads(paid or "{}"), facts, has_birthday == "t"))
    progress = Progress(
        available=answer["balance"]["available"],
        facts=facts,
        times_had={int(reward): times for reward, times in orjson.loads(times_had or "{}").items()},
    )
    answer["rewards"] = _rewards(document, document.offer.rewards, progress)
    answer["summary"] = summary(document, progress.available, answer["rewards"])
    answer["campaign"] = _campaign(document, progress, orjson.loads(taken or "[]"))
    answer["tier"] = tier_shape.standing_shape(document.tongue, answer["member"]["tier"], answer["tier"], now)
    answer["referral"] = own_link(document.referral, code)
    return answer


def _facts(
    shop: ShopFacts,
    session: Session,
    known: str | None,
    available: int,
    asked: Iterable[tuple[eligibility.Rule, ...]],
) -> Facts | None:
    """What the rules of rewards and of ways to earn ask of the member; None if none asks."""
    if known is None:
        return None
    orders = None
    if any(eligibility.needs_orders(each) for each in asked):
        orders = member_facts.bought(db.db.session(), shop, session.member_id)
        db.db.session.rollback()
    return member_facts.from_json(shop, orjson.loads(known), available, orders)


def _rewards(document: ProgramDocument, candidates: Iterable[Reward], progress: Progress) -> list[dict[str, Any]]:
    """Those that the member may see, in the shop's order, each with how far they are."""
    return [
        document.shapes[each.id] | reward_shapes.state(each, progress, document.words)
        for each in reward_shapes.shown_to(candidates, progress.facts)
        if each.id in document.shapes
    ]


def _campaign(document: ProgramDocument, progress: Progress, taken: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The campaign with the member's own: its gifts, and at its bottom the points used in it (S3.19)."""
    campaign = document.offer.campaign
    if campaign is None:
        return None
    return {
        "id": str(campaign.id),
        "gifts": _rewards(document, document.offer.gifts, progress),
        "used_points": sum(each["points"] for each in taken),
        "taken": taken,
    }


def first_language(accept_language: str | None) -> str | None:
    """The first language of an Accept-Language header: a page's widget sends the one that it speaks."""
    return _AFTER_FIRST.split(accept_language, maxsplit=1)[0].strip() if accept_language else None


def mark_seen(session: Session) -> None:
    """The member has looked: nothing that moved so far is new any more. Raises Unauthorized."""
    who = {"shop": session.shop_id, "member": session.member_id, "version": session.token_version}
    if _SEEN.first_row(who) is None:
        raise revoked()


def refuse_revoked(session: Session) -> None:
    """Raises Unauthorized if the session's member has ended it, or is gone."""
    who = {"shop": session.shop_id, "member": session.member_id, "version": session.token_version}
    if _IS_GOOD.first_row(who) is None:
        raise revoked()


def revoked() -> Unauthorized:
    return Unauthorized("The session has been ended. Begin a new one with a fresh identity.")
