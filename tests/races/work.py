"""What the processes of a race do. Each task runs in the context of an app and returns something that can be pickled."""

import random
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import text

from backend import clock, db
from backend.app import create_app
from backend.db import retrying, transaction
from backend.errors import Conflict, NotEnoughPoints, Unauthorized
from backend.jobs import outbox, points
from backend.ledger import posting
from backend.ledger.posting import Author
from backend.loyalty.bonuses import claims
from backend.loyalty.deliveries import deliveries
from backend.loyalty.members import members, merging
from backend.loyalty.members.members import WidgetVisitor
from backend.loyalty.points import adjustments, approvals
from backend.loyalty.program import programs
from backend.loyalty.redemptions import earned_rewards, endings, redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.loyalty.referrals import referrals
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_settling

PATIENT = db._CONNECT_OPTIONS.replace("statement_timeout=5s", "statement_timeout=120s")
"""Many who wait for each other on two busy processors wait long; a worker whose statement was broken off comes again."""


def be_a_hand(environ: dict[str, str], line: Connection, task: str, arguments: tuple[Any, ...]) -> None:
    """The life of a process: make the app, connect, say so, wait for the word, do the task, tell the result."""
    try:
        db._CONNECT_OPTIONS = PATIENT
        app = create_app(environ)
        with app.app_context():
            with transaction() as session:
                session.execute(text("select 1"))
            line.send("ready")
            line.recv()
            line.send((True, TASKS[task](*arguments)))
    except BaseException:
        with suppress(OSError):
            line.send((False, traceback.format_exc()))


def work_until_all_is_done(most_at_once: int) -> int:
    """Drain the inbox, post and expire, as the workers do, until nothing waits. Returns how many deliveries it took."""
    taken = 0
    while something_waits():
        taken += _drain(random.randint(1, most_at_once))
        points.post_due()
        points.expire()
    return taken


@retrying
def _drain(limit: int) -> int:
    with transaction() as session:
        return deliveries.drain(session, clock.now(), limit)


def something_waits() -> bool:
    with transaction() as session:
        return bool(
            session.execute(
                text(
                    "select exists (select 1 from delivery where next_try_at is not null)"
                    " or exists (select 1 from award where state = 'pending' and due_at <= :now)"
                    " or exists (select 1 from lot where open and expires_at <= :now + interval '1 minute')"
                ),
                {"now": clock.now()},
            ).scalar_one()
        )


def deduct(shop_id: int, member_id: int, cost: int, tries: int) -> int:
    """Take `cost` from one member again and again; how often it went."""
    went = 0
    for number in range(tries):
        with suppress(NotEnoughPoints):
            _deduct(shop_id, member_id, cost, f"race:{random.getrandbits(64)}:{number}")
            went += 1
    return went


@retrying
def _deduct(shop_id: int, member_id: int, cost: int, key: str) -> None:
    with transaction() as session:
        posting.deduct(
            session,
            shop_id,
            member_id,
            cost,
            at=clock.now(),
            key=key,
            author=posting.SYSTEM,
            reason="a race",
            why={},
        )


def redeem_and_undo(shop_id: int, member_ids: list[int], times: int, seed: int) -> int:
    """Hold, then capture, release, or give back, of random members; how often there was enough."""
    chance = random.Random(seed)
    went = 0
    for number in range(times):
        member_id = chance.choice(member_ids)
        with suppress(NotEnoughPoints):
            hold_id = _hold(shop_id, member_id, chance.randint(1, 30), f"race:{seed}:{number}")
            went += 1
            _end(shop_id, member_id, hold_id, chance.randrange(3))
    return went


@retrying
def _hold(shop_id: int, member_id: int, amount: int, key: str) -> int:
    with transaction() as session:
        hold_id = posting.hold(
            session,
            shop_id,
            member_id,
            amount,
            at=clock.now(),
            key=key,
            author=posting.SYSTEM,
            reason="a race",
            why={},
        )
    assert hold_id is not None
    return hold_id


