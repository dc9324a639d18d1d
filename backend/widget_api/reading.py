"""What a member reads of their own: one statement each, whatever the length of their history.

PostgreSQL composes the JSON; Python adds the words. Every part of the statements stands on an index, and the token is
checked by the same statement that answers (design section 8, performance 2.3).
"""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from backend import strict_json
from backend.errors import BadInput, Unauthorized
from backend.hot_statement import HotStatement
from backend.loyalty.awards import rule_key
from backend.loyalty.settings import ORDER_RULE
from backend.loyalty.shops import ShopFacts
from backend.loyalty.wording import pick
from backend.widget_api import program_document
from backend.widget_api.program_document import ProgramDocument
from backend.widget_api.tokens import Session

MOST_UNREAD = 99
PAGE = 20
LONGEST_PAGE = 100

_AFTER_FIRST = re.compile("[,;]")
_TIME = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""
_WHO = """
    m.shop_id = %(shop)s and m.id = %(member)s and m.token_version = %(version)s and m.status = 'active'
"""

ME_SQL = f"""
select m.locale, (
        select string_agg(e.source_key, ' ') from entry e
        where e.shop_id = m.shop_id and e.source_key = any(cast(%(rule_keys)s as text[]))),
    json_build_object(
    'member', json_build_object('id', m.id::text, 'first_name', m.first_name, 'tier', m.tier),
    'balance', json_build_object(
        'available', a.available - lots.gone,
        'pending', (
            select coalesce(json_agg(json_build_object(
                'points', w.points, 'due_at', to_char(w.due_at at time zone 'UTC', {_TIME}),
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
            'points', d.points, 'expires_at', to_char(d.expires_at at time zone 'UTC', {_TIME})) order by d.expires_at)
            filter (where d.expires_at > %(now)s), '[]') as expiring
    from (
        select l.expires_at, sum(l.remaining)::bigint as points
        from lot l
        where l.shop_id = m.shop_id and l.member_id = m.id and l.open and l.expires_at is not null
        group by l.expires_at
    ) d
) lots
where {_WHO}
"""  # noqa: S608 - our own literals

ACTIVITY_SQL = f"""
select m.locale, (
    select coalesce(json_agg(row_to_json(page)), '[]') from (
        select e.id::text as id, to_char(e.at at time zone 'UTC', {_TIME}) as at, e.kind,
            case when e.to_bucket in ('pending', 'available') then e.points else -e.points end as points,
            e.available_after as balance_after,
            to_char(e.expires_at at time zone 'UTC', {_TIME}) as expires_at, e.why, e.actor, e.reason
        from entry e
        where e.shop_id = m.shop_id and e.member_id = m.id and e.id < %(before)s
        order by e.id desc
        limit %(limit)s
    ) page)
from member m
where {_WHO}
"""  # noqa: S608

SEEN_SQL = f"""
update member m set seen_entry_id = greatest(m.seen_entry_id, coalesce((
    select max(e.id) from entry e where e.shop_id = m.shop_id and e.member_id = m.id), 0))
where {_WHO}
returning m.id
"""  # noqa: S608

_ME, _ACTIVITY, _SEEN = HotStatement(ME_SQL), HotStatement(ACTIVITY_SQL), HotStatement(SEEN_SQL)


def me(shop: ShopFacts, session: Session, wanted: str | None, now: datetime) -> dict[str, Any]:
    """The member's dashboard: balance, ways to earn, what is new. Raises Unauthorized if the token was revoked.

    Only `expires_at` decides what is gone, whether or not the sweep has run.
    """
    rules = program_document.of(shop, None).settings.rules
    row = _ME.first_row(
        {
            "shop": session.shop_id,
            "member": session.member_id,
            "version": session.token_version,
            "now": now,
            "rule_keys": "{" + ",".join(f'"{rule_key(rule.id, session.member_id)}"' for rule in rules) + "}",
        }
    )
    if row is None:
        raise _revoked()
    locale, earned, body = row
    answer: dict[str, Any] = orjson.loads(body or "")
    document = program_document.of(shop, wanted or locale)
    for promised in answer["balance"]["pending"]:
        said = _occasion(document, promised.pop("rule"), promised.pop("order"))
        promised["reason"] = said or promised["reason"]
    answer["earn"] = list(_earn(document, (earned or "").split(), session.member_id))
    answer["rewards"] = []
    answer["referral"] = {"enabled": False}
    return answer


def _earn(document: ProgramDocument, earned: list[str], member_id: int) -> Iterable[dict[str, Any]]:
    """The ways to earn with how far the member is: `done` when nothing more comes of it, `limit` as times and used."""
    for rule in document.earn:
        if rule["id"] == ORDER_RULE:
            yield {**rule, "done": False, "limit": None}
            continue
        used = int(rule_key(rule["id"], member_id) in earned)
        # Somebody who is signed in has signed up: there is no page left to send them to.
        yield {**rule, "button": None, "done": used > 0, "limit": {"times": 1, "used": used}}


