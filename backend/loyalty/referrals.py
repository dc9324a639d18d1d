"""Referrals: who brought whom, whether it counts, and what both get for it (docs/decisions/0012).

Like an order's points, a referral follows from what is known and never from the sequence in which it was told: the links
that the friend came by, who the two are, and the friend's orders. `judge` brings it to where it should be.

The caller holds the accounts of the friend and of everybody whose link they came by.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import (
    calendar_rules,
    name_locks,
    programs,
    referral_codes,
    referral_facts,
    referral_payouts,
    referral_rules,
    shops,
)
from backend.loyalty.referral_facts import Claim
from backend.loyalty.referral_rules import COUNTS, Verdict
from backend.loyalty.settings import ProgramSettings
from backend.loyalty.shops import ShopFacts
from backend.models import Member, Order, ProgramVersion, Referral
from backend.platforms.events import CustomerSeen
from backend.platforms.known_orders import KnownOrder
from backend.queue import enqueue_after_commit

REWARD = "points.reward_referrals"
LINKS = ("referrals", "")
"""The name that everybody holds who makes a friend somebody's: rings are refused because one after the other looks."""
_SETTLED = ("qualified", "rewarded")


def customer_seen(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """The store told of a customer, who may be somebody's friend."""
    code = seen.customer.referral_code
    advocate_id = None if code is None else referral_codes.advocate_of(session, shop.id, code)
    if advocate_id is not None:
        # A new account came by the link when it was made; of an old one it is told now.
        at = (seen.customer.created_at if seen.is_creation else None) or seen.at
        referral_facts.note(session, shop.id, Claim(member.id, advocate_id, at), "store")
    judge(session, shop, member.id, now)
    _look_again_at_friends_like(session, shop.id, member.id)


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: it may qualify a friend, or take back that it did."""
    session.flush()
    concerned = session.execute(
        text(
            "select friend_id from referral where shop_id = :shop and friend_id = :member"
            " union select friend_id from referral where shop_id = :shop and order_id = :order"
            " union select r.friend_id from referral_payout p join referral r on r.shop_id = p.shop_id"
            " and r.id = p.referral_id where p.shop_id = :shop and p.order_id = :order order by 1"
        ),
        {"shop": shop.id, "member": row.member_id, "order": row.id},
    ).scalars()
    for friend_id in concerned.all():
        judge(session, shop, friend_id, now)
    if row.member_id is not None:
        _look_again_at_friends_like(session, shop.id, row.member_id)
    elif row.guest_email is not None:
        _look_again(session, "m.shop_id = :shop and lower(m.email) = :email", shop=shop.id, email=row.guest_email)


def claim(session: AnySession, shop: ShopFacts, friend_id: int, code: str, now: datetime) -> None:
    """A member has opened the widget, brought by that link. Nothing follows from a code that nobody has, nor from the same
    link again. Takes its own locks: call it first in a transaction."""
    advocate_id = referral_codes.advocate_of(session, shop.id, code)
    if advocate_id is None or _is_claimed(session, shop.id, friend_id, advocate_id):
        return
    hold_link(session, shop.id, [friend_id, advocate_id])
    referral_facts.note(session, shop.id, Claim(friend_id, advocate_id, now), "widget")
    judge(session, shop, friend_id, now)


def merged(session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, now: datetime) -> None:
    """The platform says that two customers are one: neither brought the other, and what came of it is taken back.
    Takes its own locks: call it first in a transaction."""
    hold_link(session, shop.id, [kept_id, gone_id])
    session.execute(
        text("insert into same_person values (:shop, :kept, :gone) on conflict do nothing"),
        {"shop": shop.id, "kept": kept_id, "gone": gone_id},
    )
    for friend_id in sorted({kept_id, gone_id}):
        judge(session, shop, friend_id, now)


def hold_link(session: AnySession, shop_id: int, member_ids: list[int]) -> None:
    """Hold what making somebody a friend needs: the links of the shop, then the accounts of these members and of all
    whose link they came by."""
    name_locks.hold(session, shop_id, *LINKS)
    advocates = session.execute(
        text("select advocate_id from referral_claim where shop_id = :shop and friend_id = any(:members)"),
        {"shop": shop_id, "members": member_ids},
    ).scalars()
    posting.lock_accounts(session, shop_id, [*member_ids, *advocates.all()])


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
    began_later = programs.latest_moment(at) < version.in_force_from
    is_on = settings.enabled and settings.referral.enabled and not began_later
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
    if row.review == "none" and not terms.households and was not in _SETTLED:
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
        wanted = referral_rules.parts(terms, chosen.advocate_id, chosen.friend_id, found, orders)
    referral_payouts.bring_to(session, shop, row, wanted, settings, "referral", now)
    if row.due_at <= now:
        enqueue_after_commit(REWARD)


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


def _is_claimed(session: AnySession, shop_id: int, friend_id: int, advocate_id: int) -> bool:
    found = session.execute(
        text("select 1 from referral_claim where shop_id = :shop and friend_id = :friend and advocate_id = :advocate"),
        {"shop": shop_id, "friend": friend_id, "advocate": advocate_id},
    )
    return found.first() is not None


def _look_again_at_friends_like(session: AnySession, shop_id: int, advocate_id: int) -> None:
    """An advocate's profile may have become that of a friend."""
    _look_again(
        session,
        "r.shop_id = :shop and r.advocate_id = :advocate and r.reason is null and exists (select from member a"
        " where a.shop_id = r.shop_id and a.id = r.advocate_id"
        " and (a.email_key = m.email_key or a.phone_key = m.phone_key))",
        shop=shop_id,
        advocate=advocate_id,
    )


def _look_again(session: AnySession, which: str, **given: object) -> None:
    """Have these referrals judged again by a job, which locks what that needs."""
    marked = session.execute(
        text(
            "update referral r set recheck = true from member m where m.shop_id = r.shop_id and m.id = r.friend_id"  # noqa: S608
            f" and not r.recheck and {which} returning 1"
        ),
        given,
    )
    if marked.first() is not None:
        enqueue_after_commit(REWARD)
