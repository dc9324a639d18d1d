"""Redemptions: a member has a reward for points, uses it, or a merchant says that they did.

`redeem` is the hot path: what needs words and rules is judged here, then one call (redeem.sql) takes the points and the
code together. The same key again is the same redemption as it now is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from backend import clock, db, strict_json
from backend.errors import (
    BadInput,
    Conflict,
    IdempotencyKeyReused,
    MemberBlocked,
    NotEnoughPoints,
    NotFound,
    Unauthorized,
)
from backend.hot_statement import HotStatement
from backend.ledger.posting import AnySession, Author
from backend.loyalty.coupons import coupons
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.eligibility.eligibility import Facts
from backend.loyalty.members import blocking
from backend.loyalty.notifications import notices
from backend.loyalty.points import expiry
from backend.loyalty.program import programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.redemptions import endings, issuing
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.rewards import campaigns, reward_attributes, rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption
from backend.queue import enqueue_after_commit, ring

LONGEST_WAIT = timedelta(hours=24)
"""How long points are held for a code that cannot be made; then they are free again (reliability F-68)."""
_MOST_VERSIONS = 5
_TIMES = ("requested_at", "issued_at", "used_at", "ended_at", "expires_at", "hold_until")

Row = dict[str, Any]
"""A redemption's columns as JSON says them: times as ISO texts, money as numbers' text."""
_REDEEM_SQL = """
    select outcome, redemption::text, available from redeem(%(shop)s, %(member)s, %(token_version)s, %(reward)s,
        %(version)s, %(campaign)s, %(key)s, %(hash)s, %(now)s, %(expires)s, %(hold_until)s, %(frozen)s, %(attributes)s,
        %(actor)s, %(actor_name)s, %(mail_at)s)
