"""Rewards: making and changing them, and which there are at this moment."""

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, or_, select, text
from sqlalchemy import update as change
from sqlalchemy.exc import IntegrityError

from backend import db
from backend.errors import BadInput, Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.coupons import coupons
from backend.loyalty.coupons.coupons import UploadReport
from backend.loyalty.eligibility import eligibility
from backend.loyalty.rewards import announcement_plan, reward_definition
from backend.loyalty.rewards.reward_definition import CouponSource, RewardDefinition, RewardTexts
from backend.loyalty.shops.shops import SHOPIFY, ShopFacts
from backend.models import Redemption
from backend.models import Reward as Row

CURRENT_TTL_SECONDS = 3.0
"""How long a process may go on showing the rewards that it knew. Redeeming never uses this cache."""
COUNTED = ("requested", "issued", "expired")
"""Redemptions of these states count against the limits: what came back or failed was not had."""
_MAX_KNOWN_DEFINITIONS = 20_000
_PUBLIC_ID = re.compile("[0-9a-f]{24}")
_LARGEST_ID = 2**63 - 1

IS_LABELLED = """exists (select from jsonb_array_elements(r.details -> 'labels') l where lower(:label) in
    (lower(l ->> 'key'), lower((l ->> 'key') || ':' || (l ->> 'value'))))"""
"""Of a row `r` of reward: it has the label `:label`, which is `key` or `key:value` (S0.31), whatever its case."""
IS_IN_CATEGORY = (
    "exists (select from jsonb_array_elements_text(r.details -> 'categories') c where lower(c) = lower(:category))"
)

