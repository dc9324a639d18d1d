"""Finding customers: by whatever a person at the desk has in hand, and as a list in pages.

A search looks at the beginning of what is known of a member (address, name, last name, telephone, the store's id), and for a
whole code or number (referral code, coupon, order). Each is one walk through one index and ends after a few hits, so it
takes the same time among a million members. Middles of words are not looked for: that needs an extension of PostgreSQL.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession

Sort = Literal["newest", "points"]
Status = Literal["active", "blocked", "merged", "erased"]

MOST_FOUND = 50
"""Of a search; who has more has to say more."""
_MOST_OF_A_KIND = 25
_PAST_EVERYTHING = "\U0010ffff"
_TELEPHONE = re.compile(r"[0-9+()./\s-]+")
_FEWEST_DIGITS = 4
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is asked for."""

    tier: str | None = None
    segment: str | None = None
    """Its `id`."""
    status: Status | None = None
    sort: Sort = "newest"
    after: int | None = None
    """The id of the last one on the page before."""
    below: int | None = None
    """By points: what that one had, as `Listed.ranked` says."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line. `available` is what could be spent now; `by` says what a search has found them by."""

    id: int
    external_id: str | None
    email: str | None
    name: str
    tier: str | None
    status: str
    enrolled_at: datetime
    available: int
    pending: int
    owed: int
    ranked: int
    """What the list by points goes by: `available` with points past their day that nothing has taken away yet."""
    by: str | None = None


_COLUMNS = """m.id, m.external_id, m.email, btrim(coalesce(m.first_name, '') || ' ' || coalesce(m.last_name, '')) as name,
    m.tier, m.status, m.enrolled_at, a.pending, a.owed, a.available as ranked, cast(a.available - coalesce((
        select sum(l.remaining) from lot l
        where l.shop_id = a.shop_id and l.member_id = a.member_id and l.open and l.expires_at <= :now), 0) as bigint)
        as available"""


def page(session: AnySession, shop_id: int, wanted: Wanted, now: datetime, limit: int) -> tuple[list[Listed], bool]:
    """At most `limit` members after `wanted.after`, and whether there are more."""
    statement, parameters = statement_for(shop_id, wanted, now, limit)
    found = [Listed(**row) for row in session.execute(text(statement), parameters).mappings()]
    return found[:limit], len(found) > limit


def statement_for(shop_id: int, wanted: Wanted, now: datetime, limit: int) -> tuple[str, dict[str, Any]]:
    """The SQL of a page, and what goes into it.

    By points each page looks at every account of the shop once (0.3 s of a million) and keeps what fits on it: an index on
    the balance would take each movement of points its place beside the old one (HOT), and make it three times as long.
    """
    source, key, conditions, parameters = _filtered(shop_id, wanted)
    order, columns = f"{key} desc", "m.id"
    if wanted.sort == "points":
        if len(parameters) > 1:
            source = f"{source} join account b on b.shop_id = m.shop_id and b.member_id = m.id"
        else:
            source, conditions = "account b", ["b.shop_id = :shop"]
        order, columns = "b.available desc, b.member_id desc", "b.member_id as id"
        if wanted.after is not None and wanted.below is not None:
            conditions.append("(b.available, b.member_id) < (:below, :after)")
            parameters |= {"below": wanted.below, "after": wanted.after}
    elif wanted.after is not None:
        conditions.append(f"{key} < :after")
        parameters["after"] = wanted.after
    statement = f"""
        with page as materialized (
            select {columns} from {source} where {" and ".join(conditions)} order by {order} limit :limit)
        select {_COLUMNS} from page p
        join member m on m.shop_id = :shop and m.id = p.id
        join account a on a.shop_id = m.shop_id and a.member_id = m.id
        order by {"a.available desc, m.id desc" if wanted.sort == "points" else "m.id desc"}
    """  # noqa: S608 - our own words
    return statement, {**parameters, "now": now, "limit": limit + 1}


def _filtered(shop_id: int, wanted: Wanted) -> tuple[str, str, list[str], dict[str, Any]]:
    """Where members come from, the column that pages go by, the conditions, and what goes into them."""
    source, key, conditions = "member m", "m.id", ["m.shop_id = :shop"]
    parameters: dict[str, Any] = {"shop": shop_id}
    if wanted.segment is not None:
        source = """segment g join segment_member s on s.shop_id = g.shop_id and s.segment_number = g.number
            join member m on m.shop_id = s.shop_id and m.id = s.member_id"""
        key, conditions = "s.member_id", ["g.shop_id = :shop", "g.id = :segment"]
        parameters["segment"] = wanted.segment
    if wanted.tier is not None:
        conditions.append("m.tier = :tier")
        parameters["tier"] = wanted.tier
    if wanted.status is not None:
        conditions.append("m.status = :status")
        if wanted.status != "active":
            conditions.append("m.status <> 'active'")  # as the index has it
        parameters["status"] = wanted.status
    return source, key, conditions, parameters