"""
_REDEEM = HotStatement(_REDEEM_SQL)
_KNOWN = HotStatement(
    "select request_hash, to_jsonb(r)::text from redemption r where r.shop_id = %(shop)s and r.key = %(key)s"
)


class MustExpireFirst(Exception):
    """Points past their date are to be written off and their owner told before any are spent (`expiry.expire_of`)."""


@dataclass(frozen=True, slots=True)
class Redeemer:
    """For whom, and who asks. `token_version` is that of the member's session, which may have been revoked; `language`
    that of whoever reads why the rules refuse."""

    member_id: int
    author: Author
    token_version: int | None = None
    language: str = "en"


def install(connection: Connection) -> None:
    """Define the redeeming function in the database, replacing older definitions. Called by `lagniappe migrate`."""
    connection.exec_driver_sql(
        files("backend.loyalty.redemptions").joinpath("redeem.sql").read_text().replace("%", "%%")
    )


def redeem(
    shop: ShopFacts,
    who: Redeemer,
    reward_id: int,
    attributes: Mapping[str, Any],
    key: str,
    now: datetime,
) -> Row:
    """Have the reward for points; runs as a transaction of its own. The redemption as it now is, new or not.

    Raises NotFound, Unauthorized (the session was ended), IdempotencyKeyReused; Conflict `reward_inactive`,
    `not_eligible`, `limit_reached`, `out_of_stock`; AttributesMissing, AttributesWrong, NotEnoughPoints;
    MustExpireFirst, then nothing has happened yet.
    """
    key = key_of(who.member_id, key)
    request_hash = _request_hash(reward_id, attributes)
    _, settings = programs.current(shop.id)
    for _ in range(_MOST_VERSIONS):
        try:
            reward = _find(shop.id, reward_id)
            said = _judge(shop, who, reward, attributes, now)
            campaign_id = _campaign_of(shop, reward, now)
        except (NotFound, Conflict, BadInput):
            if (known := _known(shop.id, key, request_hash)) is not None:
                return known  # it was had when it could be
            raise
        found = _have(_parameters(shop, who, reward, campaign_id, key, request_hash, said, now, settings))
        assert found is not None
        outcome, redemption, available = found
        match outcome:
            case "issued" | "again":
                return _row(redemption)
            case "requested":
                ring(coupons.REFILL)
                return _row(redemption)
            case "stale":
                rewards.forget_current()
            case _:
                if outcome in ("limit_reached", "out_of_stock"):
                    rewards.forget_current()  # what is shown next must not promise it again
                raise _refusal(outcome or "", reward, int(available or 0))
    raise Conflict("This reward is being changed right now. Please try again.", code="reward_inactive")


def redeem_within(
    session: AnySession,
    shop: ShopFacts,
    who: Redeemer,
    reward_id: int,
    attributes: Mapping[str, Any],
    key: str,
    now: datetime,
) -> Row:
    """`redeem` in a transaction of the caller's, for what must happen together with it. The redemption's row.

    The caller sees to it that the key is used once. Raises what `redeem` raises, but for MustExpireFirst: what is past its
    date is written off first.
    """
    _, settings = programs.current(shop.id)
    expiry.expire_of(session, shop.id, who.member_id, now)
    if blocking.is_blocked(session, shop.id, who.member_id):
        raise MemberBlocked()
    reward = rewards.find(session, shop.id, reward_id)
    facts = member_facts.facts(
        session, shop, who.member_id, with_orders=eligibility.needs_orders(reward.rules), now=now
    )
    said = _judge(shop, who, reward, attributes, now, facts)
    parameters = _parameters(
        shop,
        who,
        reward,
        _campaign_of(shop, reward, now),
        key_of(who.member_id, key),
        _request_hash(reward_id, attributes),
        said,
        now,
        settings,
    )
    outcome, redemption, available = session.connection().exec_driver_sql(_REDEEM_SQL, parameters).one()
    match outcome:
        case "issued" | "again":
            return _row(redemption)
        case "requested":
            enqueue_after_commit(coupons.REFILL)
            return _row(redemption)
        case "gone":
            raise Conflict("This account is closed: nothing is redeemed for it any more.", code="member_gone")
        case "stale":
            raise Conflict("This reward is being changed right now. Please try again.", code="reward_inactive")
    if outcome in ("limit_reached", "out_of_stock"):
        rewards.forget_current()
    raise _refusal(outcome, reward, int(available or 0))


def _parameters(
    shop: ShopFacts,
    who: Redeemer,
    reward: Reward,
    campaign_id: int | None,
    key: str,
    request_hash: str,
    said: Mapping[str, Any],
    now: datetime,
    settings: ProgramSettings,
) -> dict[str, Any]:
    """Of the redeeming function."""
    return {
        "shop": shop.id,
        "member": who.member_id,
        "token_version": who.token_version,
        "reward": reward.id,
        "version": reward.version,
        "campaign": campaign_id,
        "key": key,
        "hash": request_hash,
        "now": now,
        "expires": issuing.valid_until(shop, reward.coupon_valid_days, now),
        "hold_until": now + LONGEST_WAIT,
        "frozen": orjson.dumps(freeze(reward)).decode(),
        "attributes": strict_json.dumps(said).decode(),
        "actor": who.author.actor,
        "actor_name": who.author.name,
        "mail_at": clock.wall() if notices.is_on("reward_issued", settings) else None,
    }


def status_at(redemption: Redemption, now: datetime) -> str:
    """Its status; what is past its date and unused has expired, whether or not the sweep has run."""
    is_over = redemption.status == "issued" and endings.has_run_out(redemption, now)
    return "expired" if is_over else redemption.status


def from_row(row: Row) -> Redemption:
    """The redemption of a row that came as JSON, belonging to no session."""
    read = dict(row)
    for name in _TIMES:
        if read[name] is not None:
            read[name] = datetime.fromisoformat(read[name])
    if read["discount"] is not None:
        read["discount"] = Decimal(str(read["discount"]))
    return Redemption(**read)


@db.retrying
def _have(parameters: Mapping[str, Any]) -> tuple[str | None, ...] | None:
    """The call is a transaction of its own, and its key makes a repetition harmless."""
    return _REDEEM.first_row(parameters)


def freeze(reward: Reward) -> dict[str, Any]:
    """What of a reward a redemption keeps: a later change of the reward does not change what was had (reliability F-84)."""
    definition = reward.definition
    return {
        "name": reward.name,
        "reward_id": reward.redemption_id,
        "type": reward.type,
        "sub_type": reward.sub_type,
        "worth": reward.worth,
        "reward_value": definition.reward_value,
        "tax_value": None if definition.tax_value is None else str(definition.tax_value),
        "valid_days": reward.coupon_valid_days,
        "points_back": reward.points_back_when_expired,
    }


def _find(shop_id: int, reward_id: int) -> Reward:
    """The reward as this process knows it; the call names its version. One that is unknown or inactive is looked up."""
    for reward in rewards.current(shop_id):
        if reward.id == reward_id:
            return reward
    session = db.db.session()
    try:
        return rewards.find(session, shop_id, reward_id)
    finally:
        session.rollback()


def _judge(
    shop: ShopFacts,
    who: Redeemer,
    reward: Reward,
    attributes: Mapping[str, Any],
    now: datetime,
    facts: Facts | None = None,
) -> dict[str, Any]:
    """Refuse what the rules refuse; the attributes as they are kept. Without `facts` the member's are read if needed."""
    _, settings = programs.current(shop.id)
    if not settings.enabled:
        raise Conflict("The program is switched off: nothing can be redeemed.", code="reward_inactive")
    if reward.type == CASHBACK:
        raise Conflict("Cashback is used at the checkout.", code="reward_inactive")
    if not rewards.is_available(reward, now):
        raise Conflict("This reward is not available at the moment.", code="reward_inactive")
    if reward.rules or reward.target is not None:
        refuse_ineligible(reward, facts or _facts(shop, who.member_id, reward, now), who.language)
    return reward_attributes.checked(reward.definition.custom_transaction_attributes, attributes)