_IN_COLUMNS: Mapping[str, str] = {
    "reward_name": "name",
    "reward_id": "redemption_id",
    "is_active": "is_active",
    "reward_type": "type",
    "reward_sub_type": "sub_type",
    "coupon_valid_days": "coupon_valid_days",
    "points_back_when_expired": "points_back_when_expired",
    "limit_total": "limit_total",
    "limit_per_member": "limit_per_member",
    "rank": "rank",
}
"""Fields of the definition that have a column; the others stand in `details`."""


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward as it is now."""

    shop_id: int
    id: int
    redemption_id: str
    name: str
    type: reward_definition.RewardType
    sub_type: reward_definition.RewardSubType | None
    is_active: bool
    active_from: datetime | None
    active_to: datetime | None
    points: int
    point_value: Decimal | None
    worth: Mapping[str, Any] | None
    coupon_source: CouponSource
    coupon_valid_days: int | None
    points_back_when_expired: bool
    limit_total: int | None
    limit_per_member: int | None
    taken: int
    rank: int
    version: int
    created_at: datetime
    modified_at: datetime
    definition: RewardDefinition
    rules: tuple[eligibility.Rule, ...]
    target: eligibility.Target | None
    has_stock: bool
    """Whether a code is free; True if it needs none."""
    archived_at: datetime | None = None
    """Out of sight since then (`reward_shelf`); such a reward is inactive."""
    warnings: tuple[str, ...] = ()
    """What is probably not meant, right after making or changing it."""

    @property
    def public_id(self) -> str:
        return public_id(self.id)


def public_id(reward_id: int) -> str:
    """The id as everybody outside sees it: 24 hex digits (S2.5)."""
    return f"{reward_id:024x}"


def parse_public_id(shown: str) -> int:
    """The id behind 24 hex digits. Raises NotFound for any other text."""
    if not _PUBLIC_ID.fullmatch(shown) or (found := int(shown, 16)) > _LARGEST_ID:
        raise NotFound()
    return found


def create(session: AnySession, shop: ShopFacts, document: object, now: datetime, *, rehearsal: bool = False) -> Reward:
    """Make a reward, with the codes that came along.

    Raises BadInput and Contradiction as `reward_definition.parse` does, and Conflict `name_taken` or `reward_id_taken`.
    """
    definition, codes = reward_definition.parse_new(
        document,
        currency=shop.currency,
        tz=ZoneInfo(shop.timezone),
        rehearsal=rehearsal,
        is_shopify=shop.platform == SHOPIFY,
    )
    if definition.reward_id is None:
        derived = _free_id(session, shop.id, definition.reward_name)
        definition = definition.model_copy(update={"reward_id": derived})
    source = reward_definition.coupon_source(definition, is_uploaded=codes is not None)
    try:
        reward_id = session.execute(
            insert(Row)
            .values(shop_id=shop.id, created_at=now, modified_at=now, **_columns(definition, shop, source))
            .returning(Row.id)
        ).scalar_one()
    except IntegrityError as error:
        raise _taken(error, definition) from error
    said = reward_definition.warnings(definition, shop.currency)
    if codes is not None:
        said += _refused_codes(coupons.add_uploaded(session, shop.id, reward_id, codes, now), len(codes))
    if source == "made":
        coupons.ask_refill(session, shop.id, reward_id)
    made = find(session, shop.id, reward_id)
    announcement_plan.plan(session, shop.id, made.id, definition, made.active_from, was_available=False, now=now)
    db.after_commit(forget_current)
    return replace(made, warnings=tuple(said))


def update(
    session: AnySession,
    shop: ShopFacts,
    reward_id: int,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    rehearsal: bool = False,
) -> Reward:
    """Change the fields that `changes` names; null gives a field back its default. Locks the reward's row.

    What is in members' hands stays as it was: a redemption froze what it needs. A reward that is worth something else
    withdraws its free codes and gets new ones. Raises as `create` does, NotFound, and Conflict `reward_archived`.
    """
    row = session.execute(
        select(Row).where(Row.shop_id == shop.id, Row.id == reward_id).with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFound()
    if row.archived_at is not None:
        raise Conflict("This reward is archived. Restore it before you change it.", code="reward_archived")
    before = _definition_of(row)
    definition = reward_definition.parse(
        _changed(before, changes),
        currency=shop.currency,
        tz=ZoneInfo(shop.timezone),
        is_uploaded=row.coupon_source == "uploaded",
        rehearsal=rehearsal,
        is_shopify=shop.platform == SHOPIFY,
    )
    said = tuple(reward_definition.warnings(definition, shop.currency))
    if definition == before:
        return replace(find(session, shop.id, reward_id), warnings=said)
    source = reward_definition.coupon_source(definition, is_uploaded=row.coupon_source == "uploaded")
    values = _columns(definition, shop, source)
    if definition.limit_total is not None and before.limit_total is None:
        values["taken"] = _count_taken(session, shop.id, reward_id)
    was_made, worth_before = row.coupon_source == "made", row.worth
    was_available = is_available(row, now)
    try:
        session.execute(
            change(Row)
            .where(Row.shop_id == shop.id, Row.id == reward_id)
            .values(version=Row.version + 1, modified_at=now, **values)
            .execution_options(synchronize_session=False)
        )
    except IntegrityError as error:
        raise _taken(error, definition) from error
    session.expire(row)
    if was_made and values["worth"] != worth_before:
        coupons.withdraw_stock(session, shop, reward_id)
    if source == "made":
        coupons.ask_refill(session, shop.id, reward_id)
    made = find(session, shop.id, reward_id)
    announcement_plan.plan(
        session, shop.id, made.id, definition, made.active_from, was_available=was_available, now=now
    )
    db.after_commit(forget_current)
    return replace(made, warnings=said)


def add_codes(
    session: AnySession, shop_id: int, reward_id: int, codes: Iterable[str], now: datetime, first_line: int = 1
) -> UploadReport:
    """Add a merchant's own codes to the reward's pool; `first_line` is where they begin in what was sent.

    Raises NotFound, and Conflict `codes_not_uploaded` for a reward that was made without codes of the merchant's own.
    """
    if find(session, shop_id, reward_id).coupon_source != "uploaded":
        raise Conflict("This reward was made without codes of your own.", code="codes_not_uploaded")
    report = coupons.add_uploaded(session, shop_id, reward_id, codes, now, first_line)
    db.after_commit(forget_current)
    return report


def find(session: AnySession, shop_id: int, reward_id: int) -> Reward:
    """That reward as this transaction sees it. Raises NotFound, the same for none and for another shop's."""
    row = session.execute(text(f"{_SELECT} and r.id = :id"), {"shop": shop_id, "id": reward_id}).mappings().first()
    if row is None:
        raise NotFound()
    return _reward(dict(row))