def activity(shop: ShopFacts, session: Session, wanted: str | None, after: str | None, limit: str | None) -> bytes:
    """One page of what moved, newest first. Raises BadInput for a cursor or limit that is none, Unauthorized.

    A cursor is a place between entries, whose ids only grow for one member: no gap and no repeat while rows arrive.
    """
    wanted_items = _page_length(limit)
    row = _ACTIVITY.first_row(
        {
            "shop": session.shop_id,
            "member": session.member_id,
            "version": session.token_version,
            "before": _place_of(after),
            "limit": wanted_items + 1,
        }
    )
    if row is None:
        raise _revoked()
    locale, page = row
    found = orjson.loads(page or "")
    document = program_document.of(shop, wanted or locale)
    items = [_item(document, entry) for entry in found[:wanted_items]]
    more = len(found) > wanted_items
    return strict_json.dumps({"items": items, "next": _cursor(items[-1]["id"]) if more else None})


def first_language(accept_language: str | None) -> str | None:
    """The first language of an Accept-Language header: a page's widget sends the one that it speaks."""
    return _AFTER_FIRST.split(accept_language, maxsplit=1)[0].strip() if accept_language else None


def mark_seen(session: Session) -> None:
    """The member has looked: nothing that moved so far is new any more. Raises Unauthorized."""
    who = {"shop": session.shop_id, "member": session.member_id, "version": session.token_version}
    if _SEEN.first_row(who) is None:
        raise _revoked()


def _item(document: ProgramDocument, entry: dict[str, Any]) -> dict[str, Any]:
    actor, reason, why = entry.pop("actor"), entry.pop("reason"), entry["why"]
    if actor == "staff":  # S4.18: by hand, in the merchant's own words; which person it was stays in the shop
        entry["why"] = {**why, "actor": actor, "reason": reason}
    else:
        reason = ""
    entry["title"] = _title(document, entry["kind"], reason, why)
    return entry


def _title(document: ProgramDocument, kind: str, reason: str, why: dict[str, Any]) -> str:
    """One sentence in the member's language that says what moved. `reason` is the merchant's, if a person did it."""
    words = document.words
    what = _occasion(document, why.get("rule_id"), why.get("order"))
    if what is None and isinstance(why.get("title"), dict):  # a rule that the program no longer has
        what = pick(why["title"], document.language, document.shop.locale)
    what = what or words["points"]
    match kind:
        case "promise":
            return words["promised"].format(what=what)
        case "post":
            return what
        case "void":
            return words["cancelled"].format(what=what)
        case "claw_back":
            return words["taken_back"].format(what=what)
        case "grant" | "deduct":
            by_whom = words["added" if kind == "grant" else "deducted"].format(shop=document.shop.name)
            return f"{by_whom}: {reason}" if reason else by_whom
    return words[_PLAIN[kind]]


_PLAIN = {
    "hold": "held",
    "release": "released",
    "capture": "captured",
    "spend": "spent",
    "return": "returned",
    "expire": "expired",
    "settle": "settled",
}


def _occasion(document: ProgramDocument, rule: str | None, order: str | None) -> str | None:
    """What brought the points: the order by its number, or the rule by its title. None if neither is known."""
    if order:
        return document.words["order"].format(order=order)
    return document.rule_title(rule) if rule else None


class BadPage(BadInput):
    """A cursor or page length that is none."""

    status = 400
    code = "bad_page"


def _page_length(text: str | None) -> int:
    if text is None:
        return PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LONGEST_PAGE):
        message = f"should be a number from 1 to {LONGEST_PAGE}"
        raise BadPage(f"limit {message}.", [{"field": "limit", "message": message}])
    return int(text)


_BEFORE_ALL = 2**63 - 1


def _cursor(entry_id: str) -> str:
    return base64.urlsafe_b64encode(int(entry_id).to_bytes(8)).rstrip(b"=").decode()


def _place_of(cursor: str | None) -> int:
    """The entry that the page stands before, from a cursor of ours and from nothing else."""
    if cursor is None:
        return _BEFORE_ALL
    try:
        place = int.from_bytes(base64.b64decode(cursor.encode("ascii") + b"=", altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError):
        place = -1
    if not 0 < place < _BEFORE_ALL or _cursor(str(place)) != cursor:
        message = "is not a place in this list"
        raise BadPage(f"after {message}; use next of the page before.", [{"field": "after", "message": message}])
    return place


def _revoked() -> Unauthorized:
    return Unauthorized("The session has been ended. Begin a new one with a fresh identity.")
