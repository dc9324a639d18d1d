"""Two accounts of one person become one (docs/decisions/0021).

No entry is rewritten: what the one account holds goes to the other by entries that say so, and the empty account stays as
another name of the member who was kept. Whatever the store still tells of its customer, and whoever comes by its link,
reaches that member. An order's points are those that both accounts ever moved for it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, text

from backend.errors import Conflict, NotFound
from backend.ledger import posting
from backend.ledger.balance import Balance, balance
from backend.ledger.posting import AnySession, Author
from backend.loyalty.bonuses import bonuses
from backend.loyalty.members import care_log, person_locks
from backend.loyalty.members.blocking import require_living
from backend.loyalty.orders import first_orders
from backend.loyalty.points import expiry
from backend.loyalty.redemptions import issuing
from backend.loyalty.referrals import referral_judging, referrals
from backend.loyalty.segments import segment_due
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_due, tier_settling
from backend.models import Award, Bonus, Member, Order, Redemption
from backend.platforms.known_orders import known_from_document
from backend.queue import enqueue_after_commit

REASON = "Two accounts of one person were merged"
_GAPS = (
    "email", "phone", "first_name", "last_name", "locale", "birthday", "birthday_since", "address",
)  # fmt: skip
_FOLLOWING = ("orders", "redemption", "referral_payout", "verified_address", "manual_change", "member_note")
"""Tables whose rows are the kept member's from then on, as they are."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two accounts as it is now."""

    member: Member
    balance: Balance
    orders: int
    rewards: int
    friends: int