def _facts(shop: ShopFacts, member_id: int, reward: Reward, now: datetime) -> Facts:
    session = db.db.session()
    try:
        return member_facts.facts(session, shop, member_id, with_orders=eligibility.needs_orders(reward.rules), now=now)
    finally:
        session.rollback()


def refuse_ineligible(reward: Reward, facts: Facts, language: str = "en") -> None:
    """Raises Conflict `not_eligible` with the sentence that says what the member lacks."""
    if reward.target is not None and not eligibility.is_in_target(reward.target, facts):
        raise Conflict(eligibility.target_missing(reward.target, language), code="not_eligible")
    verdict = eligibility.judge(reward.rules, facts, language)
    if not verdict.is_eligible:
        raise Conflict(verdict.refusal, code="not_eligible")


def _campaign_of(shop: ShopFacts, reward: Reward, now: datetime) -> int | None:
    """The campaign that the gift is had in; a gift of campaigns is to be had only while one of them is on."""
    if reward.type != "gift":
        return None
    on = campaigns.current(shop.id, now)
    if on is not None and reward.id in on.gifts:
        return on.id
    if campaigns.is_gift_of_any(shop.id, reward.id):
        raise Conflict("This gift belongs to a campaign that is not on.", code="reward_inactive")
    return None


def key_of(member_id: int, key: str) -> str:
    """A member's key among those of the shop: found by one index, however much the member has redeemed."""
    return f"{member_id}:{key}"


def _known(shop_id: int, key: str, request_hash: str) -> Row | None:
    found = _KNOWN.first_row({"shop": shop_id, "key": key})
    if found is None:
        return None
    if found[0] != request_hash:
        raise key_reused()
    return _row(found[1])


def key_reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused("This Idempotency-Key was sent before with another body.")


def _refusal(outcome: str, reward: Reward, available: int) -> Exception:
    match outcome:
        case "gone":
            return Unauthorized("The session has been ended. Begin a new one with a fresh identity.")
        case "reused":
            return key_reused()
        case "limit_reached":
            return Conflict("This reward has been had as often as it can be.", code="limit_reached")
        case "out_of_stock":
            return Conflict("This reward is sold out at the moment.", code="out_of_stock")
        case "not_enough_points":
            return NotEnoughPoints(available, reward.points)
        case "expire_first":
            return MustExpireFirst()
    raise AssertionError(f"redeem() answered {outcome!r}")


def _request_hash(reward_id: int, attributes: Mapping[str, Any]) -> str:
    # Not orjson: what was said may be wrong in any way, such as a number of more than 64 bits.
    said = json.dumps([reward_id, attributes], default=str, sort_keys=True)
    return sha256(said.encode()).hexdigest()


def _row(text: str | None) -> Row:
    row: Row = orjson.loads(text or "")
    return row