def find_id(session: AnySession, shop_id: int, said: str) -> int:
    """The reward that a person means, by its public id or by the merchant's own `reward_id`. Raises NotFound."""
    with suppress(NotFound):
        return find(session, shop_id, parse_public_id(said)).id
    found = session.execute(
        select(Row.id).where(Row.shop_id == shop_id, Row.redemption_id == said)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no reward {said[:200]}.")
    return found


def newest(
    session: AnySession,
    shop_id: int,
    *,
    before: int,
    limit: int,
    label: str | None = None,
    category: str | None = None,
    featured: bool | None = None,
    public: bool | None = None,
    active: bool | None = None,
) -> list[Reward]:
    """The shop's rewards with smaller ids than `before`, newest first, without those that are archived.

    `label` is `key` or `key:value` (S0.31).
    """
    conditions = ["r.id < :before", "r.archived_at is null"]
    if label is not None:
        conditions.append(IS_LABELLED)
    if category is not None:
        conditions.append(IS_IN_CATEGORY)
    if featured is not None:
        conditions.append("(r.details ->> 'featured')::boolean = :featured")
    if public is not None:
        conditions.append("(r.details ->> 'public')::boolean = :public")
    if active is not None:
        conditions.append("r.is_active = :active")
    rows = session.execute(
        text(f"{_SELECT} and {' and '.join(conditions)} order by r.id desc limit :limit"),
        {
            "shop": shop_id,
            "before": before,
            "limit": limit,
            "label": label,
            "category": category,
            "featured": featured,
            "public": public,
            "active": active,
        },
    ).mappings()
    return [_reward(dict(row)) for row in rows]


def is_available(reward: Reward | Row, now: datetime) -> bool:
    """Whether it is to be had at `now`. Inactive wins over the dates (S0.42)."""
    return (
        reward.is_active
        and (reward.active_from is None or reward.active_from <= now)
        and (reward.active_to is None or now < reward.active_to)
    )


def is_left(reward: Reward) -> bool:
    """Whether there is one more of it to be had."""
    is_out = reward.coupon_source == "uploaded" and not reward.has_stock
    return not is_out and (reward.limit_total is None or reward.taken < reward.limit_total)


def texts_in(reward: Reward, language: str | None, shop_locale: str) -> RewardTexts:
    """The reward's texts for a reader of that language; chosen once per version."""
    place = (reward.shop_id, reward.id, reward.version, language, shop_locale)
    texts = _texts.get(place)
    if texts is None:
        texts = reward_definition.texts_in(reward.definition, language, shop_locale)
        if len(_texts) >= _MAX_KNOWN_DEFINITIONS:
            _texts.clear()
        _texts[place] = texts
    return texts


# What a process knows


_current: dict[int, tuple[float, tuple[Reward, ...]]] = {}
_texts: dict[tuple[int, int, int, str | None, str], RewardTexts] = {}
_definitions: dict[
    tuple[int, int, int], tuple[RewardDefinition, tuple[eligibility.Rule, ...], eligibility.Target | None]
] = {}

_COLUMNS = """r.shop_id, r.id, r.redemption_id, r.name, r.type, r.sub_type, r.is_active, r.active_from, r.active_to, r.points,
    r.point_value::text as point_value, r.worth, r.coupon_source, r.coupon_valid_days, r.points_back_when_expired,
    r.limit_total, r.limit_per_member, r.taken, r.rank, r.details, r.version, r.created_at, r.modified_at,
    r.archived_at,
    r.coupon_source in ('none', 'each') or exists (
        select from coupon_free f where f.shop_id = r.shop_id and f.reward_id = r.id) as has_stock"""
_SELECT = f"select {_COLUMNS} from reward r where r.shop_id = :shop"  # noqa: S608 - our own words
_ORDER = "r.rank, r.points, r.id"
_CURRENT = f"""
    select coalesce(jsonb_agg(to_jsonb(current)), '[]') as rewards from (
        select {_COLUMNS} from reward r where r.shop_id = %(shop)s and r.is_active order by {_ORDER}
    ) current
"""  # noqa: S608


def current(shop_id: int) -> tuple[Reward, ...]:
    """The shop's active rewards by rank, points and id, for showing. A process may know them for three seconds.

    Dates are the reader's to look at (`is_available`).
    """
    known = _current.get(shop_id)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    row = db.one_statement(_CURRENT, {"shop": shop_id})
    found = tuple(_reward(_with_times(each)) for each in (row or {"rewards": []})["rewards"])
    _current[shop_id] = (time.monotonic() + CURRENT_TTL_SECONDS, found)
    return found


def forget_current() -> None:
    """Drop what this process knows of all rewards."""
    _current.clear()
    _definitions.clear()
    _texts.clear()


def _with_times(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no times: those of the row as what they are."""
    times = ("active_from", "active_to", "created_at", "modified_at", "archived_at")
    return {**row, **{name: row[name] and datetime.fromisoformat(row[name]) for name in times}}


def _reward(row: Mapping[str, Any]) -> Reward:
    """The reward of a row of `_COLUMNS`. Its definition is read once per version."""
    place = (row["shop_id"], row["id"], row["version"])
    read = _definitions.get(place)
    if read is None:
        definition = reward_definition.stored(_document(row))
        rules = eligibility.read_rules(list(definition.member_eligibility_rules))
        target = eligibility.read_target(definition.target) if definition.target is not None else None
        read = definition, rules, target
        if len(_definitions) >= _MAX_KNOWN_DEFINITIONS:
            _definitions.clear()
        _definitions[place] = read
    definition, rules, target = read
    columns = {name: value for name, value in row.items() if name != "details"}
    columns["point_value"] = definition.point_value
    return Reward(**columns, definition=definition, rules=rules, target=target)


def _definition_of(row: Row) -> RewardDefinition:
    return reward_definition.stored(
        _document({name: getattr(row, name) for name in (*_IN_COLUMNS.values(), "details")})
    )


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row["details"], **{name: row[column] for name, column in _IN_COLUMNS.items()}}


# What a change writes


def _columns(definition: RewardDefinition, shop: ShopFacts, source: CouponSource) -> dict[str, Any]:
    document = reward_definition.to_document(definition)
    tz = ZoneInfo(shop.timezone)
    return {
        **{column: getattr(definition, name) for name, column in _IN_COLUMNS.items()},
        "active_from": reward_definition.active_from(definition, tz),
        "active_to": reward_definition.active_to(definition, tz),
        "points": definition.points_to_be_redeemed or 0,
        "point_value": definition.point_value,
        "worth": reward_definition.worth(definition, shop.currency),
        "coupon_source": source,
        "details": {name: value for name, value in document.items() if name not in _IN_COLUMNS},
    }


def _changed(before: RewardDefinition, changes: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(changes, Mapping):
        raise BadInput("The changes should be a JSON object.", [{"field": "", "message": "should be a JSON object"}])
    if "coupons" in changes:
        raise _wrong("coupons", "are added to a reward at its /coupons, not by changing it")
    if changes.get("reward_type", before.reward_type) != before.reward_type:
        raise _wrong("reward_type", "cannot be changed: make another reward")
    if "reward_id" in changes and changes["reward_id"] is None:
        raise _wrong("reward_id", "cannot be taken away")
    return {**reward_definition.to_document(before), **changes}


def _wrong(field: str, message: str) -> BadInput:
    return BadInput(f"{field} {message}.", [{"field": field, "message": message}])


def _free_id(session: AnySession, shop_id: int, name: str) -> str:
    """The name's own id, or that with the first number that makes it another's than all there are."""
    wanted = reward_definition.id_from_name(name)
    taken = set(
        session.execute(
            select(Row.redemption_id).where(
                Row.shop_id == shop_id, Row.redemption_id.startswith(wanted, autoescape=True)
            )
        ).scalars()
    )
    candidates = (wanted, *(f"{wanted}_{number}" for number in range(2, len(taken) + 2)))
    return next(each for each in candidates if each not in taken)


def _taken(error: IntegrityError, definition: RewardDefinition) -> Exception:
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if constraint == "reward_name":
        message = f"There is a reward named {definition.reward_name} already."
        return Conflict(message, code="name_taken", errors=[{"field": "reward_name", "message": "is taken"}])
    if constraint == "reward_shop_id_redemption_id_key":
        message = f"There is a reward with the id {definition.reward_id} already."
        return Conflict(message, code="reward_id_taken", errors=[{"field": "reward_id", "message": "is taken"}])
    return error


def _count_taken(session: AnySession, shop_id: int, reward_id: int) -> int:
    """While there was no limit nobody counted."""
    return session.execute(
        select(func.count()).where(
            Redemption.shop_id == shop_id,
            Redemption.reward_id == reward_id,
            Redemption.status.in_(COUNTED),
            # cashback that was let go was not had
            or_(Redemption.status != "expired", Redemption.frozen["type"].astext.is_distinct_from("cashback")),
        )
    ).scalar_one()


def _refused_codes(report: UploadReport, given: int) -> list[str]:
    if not report.refused:
        return []
    first = report.refused[0]
    return [
        f"coupons: {len(report.refused)} of {given} codes were refused, the first in line {first.line}: {first.reason}."
    ]