@dataclass(frozen=True, slots=True)
class Double:
    """What both accounts were given and one person gets once."""

    title: dict[str, str]
    points: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What merging would do. `refusal`: why it cannot be done now."""

    kept: Side
    gone: Side
    result: Balance
    doubles: tuple[Double, ...]
    brought_each_other: bool
    is_blocked: bool
    refusal: str | None


def preview(session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, now: datetime) -> Preview:
    """What would become of both. Changes nothing. Raises NotFound."""
    kept, gone = (_side(session, shop.id, each, now) for each in (kept_id, gone_id))
    doubled = _doubles(session, shop.id, kept_id, gone_id)
    waiting = sum(each.points for each in doubled if _waits(session, each))
    available = kept.balance.available + gone.balance.available + kept.balance.owed + gone.balance.owed
    available -= sum(each.points for each in doubled) - waiting
    try:
        _refuse(session, shop.id, kept.member, gone.member)
        refusal = None
    except Conflict as error:
        refusal = error.detail
    return Preview(
        kept,
        gone,
        Balance(
            pending=kept.balance.pending + gone.balance.pending - waiting,
            on_hold=kept.balance.on_hold + gone.balance.on_hold,
            available=max(available, 0),
            owed=min(available, 0),
        ),
        tuple(Double(each.why.get("title") or {}, each.points) for each in doubled),
        _brought_each_other(session, shop.id, kept_id, gone_id),
        "blocked" in (kept.member.status, gone.member.status),
        refusal,
    )


def merge(
    session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, reason: str, author: Author, now: datetime
) -> None:
    """Make `gone_id` part of `kept_id`, for good. Takes its own locks: call it first in a transaction.

    Raises NotFound; Conflict `same_member`, `member_erased`, `already_merged`, `points_on_hold`.
    """
    if kept_id == gone_id:
        raise Conflict("These are one and the same account.", code="same_member")
    kept, gone = person_locks.hold(session, shop.id, [kept_id, gone_id], referrals.LINKS)
    _refuse(session, shop.id, kept, gone)
    before = {
        "available": balance(session, shop.id, gone_id, now).available,
        "orders": _count(session, "orders", shop.id, gone_id),
        "rewards": _count(session, "redemption", shop.id, gone_id),
    }
    referrals.merged(session, shop, kept_id, gone_id, now)
    _same_as_those_before(session, shop.id, kept_id, gone_id)
    for member_id in sorted((kept_id, gone_id)):
        expiry.expire_of(session, shop.id, member_id, now)
    for bonus in _doubles(session, shop.id, kept_id, gone_id):
        bonuses.take_back(session, bonus, "existing_customer", "Given to both accounts of one person", now)
    _count_towards_levels(session, shop, kept_id, gone_id, now)
    _move_points(session, shop, kept_id, gone_id, author, now)
    _move_rows(session, shop.id, kept_id, gone_id)
    _become_one(session, shop.id, kept, gone)
    _look_again(session, shop, kept_id, gone_id, now)
    care_log.note(session, shop.id, kept_id, "merge", author, now, reason=reason, other_id=gone_id, facts=before)


def _side(session: AnySession, shop_id: int, member_id: int, now: datetime) -> Side:
    member = session.get(Member, (shop_id, member_id))
    if member is None:
        raise NotFound()
    return Side(
        member,
        balance(session, shop_id, member_id, now),
        _count(session, "orders", shop_id, member_id),
        _count(session, "redemption", shop_id, member_id),
        int(
            session.execute(
                text("select count(*) from referral where shop_id = :shop and advocate_id = :member"),
                {"shop": shop_id, "member": member_id},
            ).scalar_one()
        ),
    )


def _count(session: AnySession, table: str, shop_id: int, member_id: int) -> int:
    counted = text(f"select count(*) from {table} where shop_id = :shop and member_id = :member")  # noqa: S608 - our own
    return int(session.execute(counted, {"shop": shop_id, "member": member_id}).scalar_one())


def _refuse(session: AnySession, shop_id: int, kept: Member, gone: Member) -> None:
    for each in (kept, gone):
        if each.status == "merged":
            into = "each other" if {kept.merged_into, gone.merged_into} & {kept.id, gone.id} else "another account"
            raise Conflict(f"This was done already: one of the two was merged into {into}.", code="already_merged")
        require_living(each)
    in_the_way = session.execute(
        text(
            "select 1 from account g, account k where g.shop_id = :shop and g.member_id = :gone"
            " and k.shop_id = :shop and k.member_id = :kept and g.on_hold > 0 and (g.owed < 0 or k.owed < 0)"
        ),
        {"shop": shop_id, "gone": gone.id, "kept": kept.id},
    ).first()
    if in_the_way is not None:
        raise Conflict(
            "The account that goes has points on hold for a reward or a checkout, and points are owed. Holds end by"
            " themselves within a day: please try again then.",
            code="points_on_hold",
        )


def _same_as_those_before(session: AnySession, shop_id: int, kept_id: int, gone_id: int) -> None:
    """Whoever was merged into one of the two before is one person with the other, and with whoever was merged into that."""
    session.execute(
        text(
            "insert into same_person select k.shop_id, k.id, g.id from member k join member g on g.shop_id = k.shop_id"
            " where k.shop_id = :shop and (k.id = :kept or k.merged_into = :kept) and (g.id = :gone or g.merged_into = :gone)"
            " on conflict do nothing"
        ),
        {"shop": shop_id, "kept": kept_id, "gone": gone_id},
    )
    session.execute(
        text("update member set merged_into = :kept where shop_id = :shop and merged_into = :gone"),
        {"shop": shop_id, "kept": kept_id, "gone": gone_id},
    )


def _doubles(session: AnySession, shop_id: int, kept_id: int, gone_id: int) -> list[Bonus]:
    """The later of two bonuses for the same occasion: each is given once to a person (a welcome, a birthday of a year)."""
    given = session.execute(
        select(Bonus)
        .where(
            Bonus.shop_id == shop_id,
            Bonus.member_id.in_((kept_id, gone_id)),
            Bonus.state == "given",
            Bonus.key.startswith("rule:"),
        )
        .order_by(Bonus.at, Bonus.id)
    ).scalars()
    first: set[str] = set()
    later = []
    for bonus in given:
        occasion = _occasion(bonus)
        if occasion is None:
            continue
        if occasion in first:
            later.append(bonus)
        first.add(occasion)
    return later


def _waits(session: AnySession, bonus: Bonus) -> bool:
    award = session.get(Award, (bonus.shop_id, bonus.award_id)) if bonus.award_id is not None else None
    return award is not None and award.state == "pending"


def _occasion(bonus: Bonus) -> str | None:
    """Its key without the member: `rule:birthday:2026`. None for what has no name of its own, or an event's random one."""
    mine = f"rule:{bonus.rule}:member:"
    if not bonus.key.startswith(mine):
        return None
    _, _, name = bonus.key.removeprefix(mine).partition(":")
    return None if name.startswith("event:") else f"{bonus.rule}:{name}"


