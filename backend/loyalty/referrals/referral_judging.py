"""Judging a referral: what it should be by all that is known, and bringing it there."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import calendar_rules
from backend.loyalty.members import members
from backend.loyalty.program import programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.referrals import referral_facts, referral_payouts, referral_rules
from backend.loyalty.referrals.referral_facts import Claim
from backend.loyalty.referrals.referral_rules import COUNTS, Verdict
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import ProgramVersion, Referral
from backend.queue import enqueue_after_commit

_SETTLED = ("qualified", "rewarded")


def judge(session: AnySession, shop: ShopFacts, friend_id: int, now: datetime) -> Referral | None:
    """Bring the friend's referral to where it should be by what is known; None if no link brought them. Doing it again
    changes nothing."""
    claims = referral_facts.claims_of(session, shop.id, friend_id)
    if not claims:
        return None
    session.flush()
    # Held already by whoever calls, unless a link was claimed since they looked: caps are counted with this held.
    posting.lock_accounts(session, shop.id, [friend_id, *(each.advocate_id for each in claims)])
    row = of_friend(session, shop.id, friend_id)
    chosen, verdict = claims[0], COUNTS
    for number, each in enumerate(claims):
        found = _verdict(session, shop, each, row)
        if number == 0 or found.reason is None:
            chosen, verdict = each, found
        if found.reason is None:
            break
    version = programs.version_for(session, shop.id, chosen.at)
    settings = programs.settings_of(version)
    if row is not None and row.advocate_id != chosen.advocate_id:
        _undo(session, shop, row, now)
        row = None
    if row is None:
        row = _new(session, shop, chosen, verdict, version, now)
    referral_facts.judged(session, shop.id, friend_id)
    before = (row.state, row.reason)
    row.at, row.program_version, row.recheck = chosen.at, version.version, False
    _bring_to(session, shop, row, chosen, verdict, settings, now)
    if before != (row.state, row.reason):
        row.changed_at = now
    session.flush()
    return row


def of_friend(session: AnySession, shop_id: int, friend_id: int) -> Referral | None:
    """The referral by which the member came, if there is one."""
    return session.execute(
        select(Referral)
        .where(Referral.shop_id == shop_id, Referral.friend_id == friend_id)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def _verdict(session: AnySession, shop: ShopFacts, each: Claim, row: Referral | None) -> Verdict:
    is_own = row is not None and row.advocate_id == each.advocate_id
    if is_own and row is not None and row.reason == "cycle":
        return Verdict("cycle", row.evidence)  # whoever closed a ring stays outside, whatever becomes of it
    return referral_rules.judge(
        referral_facts.pair(session, shop.id, each),
        is_on=_is_on(session, shop, each.at),
        is_settled=is_own and row is not None and row.state in _SETTLED,
    )


def _is_on(session: AnySession, shop: ShopFacts, at: datetime) -> bool:
    version = programs.version_for(session, shop.id, at)
    settings = programs.settings_of(version)
    is_on = settings.enabled and settings.referral.enabled and not programs.began_after(version, at)
    return is_on and shops.was_installed_at(session, shop.id, at)


def _new(
    session: AnySession, shop: ShopFacts, chosen: Claim, verdict: Verdict, version: ProgramVersion, now: datetime
) -> Referral:
    row = Referral(
        shop_id=shop.id,
        advocate_id=chosen.advocate_id,
        friend_id=chosen.friend_id,
        at=chosen.at,
        program_version=version.version,
        state="rejected" if verdict.reason else "registered",
        reason=verdict.reason,
        evidence={},
        changed_at=now,
        review="none",
    )
    session.add(row)
    session.flush()
    return row


def _undo(session: AnySession, shop: ShopFacts, row: Referral, now: datetime) -> None:
    """Another link was first after all: what this one brought is taken back, and it is as if it had never been."""
    settings = programs.settings_of(programs.by_number(session, shop.id, row.program_version))
    referral_payouts.bring_to(session, shop, row, {}, settings, "referral", now)
    session.delete(row)
    session.flush()


def _bring_to(
    session: AnySession,
    shop: ShopFacts,
    row: Referral,
    chosen: Claim,
    verdict: Verdict,
    settings: ProgramSettings,
    now: datetime,
) -> None:
    terms = settings.referral
    orders = list(referral_facts.received(session, shop.id, chosen.friend_id))
    orders = [each for each in orders if shops.was_installed_at(session, shop.id, each.placed_at)]
    found = referral_rules.progress(terms, chosen.at, orders)
    if verdict.reason is None and row.review == "refused":
        verdict = Verdict("review")
    if verdict.reason is None and found.is_undone:
        verdict = Verdict("refunded", {"signals": ["order"]})
    if verdict.reason is None and found.at is not None and row.state not in _SETTLED:
        verdict = _within_caps(session, shop, row, chosen, found.at, settings)
    if verdict.reason is not None:
        loss = {"refunded": "refunded", "existing": "existing_customer"}.get(verdict.reason, "referral")
        row.order_id = found.order_id if verdict.reason == "refunded" else None
        row.state, row.reason = "rejected", verdict.reason
        row.evidence = _kept(row) | verdict.evidence
        row.qualified_at = row.counted_at = row.due_at = row.rewarded_at = None
        referral_payouts.bring_to(session, shop, row, {}, settings, loss, now)
        return
    was = row.state
    row.state, row.reason, row.evidence = "registered" if was == "rejected" else was, None, _kept(row)
    row.order_id = found.order_id
    is_held = was == "qualified" and row.due_at is not None and now < row.due_at
    if row.review == "none" and not terms.households and (is_held or was not in _SETTLED):
        _hold_for_review(session, shop.id, row, chosen)
    if found.at is None:
        row.state = "registered"
        row.qualified_at = row.counted_at = row.due_at = row.rewarded_at = None
        referral_payouts.bring_to(session, shop, row, {}, settings, "referral", now)
        return
    row.qualified_at, row.counted_at = found.at, row.counted_at or found.at
    row.due_at = calendar_rules.due_at(found.at, terms.hold_days, ZoneInfo(shop.timezone))
    row.state = "rewarded" if was == "rewarded" else "qualified"
    wanted = {}
    if row.review != "waiting":
        advocate, friend = (
            members.living_id(session, shop.id, each) for each in (chosen.advocate_id, chosen.friend_id)
        )
        wanted = referral_rules.parts(terms, advocate, friend, found, orders)
    referral_payouts.bring_to(session, shop, row, wanted, settings, "referral", now)
    if row.due_at <= now:
        enqueue_after_commit(referral_facts.REWARD)


def _within_caps(
    session: AnySession, shop: ShopFacts, row: Referral, chosen: Claim, at: datetime, settings: ProgramSettings
) -> Verdict:
    """Whoever was one too many stays so: what came later is not put in their place."""
    if row.reason == "cap":
        return Verdict("cap", row.evidence)
    counted = referral_facts.counted(session, shop.id, chosen, at, shop.timezone)
    return referral_rules.over(settings.referral.caps, counted)


def _hold_for_review(session: AnySession, shop_id: int, row: Referral, chosen: Claim) -> None:
    signals = referral_facts.signals(session, shop_id, chosen)
    if signals:
        row.review = "waiting"
        row.evidence = {**_kept(row), "review": signals}


def _kept(row: Referral) -> dict[str, object]:
    """What stays said, whatever is decided next."""
    return {
        name: row.evidence[name] for name in ("review", "reward_was_used", "reward_not_given") if name in row.evidence
    }
