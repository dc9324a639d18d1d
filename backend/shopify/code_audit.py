"""Comparing our codes with those that Shopify has, once a day and when somebody asks.

A code that should work and is not there is made again with the same letters. A code in a discount of ours that is nobody's is
taken away, and so are discounts that have done their work. What a person must look at is kept for the gap report: a discount
that was switched off, and a code in somebody's hands that Shopify will not have again (`loyalty/coupons/lost_codes.py`).

Nothing is taken away that is not known to be ours: a title can be copied, and another installation may count its shops as we
do. So of a discount that we have no row for, only codes that stand in our own list are.

Gift cards and store credit are no discounts: `payout_audit.py` compares them.
"""

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, select, text

from backend import clock
from backend.db import transaction
from backend.ledger.posting import AnySession
from backend.loyalty.coupons import coupons
from backend.loyalty.shops import shops
from backend.models import ShopifyShop
from backend.platforms import outgoing
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify.admin_api import Throttled
from backend.platforms.shopify.discounts import Reference, digest
from backend.queue import enqueue_after_commit
from backend.shopify import discounts, payout_audit
from backend.shopify.discounts import Gone, Line, Listed, RedeemCode

JOB = "upkeep.audit_codes"
EVERY = timedelta(days=1)
SOON = timedelta(minutes=10)
LEASE = timedelta(minutes=15)
SECONDS = 120.0
"""For one shop, two thirds of it for reading; discounts that could not be read by then are compared another time."""
KEPT = timedelta(days=7)
"""How long the discount of a checkout is kept after it ended."""
LIVE = ("making", "ready", "disabling")
"""States of a coupon whose code is or may be at Shopify."""
SWITCHED_OFF = "The discount was switched off in Shopify: its codes do not work."

log = logging.getLogger(__name__)

_SHOULD_WORK = """c.state = 'ready' and coalesce(
    r.use_state <> 'used' and r.ending is null and r.status in ('requested', 'issued'), c.redemption_id is null)"""
_COUPONS = f"""
    select c.id, upper(c.code) as code, c.reward_id, c.worth, c.state, c.expires_at, c.redemption_id,
        {_SHOULD_WORK} as should_work
    from coupon c
    left join redemption r on r.shop_id = c.shop_id and upper(r.code) = upper(c.code)
    where c.shop_id = :shop and c.source = 'made' and c.worth is not null
        and c.worth ->> 'kind' not in ('gift_card', 'store_credit') and
"""  # noqa: S608 - our own words
_WORKING = text(f"{_COUPONS} {_SHOULD_WORK}")
_THESE = text(f"{_COUPONS} (upper(c.code) = any(:codes) or c.id = any(:ids))")


class PatientLine(Line):
    """Waits until Shopify lets it go on: nobody waits for a comparison."""

    def ask(self, document: str, variables: Any, *, until: datetime | None = None) -> Any:
        while True:
            try:
                return super().ask(document, variables, until=until)
            except Throttled as busy:
                pause = busy.retry_after_seconds or 1.0
                if time.monotonic() + pause >= self.ends_at:
                    raise
                time.sleep(pause)


@dataclass
class There:
    """What Shopify has: the discounts that say they are ours, and the codes of those that many share, by discount. `unread`:
    the reward and the worth of discounts for which there was no time; `too_long`: those that alone took most of it."""

    listed: list[Listed]
    codes: dict[str, dict[str, RedeemCode]] = field(default_factory=dict)
    unread: set[tuple[int | None, str | None]] = field(default_factory=set)
    too_long: set[tuple[int | None, str | None]] = field(default_factory=set)


def ask(session: AnySession, shop_id: int) -> None:
    """Have the shop's codes compared now, once the running transaction has committed."""
    session.execute(
        text("update shopify_shop set codes_next_at = :wall where shop_id = :shop and state = 'installed'"),
        {"shop": shop_id, "wall": clock.wall()},
    )
    enqueue_after_commit(JOB)