def _brought_each_other(session: AnySession, shop_id: int, kept_id: int, gone_id: int) -> bool:
    found = session.execute(
        text(
            "select 1 from referral where shop_id = :shop and state <> 'rejected'"
            " and (advocate_id, friend_id) in ((:kept, :gone), (:gone, :kept))"
        ),
        {"shop": shop_id, "kept": kept_id, "gone": gone_id},
    )
    return found.first() is not None


def _count_towards_levels(session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, now: datetime) -> None:
    """What the other account counted counts for the one that is kept, from its own days."""
    who = {"shop": shop.id, "kept": kept_id, "gone": gone_id}
    tier_due.mark(session, [(shop.id, kept_id), (shop.id, gone_id)], now)
    tier_settling.settle(session, shop, sorted((kept_id, gone_id)), now)
    for statement in (
        """
        insert into member_day (shop_id, member_id, day, points_earned, spend, orders)
        select shop_id, :kept, day, points_earned, spend, orders from member_day
        where shop_id = :shop and member_id = :gone order by day
        on conflict (shop_id, member_id, day) do update set
            points_earned = member_day.points_earned + excluded.points_earned,
            spend = member_day.spend + excluded.spend, orders = member_day.orders + excluded.orders
        """,
        "delete from member_day where shop_id = :shop and member_id = :gone",
        "update counted_order set member_id = :kept where shop_id = :shop and member_id = :gone",
        # summed up anew; a level that a merchant gave to the other account is this one's, if it has none of its own
        """
        update tier_standing k set basis = null, value = 0, value_before = 0,
            manual_level = coalesce(k.manual_level, g.manual_level),
            manual_until = case when k.manual_level is null then g.manual_until else k.manual_until end
        from tier_standing g
        where k.shop_id = :shop and k.member_id = :kept and g.shop_id = :shop and g.member_id = :gone
        """,
        """
        update tier_standing set basis = null, value = 0, value_before = 0, reached = null, leaves_at = null,
            manual_level = null, manual_until = null, check_at = null
        where shop_id = :shop and member_id = :gone
        """,
    ):
        session.execute(text(statement), who)


def _move_points(
    session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, author: Author, now: datetime
) -> None:
    """What is on hold is let go, goes along, and is held again: by the account whose redemption it is from now on."""
    waiting = list(
        session.execute(
            select(Redemption)
            .where(
                Redemption.shop_id == shop.id,
                Redemption.member_id == gone_id,
                Redemption.status == "requested",
                Redemption.entry_id.is_not(None),
            )
            .order_by(Redemption.id)
            .with_for_update()
        ).scalars()
    )
    for redemption in waiting:
        issuing.release(session, shop, redemption, now)
    posting.merge(
        session,
        shop.id,
        kept_id,
        gone_id,
        at=now,
        key=f"merge:{gone_id}:{kept_id}",
        author=author,
        reason=REASON,
        why={"rule": "merge", "from": str(gone_id), "to": str(kept_id)},
    )
    for redemption in waiting:
        redemption.member_id = kept_id
        redemption.steps += 1
        redemption.entry_id = posting.hold(
            session,
            shop.id,
            kept_id,
            redemption.points,
            at=now,
            key=f"redemption:{redemption.id}:{redemption.steps}",
            author=author,
            reason=redemption.frozen["name"],
            why=issuing.why(redemption),
        )
    session.flush()