@retrying
def _end(shop_id: int, member_id: int, hold_id: int, how: int) -> None:
    given: dict[str, Any] = {"at": clock.now(), "reason": "a race", "why": {}}
    back: dict[str, Any] = {**given, "author": posting.SYSTEM, "grace_days": 7}
    with transaction() as session:
        if how == 0:
            posting.release(session, shop_id, member_id, hold_id, **back)
        else:
            posting.capture(session, shop_id, member_id, hold_id, **given)
            if how == 2:
                posting.give_back(session, shop_id, member_id, hold_id, **back)


def claw_back(shop_id: int, member_ids: list[int], times: int, seed: int) -> None:
    """Take points back that may have been spent."""
    chance = random.Random(seed)
    for number in range(times):
        _claw_back(shop_id, chance.choice(member_ids), chance.randint(1, 10), f"race:claw:{seed}:{number}")


@retrying
def _claw_back(shop_id: int, member_id: int, amount: int, key: str) -> None:
    with transaction() as session:
        posting.claw_back(
            session,
            shop_id,
            member_id,
            amount,
            at=clock.now(),
            key=key,
            reason="a race",
            why={},
            order_id=None,
            program_version=None,
        )


def grant_what_soon_ends(shop_id: int, member_ids: list[int], times: int, seed: int) -> None:
    """Give points that end within a second, and sweep and post in between."""
    chance = random.Random(seed)
    for number in range(times):
        _grant(shop_id, chance.choice(member_ids), f"race:grant:{seed}:{number}", chance.random())
        points.expire()
        points.post_due()


@retrying
def _grant(shop_id: int, member_id: int, key: str, seconds: float) -> None:
    with transaction() as session:
        posting.grant(
            session,
            shop_id,
            member_id,
            7,
            at=clock.now(),
            key=key,
            author=posting.SYSTEM,
            reason="a race",
            why={},
            expires_at=clock.now() + timedelta(seconds=seconds),
        )


def see_in_widget(shop_id: int, customers: list[str]) -> list[int]:
    """Open the widget as each of these customers; the members' ids."""
    return [_see(shop_id, customer) for customer in customers]


@retrying
def _see(shop_id: int, customer: str) -> int:
    with transaction() as session:
        return members.see_in_widget(session, shop_id, WidgetVisitor(customer, first_name="Ada"), clock.now()).id


def set_program(shop_id: int, times: int) -> list[int]:
    """Put new versions of the program in force; their numbers."""
    made = []
    for _ in range(times):
        with transaction() as session:
            made.append(programs.set_program(session, shop_id, {}, author="a race", now=clock.now()).version)
    return made


def adjust(shop_id: int, member_id: int, amount: int, key: str, times: int) -> list[int]:
    """The same adjustment so many times; the entries that it returned."""
    made = []
    for _ in range(times):
        with transaction() as session:
            made.append(
                adjustments.adjust(
                    session, shop_id, member_id, amount, "a race", posting.SYSTEM, key, clock.now(), None
                )
            )
    return made


def claim(shop_id: int, member_id: int, rule_id: str, times: int) -> list[int]:
    """Claim what the rule gives so many times; the bonuses that it was answered with."""
    shop = shops.facts(shop_id)
    given = []
    for _ in range(times):
        with suppress(Conflict):
            given.append(_claim(shop, member_id, rule_id))
    return given


@retrying
def _claim(shop: ShopFacts, member_id: int, rule_id: str) -> int:
    with transaction() as session:
        came = claims.claim(session, shop, member_id, rule_id, None, "en", clock.now())
        assert came.bonus is not None
        return came.bonus.id


