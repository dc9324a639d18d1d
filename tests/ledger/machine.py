"""Random verbs on a handful of members, in the real ledger and in the model, compared after every step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy.exc import DBAPIError

from backend.db import direct, transaction
from backend.errors import NotEnoughPoints
from backend.loyalty.points import expiry
from tests.ledger.books import Book, Move, days, wipe
from tests.ledger.model import Account, Award, Taken

MEMBERS = {"Ada": "ada@example.com", "Bo": "bo@example.com", "Cy": None}
ORDERS = 4
OFTEN = {
    "grant": 3,
    "promise": 3,
    "post_due": 3,
    "deduct": 1,
    "hold": 3,
    "spend": 3,
    "spend_and_perhaps_owe": 1,
    "release": 2,
    "capture": 2,
    "give_back": 3,
    "end_again": 1,
    "claw_back": 3,
    "void": 1,
    "void_too_much": 1,
    "redate": 1,
    "sweep": 2,
    "remind": 2,
    "mail_ends": 2,
    "time_passes": 2,
    "time_passes_until_something_is_due": 3,
    "the_same_again": 2,
}
"""How often each verb is tried, one against the other. Rules of their own would be tried a few at a time."""


@dataclass(frozen=True)
class Dice:
    """What a step is about; each verb looks at what it needs."""

    verb: str
    who: str
    which: int
    points: int
    part: float
    life: float | None
    due_in: int


GRACES = (0, 3, 7, 10)
PARTS = (0.0, 0.3, 0.8, 1.0)
LIVES = (None, None, 1, 3, 7, 7.5, 8, 9, 9, 20, 45)
"""Days that points live."""
DUES = (-48, -2, 0, 0, 5, 24, 80)
"""Hours until a promise falls due."""

throws = st.builds(
    Dice,
    verb=st.sampled_from([verb for verb, times in OFTEN.items() for _ in range(times)]),
    who=st.sampled_from(list(MEMBERS)),
    which=st.integers(0, 29),
    points=st.integers(1, 60),
    part=st.sampled_from(PARTS),
    life=st.sampled_from(LIVES),
    due_in=st.sampled_from(DUES),
)


def thrown(chance: Random) -> Dice:
    """The same evenly, which Hypothesis' choices are not: it likes what comes first, is small or was there before."""
    return Dice(
        verb=chance.choices(list(OFTEN), list(OFTEN.values()))[0],
        who=chance.choice(list(MEMBERS)),
        which=chance.randrange(30),
        points=chance.randint(1, 60),
        part=chance.choice(PARTS),
        life=chance.choice(LIVES),
        due_in=chance.choice(DUES),
    )


def walk(seed: int, steps: int) -> None:
    """A walk of so many steps, the same for the same seed. Raises what is found wrong."""
    chance = Random(seed)
    try:
        walked = Walk(grace_days=chance.choice(GRACES))
        for _ in range(steps):
            walked.step(thrown(chance))
        walked.end_well()
    finally:
        wipe()


_LOOK = """
    select json_build_object(
        'accounts', (select json_agg(json_build_array(member_id, pending, available, on_hold, owed))
            from account where shop_id = %(shop)s),
        'lots', (select json_agg(json_build_array(member_id, id, points, remaining, expires_at, reminder, order_id,
            earned_at) order by id) from lot where shop_id = %(shop)s),
        'awards', (select json_agg(json_build_array(id, pending, due_at, expires_at)) from award
            where shop_id = %(shop)s),
        'entries', (select json_agg(json_build_array(e.member_id, e.id, e.kind, e.from_bucket, e.to_bucket, e.points,
            e.available_after, (select json_agg(json_build_array(el.lot_id, el.points) order by el.lot_id)
                from entry_lot el where el.shop_id = e.shop_id and el.entry_id = e.id)) order by e.id)
            from entry e where e.shop_id = %(shop)s and e.id > %(seen)s))::text as found
"""


class LedgerMachine(RuleBasedStateMachine):
    """Runs in the context of an app on a database of its own, which it empties."""

    walk: "Walk | None" = None

    @initialize(grace_days=st.sampled_from(GRACES))
    def begin(self, grace_days: int) -> None:
        self.walk = Walk(grace_days)

    @rule(dice=throws)
    def step(self, dice: Dice) -> None:
        assert self.walk is not None
        walked, self.walk = self.walk, None
        walked.step(dice)
        self.walk = walked  # not after a step that failed

    def teardown(self) -> None:
        try:
            if self.walk is not None:
                self.walk.end_well()
        finally:
            wipe()


