"""The grid of redeemed rewards (S1.17 to S1.22): filtered, sorted, in pages that stay quick with a million of them.

An order is a sequence of *stretches*: used ones by their use, then unused ones by when they were redeemed, for example. A
stretch reads one index range for each delivery status that is in it and merges them, from the place where the last page
ended (keyset). Two ways lead to a page:

- *walk*: along the order's index, until the page is full. Filters are decided in the index, without reading the rows.
- *pick*: where a filter leaves at most `FEW` redemptions (a member, a code, a seldom reward), those are read and sorted.

So a page costs the same at the beginning, in the middle and at the end. The only long walk left is for what lies together in
an order that one sees it from afar in, such as a reward of years ago, newest first: it reads an index, no rows.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.redemptions import marks
from backend.loyalty.redemptions.cashback_status import cashback_status
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.redemptions.marks import DeliveryStatus, UseState

Sort = Literal["redeemed", "used", "delivery", "cost"]
TYPES: Mapping[str, str] = {
    "percentage_discount": "Percentage discount code",
    "cashback": "Cashback",
    "fixed_amount_discount": "Discount code",
    "free_shipping": "Free delivery",
    "gift": "Gift",
    "event_invitation": "Invitation for the event",
    "value_code": "Value code",
    "custom": "Custom campaign",
}
"""Exactly eight (S1.31), by their kind: the sub type of what has a code, else the type."""
GIFT = "gift"
FEW = 2_000
"""Up to so many redemptions are picked and sorted. Beyond, the walk to a full page is short if they lie evenly."""
MOST_MEMBERS = 100
"""So many members at most are found by a text."""
_USED: tuple[DeliveryStatus, ...] = ("ordered", "shipped", "delivered", "canceled")
_STATUSES: tuple[DeliveryStatus | None, ...] = (None, *_USED)
_MOMENTS = ("requested_at", "used_at")

Place = tuple[int, tuple[Any, ...]]
"""Where a page ended: the number of the stretch, and the values of its columns."""


@dataclass(frozen=True)
class Wanted:
    """What the grid is asked for: all that is not None holds together."""

    redeemed_from: datetime | None = None
    redeemed_to: datetime | None = None
    """Only those redeemed before."""
    used_from: datetime | None = None
    used_to: datetime | None = None
    use_state: UseState | None = None
    delivery_status: DeliveryStatus | None = None
    kind: str | None = None
    """A key of `TYPES`."""
    reward_id: int | None = None
    member_id: int | None = None
    search: str | None = None
    """A whole code, or the beginning of an e-mail address or of a phone number; whatever the case."""
    sort: Sort = "redeemed"
    descending: bool = True
    after: Place | None = None
    before: Place | None = None
    is_last: bool = False
    """The last page."""

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        plain = Wanted(sort=self.sort, descending=self.descending)
        kept = replace(self, after=None, before=None, is_last=False)
        return any(getattr(kept, each.name) != getattr(plain, each.name) for each in fields(self))


@dataclass(frozen=True)
class Redeemed:
    """A line of the grid."""

    id: int
    member_id: int
    reward_id: int
    requested_at: datetime
    used_at: datetime | None
    expires_at: datetime | None
    points: int
    points_after: int
    """The member's active points right after it (S1.34)."""
    code: str | None
    status: str
    """`expired` from its end on, whether or not the sweep has run; not for what was used."""
    ending: str | None
    are_days_over: bool
    """Whether it could not be used any more; what was used in its days stays used."""
    use_state: UseState
    delivery_status: DeliveryStatus | None
    origin: str
    frozen: Mapping[str, Any]
    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None

    @property
    def name(self) -> str:
        """The reward's name, with the code in round brackets (S1.30)."""
        name: str = self.frozen["name"]
        return name if self.code is None else f"{name} ({self.code})"

    @property
    def type(self) -> str:
        """As people read it (S1.31)."""
        return TYPES[self.frozen["sub_type"] or self.frozen["type"]]

    @property
    def tax_value(self) -> Decimal | None:
        """In the shop's currency."""
        value = self.frozen.get("tax_value")
        return None if value is None else Decimal(value)

    @property
    def cashback_status(self) -> str:
        """A dash for all but cashback (S1.37)."""
        return cashback_status(self)

    @property
    def is_markable(self) -> bool:
        """Whether it can be marked used or unmarked: only while it is active, in its days (S1.12, S1.13). Cashback is its
        order's."""
        return self._is_active and not self.are_days_over and self.frozen["type"] != CASHBACK

    @property
    def next_steps(self) -> tuple[DeliveryStatus, ...]:
        """What its delivery can be set to now."""
        if not self._is_active:
            return ()
        return marks.next_steps(self.frozen["type"], self.use_state, self.delivery_status)

    @property
    def _is_active(self) -> bool:
        return self.status == "issued" and self.ending is None