def _move_rows(session: AnySession, shop_id: int, kept_id: int, gone_id: int) -> None:
    who = {"shop": shop_id, "kept": kept_id, "gone": gone_id}
    for table in _FOLLOWING:
        session.execute(
            text(f"update {table} set member_id = :kept where shop_id = :shop and member_id = :gone"),  # noqa: S608
            who,
        )
    for statement in (
        # The kept account gives what is given once under its own name, so that it is not given again.
        """
        update bonus b set member_id = :kept, key = case
            when b.key like 'rule:%' and not exists (select 1 from bonus o where o.shop_id = b.shop_id
                and o.key = regexp_replace(b.key, :old, :new))
            then regexp_replace(b.key, :old, :new) else b.key end
        where b.shop_id = :shop and b.member_id = :gone
        """,
        """
        insert into member_event (shop_id, member_id, event, external_id, at, answer)
        select shop_id, :kept, event, external_id, at, answer from member_event
        where shop_id = :shop and member_id = :gone on conflict do nothing
        """,
        "delete from member_event where shop_id = :shop and member_id = :gone",
        "delete from member_connection where shop_id = :shop and member_id = :gone",
        "update member_block set until = since where shop_id = :shop and member_id = :gone and until is null"
        " and exists (select 1 from member_block k where k.shop_id = :shop and k.member_id = :kept and k.until is null)",
        "update member_block set member_id = :kept where shop_id = :shop and member_id = :gone",
        # mails that wait are written to the address that is left
        """
        update outbox set payload = jsonb_set(payload, '{member_id}', to_jsonb(cast(:kept as bigint)))
        where shop_id = :shop and kind = 'mail' and payload ->> 'member_id' = cast(:gone as text) and state = 'waiting'
        """,
    ):
        # the number whole: that of somebody else may begin like it
        session.execute(text(statement), who | {"old": f":member:{gone_id}(?=:|$)", "new": f":member:{kept_id}"})


def _become_one(session: AnySession, shop_id: int, kept: Member, gone: Member) -> None:
    """The kept member gets what only the other account said of the person; that one keeps its store's id and its link."""
    session.flush()
    session.refresh(kept)  # statements have changed both since they were read, such as their levels
    session.refresh(gone)
    for name in _GAPS:
        if getattr(kept, name) is None:
            setattr(kept, name, getattr(gone, name))
    kept.tags = [*kept.tags, *(tag for tag in gone.tags if tag not in kept.tags)]
    if gone.unsubscribed_at is not None and kept.unsubscribed_at is None:
        kept.unsubscribed_at = gone.unsubscribed_at
    if gone.status == "blocked":
        kept.status = "blocked"  # nobody gets out of a block by a second account
    for name in _GAPS:
        setattr(gone, name, None)
    gone.tags, gone.segments, gone.profile_times, gone.tier = [], [], {}, None
    gone.email_verified = False
    gone.status, gone.merged_into = "merged", kept.id
    gone.token_version += 1
    if kept.status == "blocked":
        kept.token_version += 1
    session.flush()
    session.execute(
        text("update award set held = :held where shop_id = :shop and member_id = :member and state = 'pending'"),
        {"held": kept.status == "blocked", "shop": shop_id, "member": kept.id},
    )
    segment_due.forget(session, shop_id, gone.id)


def _look_again(session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, now: datetime) -> None:
    """What follows from orders and days of both: the first order, referrals, the level, segments."""
    session.expire_all()
    newest = session.execute(
        select(Order).where(Order.shop_id == shop.id, Order.member_id == kept_id).order_by(Order.id.desc()).limit(1)
    ).scalar_one_or_none()
    if newest is not None:
        first_orders.settle(session, shop, kept_id, known_from_document(newest.known).order, now)
    one = select(Member.id).where(Member.shop_id == shop.id, or_(Member.id == kept_id, Member.merged_into == kept_id))
    for account_id in session.execute(one.order_by(Member.id)).scalars().all():  # a person is brought once
        referral_judging.judge(session, shop, account_id, now)
    tier_due.mark(session, [(shop.id, kept_id)], now)
    tier_settling.settle(session, shop, [kept_id], now)
    segment_due.note(session, shop.id, [kept_id])
    enqueue_after_commit(posting.POST_DUE)


def accounts_of(session: AnySession, shop_id: int, member_id: int) -> list[Any]:
    """The accounts that were merged into the member, the newest first: id and when."""
    rows = session.execute(
        text(
            "select m.id, (select max(c.at) from care_action c where c.shop_id = m.shop_id and c.other_id = m.id) as at"
            " from member m where m.shop_id = :shop and m.merged_into = :member order by m.id desc"
        ),
        {"shop": shop_id, "member": member_id},
    )
    return list(rows)