def redeem(shop_id: int, member_ids: list[int], reward_id: int, name: str) -> list[str]:
    """Have the reward for each of these; what came of it: the code, or why not."""
    shop = shops.facts(shop_id)
    came = []
    for number, member_id in enumerate(member_ids):
        who = Redeemer(member_id, Author("customer"))
        try:
            had = redemptions.redeem(shop, who, reward_id, {}, f"race:{name}:{number}", clock.now())
            came.append(had["code"] or had["status"])
        except (Conflict, NotEnoughPoints, Unauthorized) as refusal:
            came.append(refusal.code)
    return came


def earn_rewards(shop_id: int, member_ids: list[int], reward_id: int, key: str) -> list[str]:
    """Give each of them, one after the other, an earned reward under one key each; its code, or "none"."""
    return [_earn(shop_id, member_id, reward_id, f"{key}:{member_id}") for member_id in member_ids]


@retrying
def _earn(shop_id: int, member_id: int, reward_id: int, key: str) -> str:
    with transaction() as session:
        posting.lock_accounts(session, shop_id, [member_id])
        facts, occasion = shops.facts(shop_id), {"rule": "referral"}
        given = earned_rewards.give(session, facts, member_id, reward_id, key=key, occasion=occasion, now=clock.now())
        return given.code or given.status if given is not None else "none"


def come_by_links(shop_id: int, links: list[tuple[int, str]]) -> int:
    """Each of these members opens the widget by that link; how many times it went."""
    for member_id, code in links:
        _come_by(shop_id, member_id, code)
    return len(links)


@retrying
def _come_by(shop_id: int, member_id: int, code: str) -> None:
    with transaction() as session:
        referrals.claim(session, shops.facts(shop_id), member_id, code, clock.now())


def reward_referrals(times: int) -> int:
    """What the job does; how many were dealt with."""
    return sum(points.reward_referrals() + points.post_due() for _ in range(times))


def redeem_again_and_again(shop_id: int, member_id: int, reward_id: int, key: str, times: int) -> list[int]:
    """The same request so many times; the redemptions it was answered with."""
    shop, who = shops.facts(shop_id), Redeemer(member_id, Author("customer"))
    return [redemptions.redeem(shop, who, reward_id, {}, key, clock.now())["id"] for _ in range(times)]


def redeem_worths(shop_id: int, member_id: int, reward_id: int, times: int, change_every: int | None) -> list[int]:
    """Have the reward so many times, and change what it costs and is worth in between: so many points, so many euros.
    The redemptions."""
    shop, who = shops.facts(shop_id), Redeemer(member_id, Author("customer"))
    made: list[int] = []
    while len(made) < times:
        with suppress(Conflict):  # it is being changed
            key = f"race:worth:{member_id}:{len(made)}"
            made.append(redemptions.redeem(shop, who, reward_id, {}, key, clock.now())["id"])
        if change_every is not None and len(made) % change_every == 0:
            _change(shop_id, reward_id, random.randint(1, 9))
    return made


@retrying
def _change(shop_id: int, reward_id: int, worth: int) -> None:
    changes = {"points_to_be_redeemed": worth, "reward_value": str(worth)}
    with transaction() as session:
        rewards.update(session, shops.facts(shop_id), reward_id, changes, clock.now())


def give_back(shop_id: int, member_id: int, redemption_ids: list[int]) -> int:
    """Give these back; how many could be."""
    given = 0
    for redemption_id in redemption_ids:
        with suppress(Conflict):
            _give_back(shop_id, member_id, redemption_id)
            given += 1
    return given


@retrying
def _give_back(shop_id: int, member_id: int, redemption_id: int) -> None:
    with transaction() as session:
        endings.give_back(session, shops.facts(shop_id), member_id, redemption_id, clock.now())


def sweep_and_drain(rounds: int) -> None:
    """What the workers do: expire rewards, let go of holds, look after the stock, take deliveries."""
    for _ in range(rounds):
        points.expire_rewards()
        points.release_holds()
        points.refill_coupons()
        _drain(random.randint(1, 10))


