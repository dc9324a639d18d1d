"""The merchant's list of rewards: searched, filtered, sorted, in pages that stay quick however many there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.rewards.reward_definition import CouponSource
from backend.loyalty.rewards.rewards import IS_IN_CATEGORY, IS_LABELLED, public_id

Sort = Literal["rank", "name", "cost", "created"]
Status = Literal["active", "inactive", "scheduled", "ended", "archived"]

MOST_COUNTED = 1_000
"""Of one reward's codes in the list: to count a million of them would make the page wait."""


@dataclass(frozen=True)
class Wanted:
    """What the list is asked for. Archived rewards are in it only if they are asked for."""

    search: str | None = None
    """A part of the name or of the merchant's own id, whatever its case."""
    kind: str | None = None
    """A `reward_type`, or a sub type of those with codes."""
    status: Status | None = None
    label: str | None = None
    """`key` or `key:value` (S0.31)."""
    category: str | None = None
    sort: Sort = "rank"
    descending: bool = False
    after: int | None = None
    """The id of the last one on the page before."""
    before: int | None = None
    """The id of the first one on the page that follows."""


@dataclass(frozen=True)
class Listed:
    """One line of the list. Counts end at `MOST_COUNTED`."""

    id: int
    name: str
    redemption_id: str
    type: str
    sub_type: str | None
    status: Status
    active_from: datetime | None
    active_to: datetime | None
    points: int
    point_value: str | None
    coupon_source: CouponSource
    limit_total: int | None
    taken: int
    rank: int
    featured: bool
    public: bool
    created_at: datetime
    free: int
    issued: int
    """Codes that members have or had."""
    redeemed: int
    """Used in an order, or marked as used."""


@dataclass(frozen=True, slots=True)
class OnOffer:
    """A reward to choose for a customer."""

    id: int
    name: str
    type: str
    sub_type: str | None
    points: int

    @property
    def public_id(self) -> str:
        return public_id(self.id)


@dataclass(frozen=True)
class Page:
    items: Sequence[Listed]
    has_earlier: bool
    has_later: bool


_KEYS: Mapping[Sort, tuple[str, ...]] = {
    "rank": ("r.rank", "r.id"),
    "name": ("lower(r.name)", "r.id"),
    "cost": ("r.points", "r.id"),
    "created": ("r.id",),
}
"""What each order goes by; there is an index for each."""

STATUS = """case when r.archived_at is not null then 'archived' when not r.is_active then 'inactive'
    when r.active_to <= :now then 'ended' when r.active_from > :now then 'scheduled' else 'active' end"""
_STATUSES: Mapping[Status, str] = {
    "archived": "r.archived_at is not null",
    "inactive": "not r.is_active",
    "ended": "r.is_active and r.active_to <= :now",
    "scheduled": "r.is_active and r.active_from > :now and (r.active_to is null or r.active_to > :now)",
    "active": "r.is_active and (r.active_from is null or r.active_from <= :now)"
    " and (r.active_to is null or r.active_to > :now)",
}


def page(session: AnySession, shop_id: int, wanted: Wanted, now: datetime, limit: int) -> Page:
    """At most `limit` rewards after `wanted.after`, or before `wanted.before`, in the order that is asked for."""
    statement, parameters = statement_for(session, shop_id, wanted, now, limit)
    rows = [Listed(**row) for row in session.execute(text(statement), parameters).mappings()]
    is_more, rows = len(rows) > limit, rows[:limit]
    if wanted.before is not None:
        return Page(rows[::-1], has_earlier=is_more, has_later=True)
    return Page(rows, has_earlier=wanted.after is not None, has_later=is_more)


