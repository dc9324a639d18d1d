"""Referrals in the widget: what both sides get, the member's own link, and how far each friend is, in plain words."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from babel.dates import format_skeleton

from backend.errors import NotFound
from backend.hot_statement import HotStatement
from backend.loyalty.program.settings import ReferralSide
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import locale_of, pick, points_text
from backend.widget_api import program_document
from backend.widget_api.pages import cursor, page_length, place_of
from backend.widget_api.program_document import ProgramDocument
from backend.widget_api.reading import TIME, WHO, revoked
from backend.widget_api.referral_shape import gift_text, reward_names, url_of
from backend.widget_api.referral_words import words
from backend.widget_api.tokens import Session

REFERRAL_SQL = f"""
select m.locale, m.referral_code, (
    select json_object_agg(s.state, s.many) from (
        select r.state, count(*) as many from referral r
        where r.shop_id = m.shop_id and r.advocate_id = m.id group by r.state
    ) s), (
    select json_build_object('many', count(*), 'at', to_char(max(v.at) at time zone 'UTC', {TIME}))
    from referral_visit v where v.shop_id = m.shop_id and v.advocate_id = m.id), (
    select coalesce(sum(p.points), 0) from referral r
    join referral_payout p on p.shop_id = r.shop_id and p.referral_id = r.id and p.part <> 'friend' and p.state = 'paid'
    where r.shop_id = m.shop_id and r.advocate_id = m.id), (
    select coalesce(json_agg(row_to_json(page)), '[]') from (
        select r.id::text as id, f.first_name as name, r.state, r.reason, r.review = 'waiting' as waits,
            to_char(r.at at time zone 'UTC', {TIME}) as at, to_char(r.due_at at time zone 'UTC', {TIME}) as due_at,
            v.settings -> 'referral' -> 'reward_when' as reward_when, v.settings -> 'referral' -> 'advocate' as gift
        from referral r
        join member f on f.shop_id = r.shop_id and f.id = r.friend_id
        join program_version v on v.shop_id = r.shop_id and v.version = r.program_version
        where r.shop_id = m.shop_id and r.advocate_id = m.id and r.id < %(before)s
        order by r.id desc
        limit %(limit)s
    ) page)
from member m
where {WHO}
"""  # noqa: S608 - our own literals

_REFERRAL = HotStatement(REFERRAL_SQL)
_NAMED = frozenset({"registered", "qualified", "rewarded"})
"""Of whom the first name is shown. Who did not count may not want it to be known that they were here before."""
_REASONS = {
    "existing": "only_new",
    "self": "for_friends",
    "cycle": "only_new",
    "refunded": "given_back",
    "cap": "enough",
    "off": "closed",
}


def mine(shop: ShopFacts, session: Session, wanted: str | None, after: str | None, limit: str | None) -> dict[str, Any]:
    """The member's link, what came of it, and one page of friends, the newest first.

    Raises NotFound `referral_off`, BadPage, Unauthorized if the token was revoked.
    """
    most = page_length(limit)
    row = _REFERRAL.first_row(
        {
            "shop": session.shop_id,
            "member": session.member_id,
            "version": session.token_version,
            "before": place_of(after),
            "limit": most + 1,
        }
    )
    if row is None:
        raise revoked()
    locale, code, by_state, visits, earned, page = row
    document = program_document.of(shop, wanted or locale)
    if not document.referral["enabled"] or code is None:
        raise NotFound("This shop has no referral program at the moment.", code="referral_off")
    found = orjson.loads(page or "")
    seen: dict[str, Any] = orjson.loads(visits or "{}")
    is_last = len(found) <= most
    return {
        "url": url_of(code),
        "code": code,
        "share_text": _share_text(document),
        "reward_when": document.referral["reward_when"],
        "advocate": {"text": document.referral["advocate_text"]},
        "friend": {"text": document.referral["friend_text"]},
        "counts": {
            "visited": seen["many"],
            **dict.fromkeys(("registered", "qualified", "rewarded", "rejected"), 0),
            **orjson.loads(by_state or "{}"),
        },
        "earned_text": points_text(document.settings.points_name, int(earned or 0), document.language, shop.locale),
        "friends": [*_friends(document, found[:most]), *(_visits(document, seen) if is_last else ())],
        "next": None if is_last else cursor(found[most - 1]["id"]),
    }


def _share_text(document: ProgramDocument) -> str:
    """The merchant's own, else ours, which says what the friend gets."""
    own = pick(document.settings.referral.text or {}, document.language, document.shop.locale)
    if own is not None:
        return own
    said, gift = words(document.language, document.shop.locale), document.referral["friend_text"]
    return said["share_gift" if gift else "share"].format(shop=document.shop.name, gift=gift)


def _friends(document: ProgramDocument, found: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    friends = list(found)
    sides = {each["id"]: ReferralSide.model_validate(each["gift"]) for each in friends}
    names = reward_names(document.shop, sides.values(), document.language)
    for each in friends:
        gift = gift_text(document, sides[each["id"]], names)
        is_named = each["state"] in _NAMED
        yield {
            "id": each["id"],
            "name": each["name"] if is_named else None,
            "state": each["state"],
            "at": each["at"],
            "text": _sentence(document, each, gift),
            "due_at": each["due_at"] if each["state"] == "qualified" and not each["waits"] else None,
        }


def _sentence(document: ProgramDocument, friend: Mapping[str, Any], gift: str | None) -> str:
    said = words(document.language, document.shop.locale)
    if friend["state"] == "rejected":
        return said[_REASONS.get(friend["reason"], "not_counted")]
    given = {"name": friend["name"] or said["friend"], "gift": gift, "shop": document.shop.name}
    if friend["waits"]:
        return said["is_checked"].format(**given)
    if gift is None:
        return said["joined"].format(**given)
    if friend["state"] == "registered":
        which = "each_order" if friend["reward_when"] == "every_order" else "waits_for_order"
        return said[which].format(**given)
    if friend["state"] == "qualified":
        due = datetime.fromisoformat(friend["due_at"]).astimezone(ZoneInfo(document.shop.timezone)).date()
        return said["on_its_way"].format(**given, date=_day(due, document.language))
    return said["each_order" if friend["reward_when"] == "every_order" else "done"].format(**given)


def _day(day: date, language: str) -> str:
    """ "3 December", as the language writes it."""
    return str(format_skeleton("MMMMd", day, locale=locale_of(language)))


def _visits(document: ProgramDocument, seen: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """One line at the end for all who have opened the link: who they are nobody knows."""
    if not seen["many"]:
        return
    said = words(document.language, document.shop.locale)
    text = said["visited_once" if seen["many"] == 1 else "visited"]
    yield {"id": "visits", "name": None, "state": "visited", "at": seen["at"], "text": text, "due_at": None}
