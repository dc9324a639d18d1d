"""What moved of a member's points, newest first: page by page, by its kind, or all of it as a table to keep.

Each page is one statement on an index, however long the history and however rare the kind.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from backend import strict_json
from backend.hot_statement import HotStatement
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import pick
from backend.widget_api import program_document
from backend.widget_api.pages import BadPage, cursor, page_length, place_of
from backend.widget_api.program_document import ProgramDocument
from backend.widget_api.reading import TIME, WHO, revoked
from backend.widget_api.tokens import Session

KINDS: Mapping[str, tuple[str, ...]] = {
    "earned": ("promise", "post"),
    "spent": ("spend", "hold", "capture"),
    "returned": ("return", "release"),
    "taken_back": ("claw_back", "void", "settle"),
    "expired": ("expire",),
    "adjusted": ("grant", "deduct", "merge"),
}
"""What a reader may ask for, by the ledger's kinds of entry: each of them is in one."""

_COLUMNS = f"""
    e.id::text as id, to_char(e.at at time zone 'UTC', {TIME}) as at, e.kind,
    case when e.to_bucket in ('pending', 'available') then e.points else -e.points end as points,
    e.available_after as balance_after,
    to_char(e.expires_at at time zone 'UTC', {TIME}) as expires_at, e.why, e.actor, e.reason
"""

ALL_SQL = f"""
select m.locale, (
    select coalesce(json_agg(row_to_json(page)), '[]') from (
        select {_COLUMNS}
        from entry e
        where e.shop_id = m.shop_id and e.member_id = m.id and e.id < %(before)s
        order by e.id desc
        limit %(limit)s
    ) page)
from member m
where {WHO}
"""  # noqa: S608 - our own literals

OF_KINDS_SQL = f"""
select m.locale, (
    select coalesce(json_agg(row_to_json(page)), '[]') from (
        select {_COLUMNS}
        from unnest(cast(%(kinds)s as text[])) as wanted (kind)
        cross join lateral (
            select * from entry one
            where one.shop_id = m.shop_id and one.member_id = m.id and one.kind = wanted.kind and one.id < %(before)s
            order by one.id desc
            limit %(limit)s
        ) e
        order by e.id desc
        limit %(limit)s
    ) page)
from member m
where {WHO}
"""  # noqa: S608 - a walk through the index for each kind: no entry of another kind is looked at

_ALL, _OF_KINDS = HotStatement(ALL_SQL), HotStatement(OF_KINDS_SQL)


def activity(
    shop: ShopFacts, session: Session, wanted: str | None, after: str | None, limit: str | None, kind: str | None
) -> bytes:
    """One page. Raises BadPage for a cursor, limit or kind that is none, Unauthorized.

    A cursor is a place between entries, whose ids only grow for one member: no gap and no repeat while rows arrive, and
    the place of one kind is a place of every other.
    """
    _, items, following = page(shop, session, wanted, place_of(after), page_length(limit), _kinds(kind))
    return strict_json.dumps({"items": items, "next": following})


def page(
    shop: ShopFacts, session: Session, wanted: str | None, before: int, length: int, kinds: tuple[str, ...] | None
) -> tuple[ProgramDocument, list[dict[str, Any]], str | None]:
    """The words they are told in, the entries, and the cursor of what comes after them. Raises Unauthorized."""
    row = (_ALL if kinds is None else _OF_KINDS).first_row(
        {
            "shop": session.shop_id,
            "member": session.member_id,
            "version": session.token_version,
            "before": before,
            "limit": length + 1,
            "kinds": "{" + ",".join(kinds or ()) + "}",
        }
    )
    if row is None:
        raise revoked()
    locale, found = row
    entries = orjson.loads(found or "")
    document = program_document.of(shop, wanted or locale)
    items = [_item(document, entry) for entry in entries[:length]]
    return document, items, cursor(items[-1]["id"]) if len(entries) > length else None


def whole(
    shop: ShopFacts, session: Session, wanted: str | None, length: int
) -> Iterator[tuple[ProgramDocument, list[dict[str, Any]]]]:
    """All pages, each read when it is asked for. Raises Unauthorized, also in the midst of it."""
    following: str | None = None
    while True:
        document, items, following = page(shop, session, wanted, place_of(following), length, None)
        yield document, items
        if following is None:
            return


def group_of(kind: str) -> str:
    """Which of KINDS an entry's kind belongs to."""
    return next(group for group, kinds in KINDS.items() if kind in kinds)


def _kinds(kind: str | None) -> tuple[str, ...] | None:
    if kind is None:
        return None
    if kind not in KINDS:
        message = f"should be one of {', '.join(KINDS)}"
        raise BadPage(f"kind {message}.", [{"field": "kind", "message": message}])
    return KINDS[kind]


def _item(document: ProgramDocument, entry: dict[str, Any]) -> dict[str, Any]:
    actor, reason, why = entry.pop("actor"), entry.pop("reason"), entry["why"]
    for rule in why.get("rules") or ():
        rule["title"] = pick(rule["title"], document.language, document.shop.locale)
    if actor == "staff":  # S4.18: by hand, in the merchant's own words; which person it was stays in the shop
        entry["why"] = {**why, "actor": actor, "reason": reason}
    else:
        reason = ""
    entry["title"] = _title(document, entry["kind"], reason, why)
    return entry


def _title(document: ProgramDocument, kind: str, reason: str, why: dict[str, Any]) -> str:
    """One sentence in the member's language that says what moved. `reason` is the merchant's, if a person did it."""
    words = document.words
    if isinstance(why.get("reward"), str):
        return words["of_reward"].format(reward=why["reward"], what=words[_PLAIN[kind]])
    what = document.occasion(why.get("rule_id"), why.get("order"))
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
    "merge": "merged",
}