def statement_for(
    session: AnySession, shop_id: int, wanted: Wanted, now: datetime, limit: int
) -> tuple[str, dict[str, Any]]:
    """The SQL of a page, and what goes into it."""
    keys = _KEYS[wanted.sort]
    is_backwards = wanted.before is not None
    descending = wanted.descending != is_backwards
    conditions, parameters = _conditions(wanted)
    cursor = wanted.before if is_backwards else wanted.after
    if cursor is not None and (place := _place(session, shop_id, keys, cursor)) is not None:
        names = [f"place{number}" for number in range(len(keys))]
        conditions.append(f"({', '.join(keys)}) {'<' if descending else '>'} ({', '.join(f':{n}' for n in names)})")
        parameters |= dict(zip(names, place, strict=True))
    order = ", ".join(f"{key} {'desc' if descending else 'asc'}" for key in keys)
    # The page is cut first: what is counted is counted for its rewards alone. Counting goes by ranges of an index and in its
    # order: by `reward_id = r.id` PostgreSQL reads whole tables as soon as one reward has most of the rows. The shop is a
    # constant, so that it knows how much of a table is the shop's.
    statement = f"""
        with page as materialized (
            select r.*, row_number() over (order by {order}) as place from reward r
            where r.shop_id = :shop and {" and ".join(conditions)} order by {order} limit :limit
        )
        select r.id, r.name, r.redemption_id, r.type, r.sub_type, {STATUS} as status, r.active_from, r.active_to, r.points,
            r.point_value::text as point_value, r.coupon_source, r.limit_total, r.taken, r.rank,
            (r.details ->> 'featured')::boolean as featured, (r.details ->> 'public')::boolean as public, r.created_at,
            (select count(*) from (select from coupon_free f
                where (f.shop_id, f.reward_id, f.coupon_id) > (:shop, r.id, 0)
                and (f.shop_id, f.reward_id, f.coupon_id) < (:shop, r.id + 1, 0)
                order by f.shop_id, f.reward_id, f.coupon_id limit :most) f) as free,
            case when r.coupon_source = 'none' then 0 else (select count(*) from (select from redemption d
                where (d.shop_id, d.reward_id, d.id) > (:shop, r.id, 0)
                and (d.shop_id, d.reward_id, d.id) < (:shop, r.id + 1, 0)
                and (d.code is not null or d.coupon_id is not null and d.issued_at is not null)
                order by d.shop_id, d.reward_id, d.id limit :most) d) end as issued,
            (select count(*) from (select from redemption d
                where (d.shop_id, d.reward_id) >= (:shop, r.id) and (d.shop_id, d.reward_id) <= (:shop, r.id)
                and d.use_state = 'used' order by d.shop_id, d.reward_id limit :most) d) as redeemed
        from page r order by r.place
    """  # noqa: S608 - our own words
    return statement, {**parameters, "shop": shop_id, "now": now, "limit": limit + 1, "most": MOST_COUNTED}


def on_offer(session: AnySession, shop_id: int, search: str, now: datetime, limit: int) -> Sequence[OnOffer]:
    """What customers can have for points at `now` and whose name holds `search`, whatever its case; the cheapest first."""
    rows = session.execute(
        text(
            "select r.id, r.name, r.type, r.sub_type, r.points from reward r"  # noqa: S608 - our own words
            f" where r.shop_id = :shop and r.archived_at is null and {_STATUSES['active']} and r.type <> 'cashback'"
            " and strpos(lower(r.name), lower(:search)) > 0 order by r.points, r.id limit :limit"
        ),
        {"shop": shop_id, "search": search.strip(), "now": now, "limit": limit},
    ).mappings()
    return sorted((OnOffer(**row) for row in rows), key=lambda each: (each.points, each.name))


def names_of(session: AnySession, shop_id: int) -> tuple[list[str], list[str]]:
    """Labels (`key` and `key:value`) and categories of the newest 500 rewards, to choose from; at most 200 of each."""
    row = session.execute(
        text(
            """
            with newest as materialized (
                select details from reward where shop_id = :shop order by id desc limit 500
            )
            select
                array(select distinct said from (select details from newest) r,
                    jsonb_array_elements(r.details -> 'labels') l,
                    lateral (values (l ->> 'key'), ((l ->> 'key') || ':' || (l ->> 'value'))) as v (said)
                    order by said limit 200) as labels,
                array(select distinct said from (select details from newest) r,
                    jsonb_array_elements_text(r.details -> 'categories') as c (said) order by said limit 200) as categories
            """
        ),
        {"shop": shop_id},
    ).one()
    return list(row.labels), list(row.categories)


def _conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    conditions = ["r.archived_at is null"] if wanted.status != "archived" else []
    parameters: dict[str, Any] = {}
    if wanted.search:
        conditions.append(
            "(strpos(lower(r.name), lower(:search)) > 0 or strpos(lower(r.redemption_id), lower(:search)) > 0)"
        )
        parameters["search"] = wanted.search
    if wanted.kind:
        conditions.append("(r.type = :kind or r.sub_type = :kind)")
        parameters["kind"] = wanted.kind
    if wanted.status:
        conditions.append(_STATUSES[wanted.status])
    if wanted.label:
        conditions.append(IS_LABELLED)
        parameters["label"] = wanted.label
    if wanted.category:
        conditions.append(IS_IN_CATEGORY)
        parameters["category"] = wanted.category
    return conditions or ["true"], parameters


def _place(session: AnySession, shop_id: int, keys: Sequence[str], reward_id: int) -> Sequence[Any] | None:
    """Where that reward stands in the order; None if the shop has none of that id."""
    row = session.execute(
        text(f"select {', '.join(keys)} from reward r where r.shop_id = :shop and r.id = :id"),  # noqa: S608
        {"shop": shop_id, "id": reward_id},
    ).one_or_none()
    return None if row is None else tuple(row)