@dataclass(frozen=True)
class Page:
    items: Sequence[Redeemed]
    earlier: Place | None
    """What to ask `before` for the page before this one; None: this is the first."""
    later: Place | None
    """What to ask `after` for the page that follows; None: this is the last."""
    is_cut: bool
    """More members than `MOST_MEMBERS` fit the text: not all of theirs are here."""


@dataclass(frozen=True)
class Stretch:
    """A part of the order, of these delivery statuses, by these columns; `id` is always the last of them."""

    statuses: tuple[DeliveryStatus | None, ...]
    columns: tuple[str, ...]
    descending: bool


@dataclass(frozen=True)
class _Picked:
    """Redemptions by their ids, which the page is made of; None: too many, so the order is walked."""

    ids: tuple[int, ...] | None
    reward_ids: tuple[int, ...] | None = None
    """The rewards of the type that is asked for."""
    is_cut: bool = False


def page(session: AnySession, shop_id: int, wanted: Wanted, now: datetime, limit: int) -> Page:
    """At most `limit` redemptions, in the order that is asked for."""
    picked = _pick(session, shop_id, wanted)
    is_backwards = wanted.is_last or (wanted.before is not None and wanted.after is None)
    stretches = _backwards(order_of(wanted)) if is_backwards else order_of(wanted)
    start = wanted.before if is_backwards else wanted.after
    found: list[tuple[Place, int]] = []
    for number, stretch in enumerate(stretches):
        own = len(stretches) - 1 - number if is_backwards else number
        if start is not None and (own > start[0] if is_backwards else own < start[0]):
            continue
        values = start[1] if start is not None and own == start[0] else None
        statement, parameters = statement_for(
            shop_id, wanted, stretch, picked.ids, picked.reward_ids, values, limit + 1 - len(found)
        )
        if statement is not None:
            rows = session.execute(text(statement), parameters).all()
            found += [((own, tuple(row)), row.id) for row in rows]
        if len(found) > limit:
            break
    is_more, found = len(found) > limit, found[:limit]
    if is_backwards:
        found.reverse()
    items = _read(session, shop_id, [each for _, each in found], now)
    has_earlier = is_more if is_backwards else start is not None
    has_later = start is not None if is_backwards else is_more
    return Page(
        items,
        earlier=found[0][0] if found and has_earlier else None,
        later=found[-1][0] if found and has_later else None,
        is_cut=picked.is_cut,
    )


def one(session: AnySession, shop_id: int, redemption_id: int, now: datetime) -> Redeemed | None:
    """One line; None if the shop has none of that id."""
    return next(iter(_read(session, shop_id, [redemption_id], now)), None)


def order_of(wanted: Wanted) -> tuple[Stretch, ...]:
    """The stretches of the order that is asked for, with what its filters leave of each."""
    ways = wanted.descending
    match wanted.sort:
        case "redeemed":
            order = [Stretch(_STATUSES, ("requested_at", "id"), ways)]
        case "cost":
            order = [Stretch(_STATUSES, ("points", "requested_at", "id"), ways)]
        case "used":  # what was not used comes last, either way
            order = [Stretch(_USED, ("used_at", "id"), ways), Stretch((None,), ("requested_at", "id"), True)]
        case "delivery":
            statuses = _STATUSES[::-1] if ways else _STATUSES
            order = [Stretch((each,), ("requested_at", "id"), True) for each in statuses]
    allowed = _allowed(wanted)
    return tuple(replace(each, statuses=tuple(one for one in each.statuses if one in allowed)) for each in order)