def tell_the_store(until_done: bool) -> None:
    """Make the outbox's calls to stores, until nothing waits or for a while."""
    for _ in range(200 if until_done else 20):
        outbox.send_some("discount", outbox.SENDERS["discount"])


def erase(shop_id: int, customers: list[str]) -> None:
    """Erase these customers, as a worker does that was told to."""
    for customer in customers:
        _erase(shop_id, customer)


@retrying
def _erase(shop_id: int, customer: str) -> None:
    with transaction() as session:
        member = members.by_external_id(session, shop_id, customer)
        assert member is not None
        posting.lock_accounts(session, shop_id, [member.id])
        members.erase(session, shop_id, customer, clock.now())


def keep_levels(shop_id: int) -> int:
    """Look at members and judge them, a few at a time, until nobody of the shop is due."""
    done = 0
    while _levels_wait(shop_id):
        done += _keep_some_levels(random.randint(5, 20)) + points.segments()
    return done


@retrying
def _keep_some_levels(limit: int) -> int:
    with transaction() as session:
        return tier_settling.settle_due(session, clock.now(), limit)


def _levels_wait(shop_id: int) -> bool:
    with transaction() as session:
        return bool(
            session.execute(
                text(
                    "select exists (select from tier_standing where shop_id = :shop and check_at <= :now)"
                    " or exists (select from tier_walk where shop_id = :shop and walk_at <= :now)"
                    " or exists (select from segment_due where shop_id = :shop)"
                    " or exists (select from segment_walk where shop_id = :shop and walk_at <= :now)"
                ),
                {"shop": shop_id, "now": clock.now()},
            ).scalar_one()
        )


def approve(shop_id: int, staff_id: int, change_ids: list[int]) -> list[str]:
    """Agree to each of these changes, as a second person; what came of each: `approved`, or the refusal's code."""
    return [_approve(shop_id, staff_id, each) for each in change_ids]


@retrying
def _approve(shop_id: int, staff_id: int, change_id: int) -> str:
    person = approvals.Person(staff_id, f"Person {staff_id}")
    try:
        with transaction() as session:
            approvals.decide(session, shops.facts(shop_id), person, change_id, "approved", "", clock.now())
    except Conflict as refusal:
        return refusal.code
    return "approved"


def assign_by_hand(shop_id: int, staff_id: int, member_id: int, points_: int, keys: list[str]) -> list[str]:
    """Add points by forms with these keys, one after the other; the state of each change."""
    return [_assign_by_hand(shop_id, staff_id, member_id, points_, key) for key in keys]


@retrying
def _assign_by_hand(shop_id: int, staff_id: int, member_id: int, points_: int, key: str) -> str:
    person = approvals.Person(staff_id, f"Person {staff_id}")
    with transaction() as session:
        made = approvals.adjust(session, shops.facts(shop_id), person, member_id, points_, "a race", key, clock.now())
        return made.state


def merge(shop_id: int, pairs: list[tuple[int, int]]) -> list[str]:
    """Make the second of each pair part of the first; what came of it: "merged", or why not."""
    return [_merge(shop_id, kept, gone) for kept, gone in pairs]


@retrying
def _merge(shop_id: int, kept: int, gone: int) -> str:
    try:
        with transaction() as session:
            merging.merge(session, shops.facts(shop_id), kept, gone, "a race", Author("staff", "Ada"), clock.now())
    except Conflict as refusal:
        return refusal.code
    return "merged"


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task
    for task in (
        work_until_all_is_done,
        deduct,
        redeem_and_undo,
        claw_back,
        grant_what_soon_ends,
        see_in_widget,
        set_program,
        adjust,
        claim,
        redeem,
        earn_rewards,
        come_by_links,
        reward_referrals,
        redeem_again_and_again,
        redeem_worths,
        give_back,
        sweep_and_drain,
        tell_the_store,
        erase,
        keep_levels,
        approve,
        assign_by_hand,
        merge,
    )
}