def search(session: AnySession, shop_id: int, asked: str, now: datetime) -> list[Listed]:
    """Who that may be, exact hits first; at most `MOST_FOUND`."""
    found = search_statement(shop_id, asked, now)
    if found is None:
        return []
    statement, parameters = found
    return [Listed(**row) for row in session.execute(text(statement), parameters).mappings()]


def search_statement(shop_id: int, asked: str, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """The SQL of a search, and what goes into it; None if nothing was asked for."""
    said = " ".join(asked.split())
    if not said:
        return None
    low = said.lower()
    parameters: dict[str, Any] = {
        "shop": shop_id,
        "now": now,
        "most": MOST_FOUND,
        "few": _MOST_OF_A_KIND,
        "low": low,
        "high": low + _PAST_EVERYTHING,
        "code": said.upper(),
        "number": said.lstrip("#"),
        "said": said,
    }
    branches = [
        _beginning("lower(m.email)", "E-mail address", "m.email is not null"),
        _beginning("lower(m.external_id)", "Customer ID", "m.external_id is not null"),
        _beginning(
            "lower(btrim(coalesce(m.first_name, '') || ' ' || coalesce(m.last_name, '')))",
            "Name",
            "(m.first_name is not null or m.last_name is not null)",
        ),
        _beginning("lower(m.last_name || ' ' || coalesce(m.first_name, ''))", "Name", "m.last_name is not null"),
        "select r.member_id as id, 0 as place, 'Coupon code' as by from redemption r"
        " where r.shop_id = :shop and r.code is not null and upper(r.code) = :code",
        "select o.member_id as id, 0 as place, 'Order' as by from orders o"
        " where o.shop_id = :shop and o.external_id = :said and o.member_id is not null",
        "(select o.member_id as id, 0 as place, 'Order' as by from orders o"
        " where o.shop_id = :shop and o.number = :number and o.member_id is not null limit :few)",
        "select m.id, 0 as place, 'Referral code' as by from member m"
        " where m.referral_code is not null and m.referral_code = :code and m.shop_id = :shop",
    ]
    digits = re.sub(r"[^0-9]", "", said).lstrip("0")
    if _TELEPHONE.fullmatch(said) and len(digits) >= _FEWEST_DIGITS:
        parameters |= {"digits": digits, "digits_high": digits + _PAST_EVERYTHING, "end": digits[-8:]}
        branches.append(
            _beginning(
                "ltrim(regexp_replace(m.phone, '[^0-9]', '', 'g'), '0')",
                "Telephone",
                "m.phone is not null",
                ("digits", "digits_high"),
            )
        )
        branches.append(
            "(select m.id, 0 as place, 'Telephone' as by from member m"
            " where m.shop_id = :shop and m.phone_key = :end and length(:digits) >= 8 limit :few)"
        )
    if said.isascii() and said.isdigit() and int(said) <= _LARGEST_ID:
        parameters["id"] = int(said)
        branches.append(
            "select m.id, 0 as place, 'Member number' as by from member m where m.shop_id = :shop and m.id = :id"
        )
    statement = f"""
        with hit as materialized ({" union all ".join(branches)}),
        page as materialized (
            select id, min(place) as place, (array_agg(by order by place))[1] as by from hit group by id
            order by min(place), id desc limit :most)
        select {_COLUMNS}, p.by from page p
        join member m on m.shop_id = :shop and m.id = p.id
        join account a on a.shop_id = m.shop_id and a.member_id = m.id
        order by p.place, m.id desc
    """  # noqa: S608 - our own words
    return statement, parameters


def _beginning(expression: str, by: str, given: str, bounds: tuple[str, str] = ("low", "high")) -> str:
    """Members of whom that begins so, by the index on that very expression. Comparing bytes, as `like` does with a
    pattern that is known: here it is a parameter."""
    low, high = bounds
    return (
        f"(select m.id, case when {expression} = :{low} then 0 else 1 end as place, '{by}' as by from member m"  # noqa: S608
        f" where m.shop_id = :shop and {given} and {expression} ~>=~ :{low} and {expression} ~<~ :{high}"
        f" order by {expression} using ~<~ limit :few)"
    )