def statement_for(
    shop_id: int,
    wanted: Wanted,
    stretch: Stretch,
    ids: tuple[int, ...] | None,
    reward_ids: tuple[int, ...] | None,
    start: tuple[Any, ...] | None,
    limit: int,
) -> tuple[str | None, dict[str, Any]]:
    """The SQL of a stretch from a place on, and what goes into it; None if nothing can be in it."""
    if not stretch.statuses or ids == () or reward_ids == ():
        return None, {}
    conditions, parameters = _conditions(wanted)
    if reward_ids is not None:
        parameters["rewards"] = list(reward_ids)
    if "used_at" in stretch.columns:
        conditions.append("r.used_at is not null")
    if start is not None:
        names = [f"place{number}" for number in range(len(start))]
        conditions.append(
            f"({', '.join(f'r.{each}' for each in stretch.columns)}) {'<' if stretch.descending else '>'}"
            f" ({', '.join(f':{name}' for name in names)})"
        )
        parameters |= dict(zip(names, start, strict=True))
    way = "desc" if stretch.descending else "asc"
    columns = ", ".join(f"r.{each}" for each in stretch.columns)
    order = ", ".join(f"{each} {way}" for each in stretch.columns)
    parameters |= {"shop": shop_id, "limit": limit}
    if ids is not None:
        parameters["ids"] = list(ids)
        statuses = " or ".join(_is(each) for each in stretch.statuses)
        return (
            f"select {columns} from redemption r where r.shop_id = :shop and r.id = any(:ids) and ({statuses})"  # noqa: S608 - our own words
            f"{'' if wanted.kind is None else ' and r.reward_id = any(:rewards)'}"
            f"{''.join(f' and {each}' for each in conditions)} order by {order} limit :limit",
            parameters,
        )
    # `delivery_status` stands in the order so that the planner takes `is null`, too, for one range of the index.
    arms = " union all ".join(
        f"(select {columns} from redemption r where r.shop_id = :shop and {_is(each)}{_of_kind(wanted.kind, each, stretch)}"  # noqa: S608 - our own words
        f"{''.join(f' and {condition}' for condition in conditions)}"
        f" order by r.delivery_status {way}, {', '.join(f'r.{each} {way}' for each in stretch.columns)} limit :limit)"
        for each in stretch.statuses
    )
    return f"select * from ({arms}) r order by {order} limit :limit", parameters  # noqa: S608 - our own words


def written(place: Place) -> str:
    """The place as an address holds it."""
    values = [each.isoformat() if isinstance(each, datetime) else each for each in place[1]]
    return base64.urlsafe_b64encode(json.dumps([place[0], *values]).encode()).decode().rstrip("=")


def read_place(said: str | None, wanted: Wanted) -> Place | None:
    """The place that an address holds; None if it is none in this order: an address may be cut, or of another order."""
    if not said:
        return None
    order = order_of(wanted)
    try:
        number, *values = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        columns = order[number].columns if isinstance(number, int) and 0 <= number < len(order) else ()
        pairs = zip(columns, values, strict=True)
        place = tuple(_moment(value) if name in _MOMENTS else _whole(value) for name, value in pairs)
    except (ValueError, TypeError):
        return None
    return (number, place) if place else None


def _moment(value: Any) -> datetime:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a moment without its zone")
    return at


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError("no number of a column")
    return value


def _is(status: DeliveryStatus | None) -> str:
    """Written as a constant, so that the planner knows how many there are."""
    return "r.delivery_status is null" if status is None else f"r.delivery_status = '{status}'"