class Walk:
    """The real ledger and the model, side by side."""

    def __init__(self, grace_days: int) -> None:
        self.book = Book(grace_days=grace_days)
        self.numbers = count(1)
        self.ids = {name: self.book.member(email=email) for name, email in MEMBERS.items()}
        self.orders = [self.book.order(self.ids["Ada"]) for _ in range(ORDERS)]  # an order may move to another member
        self.accounts = {name: Account(grace=days(grace_days)) for name in MEMBERS}
        self.last: Callable[[], int | None] | None = None
        self.seen_entry = 0
        self.compared = dict.fromkeys(MEMBERS, 0)

    def step(self, dice: Dice) -> None:
        """Do it to both and compare."""
        getattr(self, dice.verb)(dice)
        self.compare()

    def end_well(self) -> None:
        """What is asked once, at the end."""
        assert self.book.check().violations == []
        for who, account in self.accounts.items():
            assert self.book.balance(self.ids[who]).available == account.spendable(self.book.now)

    # Time

    def time_passes(self, dice: Dice) -> None:
        self.book.advance(hours=pick([1, 12, 24, 72, 24 * 7, 24 * 10, 24 * 30], dice.which))

    def time_passes_until_something_is_due(self, dice: Dice) -> None:
        ends = [lot.expires_at for account in self.accounts.values() for lot in account.lots if lot.remaining]
        dues = [award.due_at for _, award in self.waiting()]
        moments = sorted(at for at in [*ends, *dues] if at is not None and at > self.book.now)
        if moments:
            self.book.now = pick(moments, dice.which % 2)

    # Promises

    def promise(self, dice: Dice) -> None:
        due_at = self.moment(dice.due_in)
        expires_at = self.end(dice.life, due_at)
        order_id = pick(self.orders, dice.which)
        award_id = self.once(
            lambda key: self.book.promise(
                self.ids[dice.who], dice.points, due_at=due_at, expires_at=expires_at, order_id=order_id, key=key
            )
        )
        self.accounts[dice.who].promise(Award(award_id, order_id, dice.points, due_at, expires_at))

    def void(self, dice: Dice) -> None:
        if not (waiting := self.waiting()):
            return
        who, award = pick(waiting, dice.which)
        points = max(1, round(award.pending * dice.part))
        self.once(lambda key: self.book.void(award.id, points, key=key))
        self.accounts[who].void(award, points)

    def void_too_much(self, dice: Dice) -> None:
        if waiting := self.waiting():
            _, award = pick(waiting, dice.which)
            self.refused(lambda: self.book.void(award.id, award.pending + 1), DBAPIError)

    def redate(self, dice: Dice) -> None:
        order_id = pick(self.orders, dice.which)
        due_at = self.moment(dice.due_in)
        expires_at = self.end(dice.life, due_at)
        self.book.redate(order_id, due_at, expires_at)
        for _, award in self.waiting():
            if award.order_id == order_id:
                award.due_at, award.expires_at = due_at, expires_at

    def post_due(self, dice: Dice) -> None:
        """With a limit: the oldest so many, and all that is due of the members whom they belong to."""
        now, limit = self.book.now, pick([1000, 1000, 1], dice.which)
        due = sorted(
            [(award.due_at, award.id, who, award) for who, award in self.waiting() if award.due_at <= now],
            key=lambda each: each[:2],
        )
        chosen = {who for due_at, _, who, _ in due if due_at <= due[min(limit, len(due)) - 1][0]}
        if len(chosen) > limit:  # an order's new day is the same for all: any of them may be the oldest
            limit, chosen = 1000, {who for _, _, who, _ in due}
        to_post = [(who, award) for _, _, who, award in due if who in chosen]
        assert self.book.post_due(limit) == len(to_post)
        for who, award in to_post:
            self.accounts[who].post(award, now)

    # By hand

    def grant(self, dice: Dice) -> None:
        points, expires_at = dice.points * 2, self.end(dice.life, self.book.now)
        self.once(lambda key: self.book.grant(self.ids[dice.who], points, expires_at=expires_at, key=key))
        self.accounts[dice.who].grant(points, self.book.now, expires_at)

    def deduct(self, dice: Dice) -> None:
        self.debit(dice, "deduct", "adjusted")

    def hold(self, dice: Dice) -> None:
        self.debit(dice, "hold", "on_hold")

    def spend(self, dice: Dice) -> None:
        self.debit(dice, "spend", "spent")

    def debit(self, dice: Dice, kind: str, bucket: str) -> None:
        verb, account, points = getattr(self.book, kind), self.accounts[dice.who], dice.points
        if points > account.spendable(self.book.now):
            self.refused(lambda: verb(self.ids[dice.who], points), NotEnoughPoints)
            return
        entry_id = self.once(lambda key: verb(self.ids[dice.who], points, key=key))
        taken = account.debit(kind, bucket, points, self.book.now)
        taken.entry_id = entry_id
        if kind != "deduct":
            account.taken.append(taken)

    def spend_and_perhaps_owe(self, dice: Dice) -> None:
        entry_id = self.once(lambda key: self.book.spend(self.ids[dice.who], dice.points, may_owe=True, key=key))
        taken = self.accounts[dice.who].debit("spend", "spent", dice.points, self.book.now, may_owe=True)
        taken.entry_id = entry_id
        if taken.points:
            self.accounts[dice.who].taken.append(taken)

    # Ends

    def release(self, dice: Dice) -> None:
        if holds := self.taken(("hold", "open")):
            who, hold = pick(holds, dice.which)
            self.once(lambda _: self.book.release(self.ids[who], hold.entry_id))
            self.accounts[who].give_back(hold, self.book.now)

    def capture(self, dice: Dice) -> None:
        if holds := self.taken(("hold", "open")):
            who, hold = pick(holds, dice.which)
            self.once(lambda _: self.book.capture(self.ids[who], hold.entry_id))
            self.accounts[who].capture(hold)

    def give_back(self, dice: Dice) -> None:
        if spent := self.taken(("spend", "open"), ("hold", "captured")):
            who, taken = pick(spent, dice.which)
            self.once(lambda _: self.book.give_back(self.ids[who], taken.entry_id))
            self.accounts[who].give_back(taken, self.book.now)

    def end_again(self, dice: Dice) -> None:
        """What has ended ends no second time, and an open hold is not returned."""
        if done := self.taken(("hold", "released"), ("hold", "returned"), ("spend", "returned"), ("hold", "open")):
            who, taken = pick(done, dice.which)
            verbs = [self.book.give_back]
            if taken.state != "open":
                verbs += [self.book.release, self.book.capture]
            try:
                made = pick(verbs, dice.points)(self.ids[who], taken.entry_id)
            except DBAPIError:
                made = None
            assert made is None

    # What is taken back, and what ends

    def claw_back(self, dice: Dice) -> None:
        posted = [
            (who, order_id, most)
            for who in MEMBERS
            for order_id, most in self.accounts[who].brought.items()
            if most > 0
        ]
        if posted:
            who, order_id, most = pick(posted, dice.which)
            points = max(1, round(most * dice.part))
            self.once(lambda key: self.book.claw_back(self.ids[who], points, order_id=order_id, key=key))
            self.accounts[who].claw_back(order_id, points, self.book.now)

    def sweep(self, dice: Dice) -> None:
        swept = self.book.expire_due()
        assert swept == sum(account.sweep(self.book.now) for account in self.accounts.values())

    def remind(self, dice: Dice) -> None:
        with transaction() as session:
            expiry.remind(session, self.book.now)
        for who, account in self.accounts.items():
            account.remind(self.book.now, reachable=MEMBERS[who] is not None)
        queued = {
            (who, lot.number)
            for who, account in self.accounts.items()
            for lot in account.lots
            if lot.reminder == "queued"
        }
        written = {(who, number) for mail in self.mails() for who, numbers in [self.about(mail)] for number in numbers}
        assert queued <= written, "a reminder that nobody will send"

    def mail_ends(self, dice: Dice) -> None:
        if mails := self.mails():
            mail = pick(mails, dice.which)
            who, numbers = self.about(mail)
            is_sent = dice.points % 3 > 0
            with transaction() as session:
                if is_sent:
                    expiry.reminder_went_out(session, self.book.shop_id, mail["payload"], self.book.now)
                else:
                    expiry.reminder_impossible(session, self.book.shop_id, mail["payload"])
            direct().execute("update outbox set state = 'done' where id = %(id)s", {"id": mail["id"]})
            if mail["payload"]["days"] == expiry.LAST_DAYS:
                self.accounts[who].mail_ends(numbers, self.book.now, sent=is_sent)

    # Twice

    def the_same_again(self, dice: Dice) -> None:
        if self.last is not None:
            assert self.last() is None

    # How

    def once(self, verb: Callable[[str], int | None]) -> int:
        """Do it under a new key, remember how to do it again, and return what it made."""
        key = f"machine:{next(self.numbers)}"
        made = verb(key)
        assert made is not None
        self.last = lambda: verb(key)
        return made

    def refused(self, verb: Callable[[], object], error: type[Exception]) -> None:
        try:
            verb()
        except error:
            return
        raise AssertionError(f"{error.__name__} was not raised")

    def moment(self, in_hours: float) -> datetime:
        """So many hours from now, and unlike every other moment: what fell due first is then beyond doubt."""
        return self.book.now + timedelta(hours=in_hours, microseconds=next(self.numbers))

    def end(self, life: float | None, begin: datetime) -> datetime | None:
        """Most ends are the end of a day, so that many lots have the same."""
        if life is None:
            return None
        exact = begin + days(life)
        return exact if life == 7 else exact.replace(hour=0, minute=0, second=0, microsecond=0) + days(1)

    def waiting(self) -> list[tuple[str, Award]]:
        return [(who, award) for who in MEMBERS for award in self.accounts[who].awards if award.pending]

    def taken(self, *kinds_and_states: tuple[str, str]) -> list[tuple[str, Taken]]:
        return [
            (who, taken)
            for who in MEMBERS
            for taken in self.accounts[who].taken
            if (taken.kind, taken.state) in kinds_and_states
        ]

    def mails(self) -> list[dict[str, Any]]:
        return (
            direct()
            .execute(
                "select id, payload from outbox where shop_id = %(shop)s and state = 'waiting' order by id", self.shop
            )
            .fetchall()
        )

    def about(self, mail: dict[str, Any]) -> tuple[str, list[int]]:
        who = next(name for name, member_id in self.ids.items() if member_id == mail["payload"]["member_id"])
        numbers = {lot.id: number for number, lot in enumerate(self.book.lots(self.ids[who]))}
        return who, [numbers[lot_id] for lot_id in mail["payload"]["lot_ids"]]

    @property
    def shop(self) -> dict[str, int]:
        return {"shop": self.book.shop_id}

    def compare(self) -> None:
        """The real ledger is what the model says: balances, lots, and the entries written since the last look."""
        row = direct().execute(_LOOK, {**self.shop, "seen": self.seen_entry}).fetchone()
        assert row is not None
        found = orjson.loads(row["found"])
        balances = {each[0]: each[1:] for each in found["accounts"]}
        numbers: dict[int, int] = {}
        lots: dict[int, list[Any]] = {member_id: [] for member_id in self.ids.values()}
        for member_id, lot_id, *rest in found["lots"] or []:
            numbers[lot_id] = len(lots[member_id])
            lots[member_id].append(rest)
        entries: dict[int, list[Any]] = {member_id: [] for member_id in self.ids.values()}
        for member_id, entry_id, kind, from_bucket, to_bucket, points, after, moved in found["entries"] or []:
            move = Move(kind, from_bucket, to_bucket, points, after)
            entries[member_id].append((move, sorted((numbers[lot_id], part) for lot_id, part in moved or [])))
            self.seen_entry = max(self.seen_entry, entry_id)
        awards = {
            award_id: (pending, _time(due), _time(expires)) for award_id, pending, due, expires in found["awards"] or []
        }
        assert awards == {
            award.id: (award.pending, award.due_at, award.expires_at)
            for account in self.accounts.values()
            for award in account.awards
        }
        for who, member_id in self.ids.items():
            account = self.accounts[who]
            assert balances[member_id] == [account.pending, account.available, account.on_hold, account.owed]
            assert [
                [points, remaining, _time(expires), reminder, order_id, _time(earned)]
                for points, remaining, expires, reminder, order_id, earned in lots[member_id]
            ] == [
                [lot.points, lot.remaining, lot.expires_at, lot.reminder, lot.order_id, lot.earned_at]
                for lot in account.lots
            ]
            new = account.entries[self.compared[who] :]
            assert entries[member_id] == [(entry.move, entry.lots) for entry in new]
            self.compared[who] = len(account.entries)


def pick(candidates: list[Any], which: int) -> Any:
    return candidates[which % len(candidates)]


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