def compare_next(*, is_rehearsal: bool) -> bool:
    """Compare the codes of the shop whose time has come longest ago; False if there is none. Not inside a transaction."""
    wall = clock.wall()
    with transaction() as session:
        shop = session.execute(
            select(ShopifyShop)
            .where(ShopifyShop.codes_next_at <= wall)
            .order_by(ShopifyShop.codes_next_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar_one_or_none()
        if shop is None:
            return False
        shop_id, is_there = shop.shop_id, shop.state == "installed"
        shop.codes_next_at = wall + LEASE if is_there else None
    if not is_there:
        return True
    next_at: datetime | None
    try:
        with outgoing.open_session(is_rehearsal=is_rehearsal) as line:
            is_whole = compare(PatientLine(shop_id, line, time.monotonic() + SECONDS, bulk=True))
        next_at = wall + (EVERY if is_whole else SOON)
    except TryAgain as failure:
        log.info("the codes of shop %s cannot be compared now: %s", shop_id, failure.reason)
        next_at = wall + SOON
    except Never as refusal:
        log.warning("the codes of shop %s cannot be compared: %s", shop_id, refusal.for_log)
        next_at = wall + EVERY
    except Exception:  # on our side, such as a key that is missing: the other shops have no part in it
        log.exception("the codes of shop %s could not be compared", shop_id)
        next_at = wall + SOON
    with transaction() as session:
        session.execute(
            text(
                "update shopify_shop set codes_next_at = :next where shop_id = :shop and codes_next_at = :lease"
                " and state = 'installed'"
            ),
            {"next": next_at, "shop": shop_id, "lease": wall + LEASE},
        )
    return True


def compare(line: Line) -> bool:
    """Compare the shop's codes and mend what can be mended. True if all of them were compared that can be.

    What should be there is read before Shopify is, and what is not to be there after it: a code that comes or goes
    meanwhile is none of the findings. Raises TryAgain, Never.
    """
    are_payouts_compared = payout_audit.compare(line)
    should_work = _coupons(_WORKING, shop=line.shop_id)
    there = _read(line)
    missing = [each for each in should_work if _is_missing(each, there)]
    codes = [code for of_one in there.codes.values() for code in of_one] + [each.code for each in missing]
    ids = [each.reference.coupon_id for each in there.listed if each.reference.coupon_id is not None]
    known = {each.code: each for each in _coupons(_THESE, shop=line.shop_id, codes=codes, ids=ids)}
    rows = _note(line.shop_id, there, known)
    _make_again(line.shop_id, [each.id for each in missing if known[each.code].should_work])
    _take_away_shared(line, there, known, rows)
    _take_away_alone(line, there, known)
    return are_payouts_compared and there.unread <= there.too_long


# What Shopify has -----------------------------------------------------------------------------------------------------


def _read(line: Line) -> There:
    """All discounts of ours with the codes that they share; in any order, so that no one is always the last."""
    there = There(list(discounts.ours(line)))
    listed = {each.gid for each in there.listed}
    for gid, row in _rows(line.shop_id).items():
        if gid not in listed and discounts.exists(line, gid):  # the merchant has taken our tag away
            there.listed.append(Listed(gid, Reference(line.shop_id, row.reward_id, row.worth), is_on=True))
    shared = [each for each in there.listed if each.reference.coupon_id is None]
    random.shuffle(shared)
    began = time.monotonic()
    until = began + (line.ends_at - began) * 2 / 3
    for each in shared:
        which, one_began = (each.reference.reward_id, each.reference.worth), time.monotonic()
        try:
            there.codes[each.gid] = _codes(line, each.gid, until)
        except Gone:
            there.listed.remove(each)
        except TryAgain as failure:
            log.info("discount %s of shop %s was not read: %s", each.gid, line.shop_id, failure.reason)
            there.unread.add(which)
            if time.monotonic() - one_began > (until - began) / 2:
                log.warning("discount %s of shop %s has more codes than can be compared", each.gid, line.shop_id)
                there.too_long.add(which)
    return there


def _codes(line: Line, gid: str, until: float) -> dict[str, RedeemCode]:
    """All codes of the discount, in capitals. Raises Gone, TryAgain, and that too once it is `until`."""
    codes: dict[str, RedeemCode] = {}
    if time.monotonic() >= until:
        raise TryAgain(discounts.NOT_IN_TIME)
    for page in discounts.pages(line, gid):
        codes.update({each.code.upper(): each for each in page})
        if time.monotonic() >= until:
            raise TryAgain(discounts.NOT_IN_TIME)
    return codes


def _is_missing(coupon: Any, there: There) -> bool:
    if coupon.expires_at is not None and coupon.expires_at <= clock.now():
        return False
    if coupon.redemption_id is not None:
        return all(each.reference.coupon_id != coupon.id for each in there.listed)
    which = coupon.reward_id, digest(coupon.worth)
    return which not in there.unread and all(coupon.code not in codes for codes in there.codes.values())


def _coupons(which: TextClause, **asked: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(which, asked).all())


def _rows(shop_id: int) -> dict[str, Any]:
    """The discounts that we have made, by Shopify's ids."""
    with transaction() as session:
        rows = session.execute(
            text("select gid, reward_id, worth from shopify_discount where shop_id = :shop and gid is not null"),
            {"shop": shop_id},
        )
        return {row.gid: row for row in rows}


# What follows from it ---------------------------------------------------------------------------------------------------


def _note(shop_id: int, there: There, coupons_: Mapping[str, Any]) -> dict[str, Any]:
    """Bring our own list of discounts up to what was found, and return it."""
    rows = _rows(shop_id)
    found = {each.gid: each for each in there.listed}
    with transaction() as session:
        for gid, row in rows.items():
            which = {"shop": shop_id, "gid": gid}
            if gid not in found:
                log.warning("discount %s of reward %s of shop %s was deleted at Shopify", gid, row.reward_id, shop_id)
                session.execute(text("delete from shopify_discount where shop_id = :shop and gid = :gid"), which)
                continue
            session.execute(
                text("update shopify_discount set problem = :problem where shop_id = :shop and gid = :gid"),
                {**which, "problem": None if found[gid].is_on else SWITCHED_OFF},
            )
        for gid, codes in there.codes.items():
            first = next((code for code in codes if code in coupons_ and coupons_[code].state in LIVE), None)
            if gid not in rows and first is not None:  # ours, and its row was lost
                session.execute(
                    text(
                        "insert into shopify_discount (shop_id, reward_id, worth, first_code, gid, created_at)"
                        " values (:shop, :reward, :worth, :code, :gid, :wall)"
                        " on conflict (shop_id, reward_id, worth) do nothing"
                    ),
                    {
                        "shop": shop_id,
                        "reward": coupons_[first].reward_id,
                        "worth": digest(coupons_[first].worth),
                        "code": first,
                        "gid": gid,
                        "wall": clock.wall(),
                    },
                )
    return _rows(shop_id)


def _make_again(shop_id: int, missing: list[int]) -> None:
    shop = shops.facts(shop_id)
    with transaction() as session:
        if missing:
            log.warning("%d codes of shop %s are missing at Shopify", len(missing), shop_id)
            coupons.make_again(session, shop, missing)
        rewards = session.execute(
            text("select id from reward where shop_id = :shop and is_active and coupon_source = 'made' order by id"),
            {"shop": shop_id},
        )
        for reward_id in rewards.scalars().all():
            coupons.ask_refill(session, shop_id, reward_id)


def _take_away_shared(line: Line, there: There, known: Mapping[str, Any], rows: Mapping[str, Any]) -> None:
    """Codes that are nobody's, and discounts without any left."""
    for gid, codes in there.codes.items():
        kept = {code for code in codes if code in known and known[code].state in LIVE}
        nobodys = [each for code, each in codes.items() if code not in kept and (code in known or gid in rows)]
        if len(kept) + len(nobodys) < len(codes):
            continue  # somebody else's as well
        if kept:
            if nobodys:
                log.warning("%d codes in discount %s of shop %s are nobody's", len(nobodys), gid, line.shop_id)
                discounts.remove(line, gid, nobodys)
        elif gid not in rows or _dropped(line.shop_id, gid, rows[gid]):
            discounts.delete(line, gid)


def _dropped(shop_id: int, gid: str, row: Any) -> bool:
    """Forget the discount, if no code is or comes into it. Whoever makes codes of the reward holds it while they are written
    down, so that none comes while we look."""
    with transaction() as session:
        which = {"shop": shop_id, "reward": row.reward_id}
        session.execute(text("select 1 from reward where shop_id = :shop and id = :reward for update"), which)
        worths = session.execute(
            text(
                "select distinct worth from coupon where shop_id = :shop and reward_id = :reward and source = 'made'"
                " and redemption_id is null and worth is not null and state in ('making', 'ready', 'disabling')"
            ),
            which,
        ).scalars()
        if row.worth in {digest(each) for each in worths}:
            return False
        session.execute(
            text("delete from shopify_discount where shop_id = :shop and gid = :gid"), {"shop": shop_id, "gid": gid}
        )
        return True


def _take_away_alone(line: Line, there: There, known: Mapping[str, Any]) -> None:
    """Discounts of checkouts that are over."""
    coupons_ = {each.id: each for each in known.values()}
    for each in there.listed:
        if each.reference.coupon_id is None or (coupon := coupons_.get(each.reference.coupon_id)) is None:
            continue
        has_ended = coupon.expires_at is not None and coupon.expires_at + KEPT <= clock.now()
        if coupon.state in ("disabled", "refused") or has_ended:
            found = discounts.find(line, coupon.code)  # another installation may have a coupon of this number
            if found is not None and found.gid == each.gid:
                discounts.delete(line, each.gid)