def _allowed(wanted: Wanted) -> set[DeliveryStatus | None]:
    allowed: set[DeliveryStatus | None] = set(_STATUSES)
    if wanted.use_state is not None:
        allowed &= set(_USED) if wanted.use_state == "used" else {None}
    if wanted.delivery_status is not None:
        allowed &= {wanted.delivery_status}
    if wanted.used_from is not None or wanted.used_to is not None:
        allowed &= set(_USED)
    if wanted.kind not in (None, GIFT):
        allowed &= {None, "ordered"}
    return allowed


def _backwards(order: Iterable[Stretch]) -> tuple[Stretch, ...]:
    return tuple(replace(each, descending=not each.descending) for each in reversed(tuple(order)))


_RANGES = {
    "redeemed_from": "r.requested_at >= :redeemed_from",
    "redeemed_to": "r.requested_at < :redeemed_to",
    "used_from": "r.used_at >= :used_from",
    "used_to": "r.used_at < :used_to",
}


def _of_kind(kind: str | None, status: DeliveryStatus | None, stretch: Stretch) -> str:
    """A type never changes, so it is its rewards'. Gifts may be few among many codes, so those that are not used, and those
    that wait to be sent, have indexes of their own; and what is sent is a gift (S1.35)."""
    if kind is None or (kind == GIFT and status not in (None, "ordered")):
        return ""
    has_index = kind == GIFT and (status == "ordered" or stretch.columns == ("requested_at", "id"))
    return " and r.frozen ->> 'type' = 'gift'" if has_index else " and r.reward_id = any(:rewards)"


def _conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    """What holds of each redemption beside its delivery status and its type."""
    conditions, parameters = [], {}
    for name, condition in _RANGES.items():
        if (value := getattr(wanted, name)) is not None:
            conditions.append(condition)
            parameters[name] = value
    if wanted.reward_id is not None:
        conditions.append("r.reward_id = :reward")
        parameters["reward"] = wanted.reward_id
    if wanted.member_id is not None:
        conditions.append("r.member_id = :member")
        parameters["member"] = wanted.member_id
    return conditions, parameters


# Few redemptions, by what leaves few of them

_OF_REWARD = """
select r.id from redemption r where (r.shop_id, r.reward_id, r.id) > (:shop, :reward, 0)
and (r.shop_id, r.reward_id, r.id) < (:shop, :reward + 1, 0) order by r.shop_id, r.reward_id, r.id limit :most
"""
_OF_REWARDS = """
select r.id from unnest(cast(:rewards as bigint[])) w (id) cross join lateral (
    select r.id from redemption r where (r.shop_id, r.reward_id, r.id) > (:shop, w.id, 0)
        and (r.shop_id, r.reward_id, r.id) < (:shop, w.id + 1, 0) order by r.shop_id, r.reward_id, r.id limit :most
) r limit :most
"""
_OF_MEMBERS = """
select r.id from unnest(cast(:members as bigint[])) w (id) cross join lateral (
    select r.id from redemption r where r.shop_id = :shop and r.member_id = w.id
) r
"""
_MEMBERS_CALLED = """
select id from (
    (select m.id from member m where m.shop_id = :shop and m.email is not null
        and lower(m.email) like :start order by lower(m.email) using ~<~ limit :most)
    union
    (select m.id from member m where m.shop_id = :shop and m.phone is not null and :digits <> ''
        and ltrim(regexp_replace(m.phone, '[^0-9]', '', 'g'), '0') like :digits || '%' limit :most)
) m limit :most
"""
_OF_TYPE = "select w.id from reward w where w.shop_id = :shop and coalesce(w.sub_type, w.type) = :kind"
_OF_CODE = (
    "select r.id from redemption r where r.shop_id = :shop and r.code is not null and upper(r.code) = upper(:code)"
)


def _pick(session: AnySession, shop_id: int, wanted: Wanted) -> _Picked:
    """The redemptions that the page is made of, if a filter leaves few."""

    def ids(statement: str, **given: Any) -> tuple[int, ...]:
        parameters = {"shop": shop_id, "most": FEW + 1, **given}
        return tuple(session.execute(text(statement), parameters).scalars())

    reward_ids = ids(_OF_TYPE, kind=wanted.kind) if wanted.kind is not None else None
    if wanted.search is not None:
        members = ids(_MEMBERS_CALLED, **_called(wanted.search), most=MOST_MEMBERS + 1)
        found = {*ids(_OF_CODE, code=wanted.search), *ids(_OF_MEMBERS, members=list(members[:MOST_MEMBERS]))}
        return _Picked(tuple(sorted(found)), reward_ids, is_cut=len(members) > MOST_MEMBERS)
    if wanted.member_id is not None:
        return _Picked(ids(_OF_MEMBERS, members=[wanted.member_id]), reward_ids)
    for statement, given in _selective(wanted, reward_ids):
        found_ids = ids(statement, **given)
        if len(found_ids) <= FEW:
            return _Picked(found_ids, reward_ids)
    return _Picked(None, reward_ids)


def _selective(wanted: Wanted, reward_ids: tuple[int, ...] | None) -> Iterable[tuple[str, dict[str, Any]]]:
    """Questions whose answer may be short enough to be the page's source."""
    if wanted.reward_id is not None:
        yield _OF_REWARD, {"reward": wanted.reward_id}
    if reward_ids is not None:
        yield _OF_REWARDS, {"rewards": list(reward_ids)}
    if wanted.sort != "used" and (wanted.used_from is not None or wanted.used_to is not None):
        yield _in_range(wanted, "used", _USED)
    if wanted.sort in ("used", "cost") and (wanted.redeemed_from is not None or wanted.redeemed_to is not None):
        yield _in_range(wanted, "redeemed", _STATUSES)


def _in_range(wanted: Wanted, name: str, statuses: Sequence[DeliveryStatus | None]) -> tuple[str, dict[str, Any]]:
    given = {key: value for key in (f"{name}_from", f"{name}_to") if (value := getattr(wanted, key)) is not None}
    conditions = "".join(f" and {_RANGES[key]}" for key in given)
    column = "used_at" if name == "used" else "requested_at"
    arms = " union all ".join(
        f"(select r.id from redemption r where r.shop_id = :shop and {_is(each)}{conditions}"  # noqa: S608 - our own words
        f" order by r.delivery_status, r.{column}, r.id limit :most)"
        for each in statuses
    )
    return f"select id from ({arms}) r limit :most", given  # noqa: S608 - our own words


def _called(search: str) -> dict[str, str]:
    digits = "".join(each for each in search if each.isdigit()).lstrip("0")
    is_number = len(digits) >= 3 and all(each.isdigit() or each in " +-()./" for each in search)
    escaped = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"start": f"{escaped}%", "digits": digits if is_number else ""}


def _read(session: AnySession, shop_id: int, ids: Sequence[int], now: datetime) -> list[Redeemed]:
    """The lines of those ids, in that order."""
    rows = session.execute(
        text(
            """
            select r.id, r.member_id, r.reward_id, r.requested_at, r.used_at, r.expires_at, r.points, r.points_after, r.code,
                case when r.status = 'issued' and r.use_state = 'delivered' and r.expires_at <= :now
                    and coalesce(r.ending, 'expired') = 'expired' then 'expired' else r.status end as status,
                r.ending, coalesce(r.expires_at <= :now, false) as are_days_over, r.use_state, r.delivery_status, r.origin,
                r.frozen, m.email, m.phone, m.first_name, m.last_name
            from unnest(cast(:ids as bigint[])) with ordinality w (id, place)
            join redemption r on r.shop_id = :shop and r.id = w.id
            join member m on m.shop_id = r.shop_id and m.id = r.member_id
            order by w.place
            """
        ),
        {"shop": shop_id, "ids": list(ids), "now": now},
    ).mappings()
    return [Redeemed(**row) for row in rows]
