"""The ledger as simply as it can be said: lists of lots and awards, no database, no speed. What the real one is held to.

Nothing here follows the code of `ledger.sql`; it follows design section 4.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.ledger.books import Move

A_WEEK = timedelta(days=7)
AN_HOUR = timedelta(hours=1)


@dataclass
class Lot:
    """Available points with their end. `number` counts a member's lots in the order in which they came to be."""

    number: int
    order_id: int | None
    points: int
    remaining: int
    earned_at: datetime
    expires_at: datetime | None
    reminder: str

    def has_ended(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def can_be_swept(self, now: datetime) -> bool:
        return self.remaining > 0 and self.has_ended(now) and self.reminder not in ("waiting", "queued")

    @property
    def turn(self) -> tuple[bool, datetime, datetime, int]:
        """When it is spent: soonest end first, never-ending last, then the earlier earned, then the older."""
        never = self.expires_at is None
        return (never, self.earned_at if self.expires_at is None else self.expires_at, self.earned_at, self.number)


@dataclass
class Award:
    id: int
    order_id: int
    pending: int
    due_at: datetime
    expires_at: datetime | None


@dataclass
class Taken:
    """A hold or a spend that can be ended: how much of which lots."""

    entry_id: int
    kind: str
    parts: list[tuple[Lot, int]]
    owed: int = 0
    """What of a spend was not there and came from no lot."""
    state: str = "open"  # open, captured, released, returned

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts) + self.owed


@dataclass
class Entry:
    move: Move
    lots: list[tuple[int, int]]
    """How much of which lot it took or gave back, by the lot's number."""


@dataclass
class Account:
    """All that a member has, and how it came about."""

    grace: timedelta
    pending: int = 0
    on_hold: int = 0
    owed: int = 0
    lots: list[Lot] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    brought: dict[int, int] = field(default_factory=dict)
    """What each order has posted and not given back yet."""

    @property
    def available(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    def spendable(self, now: datetime) -> int:
        return sum(lot.remaining for lot in self.lots if not lot.has_ended(now))

    # What moves points

    def promise(self, award: Award) -> None:
        self.awards.append(award)
        self.pending += award.pending
        self._note("promise", "issued", "pending", award.pending)

    def void(self, award: Award, points: int) -> None:
        award.pending -= points
        self.pending -= points
        self._note("void", "pending", "voided", points)

    def post(self, award: Award, now: datetime) -> None:
        points, award.pending = award.pending, 0
        self.pending -= points
        self.brought[award.order_id] = self.brought.get(award.order_id, 0) + points
        ends = award.expires_at
        if ends is not None and ends <= now:
            ends = now + self.grace
        self._new_lot(points, award.due_at, ends, award.order_id)
        self._note("post", "pending", "available", points)
        self._settle(now)

    def grant(self, points: int, now: datetime, expires_at: datetime | None) -> None:
        self._new_lot(points, now, expires_at, None)
        self._note("grant", "issued", "available", points)
        self._settle(now)

    def debit(self, kind: str, to: str, points: int, now: datetime, *, may_owe: bool = False) -> Taken:
        """Takes points; the caller has made sure that they are there, unless some may be owed."""
        self.sweep(now)
        parts = self._take(points, now, dead_too=may_owe)
        taken = sum(part for _, part in parts)
        if to == "on_hold":
            self.on_hold += taken
        if taken:
            self._note(kind, "available", to, taken, parts)
        if taken < points:
            self.owed -= points - taken
            self._note(kind, "owed", to, points - taken)
        return Taken(0, kind, parts, owed=points - taken)

    def claw_back(self, order_id: int, points: int, now: datetime) -> None:
        self.sweep(now)
        self.brought[order_id] -= points
        own = [lot for lot in self.lots if lot.order_id == order_id]
        parts = self._take_from(own, points)
        taken = sum(part for _, part in parts)
        parts += self._take(points - taken, now, dead_too=True)
        taken = sum(part for _, part in parts)
        if taken:
            self._note("claw_back", "available", "clawed_back", taken, parts)
        if taken < points:
            self.owed -= points - taken
            self._note("claw_back", "owed", "clawed_back", points - taken)

    def give_back(self, taken: Taken, now: datetime) -> None:
        """A release of an open hold, a return of what was spent."""
        is_release = taken.kind == "hold" and taken.state == "open"
        taken.state = "released" if is_release else "returned"
        if is_release:
            self.on_hold -= taken.points
        same: list[tuple[Lot, int]] = []
        for lot, points in sorted(taken.parts, key=lambda part: part[0].number):
            if lot.has_ended(now):
                new = self._new_lot(points, lot.earned_at, now + self.grace, lot.order_id)
                new.reminder = "waiting" if self.grace > A_WEEK else "none"
            else:
                lot.remaining += points
                same.append((lot, points))
        if taken.owed:  # came from no lot, so it makes one
            self._new_lot(taken.owed, now, None, None)
        if is_release:
            self._note("release", "on_hold", "available", taken.points, same)
        else:
            self._note("return", "spent", "available", taken.points, same)
        self._settle(now)

    def capture(self, taken: Taken) -> None:
        taken.state = "captured"
        self.on_hold -= taken.points
        self._note("capture", "on_hold", "spent", taken.points)

    def sweep(self, now: datetime) -> int:
        ended = [lot for lot in self.lots if lot.can_be_swept(now)]
        for lot in sorted(ended, key=lambda lot: (lot.expires_at, lot.number)):
            points, lot.remaining = lot.remaining, 0
            self._note("expire", "available", "expired", points, [(lot, points)])
        return len(ended)

    # What moves dates

    def remind(self, now: datetime, *, reachable: bool) -> None:
        for lot in self.lots:
            due = lot.expires_at is not None and lot.expires_at <= now + A_WEEK + AN_HOUR
            if lot.remaining > 0 and lot.reminder == "waiting" and due:
                lot.reminder = "queued" if reachable else "impossible"

    def mail_ends(self, lot_numbers: list[int], now: datetime, *, sent: bool) -> None:
        """The reminder of these lots went out, or never will. One that is empty by now is reminded of if it comes back."""
        for lot in self.lots:
            if lot.number not in lot_numbers or lot.reminder != "queued":
                continue
            if lot.remaining == 0:
                lot.reminder = "waiting"
            elif sent:
                assert lot.expires_at is not None
                lot.reminder, lot.expires_at = "sent", max(lot.expires_at, now + A_WEEK)
            else:
                lot.reminder = "impossible"

    # How

    def _new_lot(self, points: int, earned_at: datetime, expires_at: datetime | None, order_id: int | None) -> Lot:
        is_long = expires_at is not None and expires_at > earned_at + A_WEEK
        lot = Lot(len(self.lots), order_id, points, points, earned_at, expires_at, "waiting" if is_long else "none")
        self.lots.append(lot)
        return lot

    def _take(self, points: int, now: datetime, *, dead_too: bool) -> list[tuple[Lot, int]]:
        return self._take_from([lot for lot in self.lots if dead_too or not lot.has_ended(now)], points)

    @staticmethod
    def _take_from(lots: list[Lot], points: int) -> list[tuple[Lot, int]]:
        parts = []
        for lot in sorted(lots, key=lambda lot: lot.turn):
            part = min(points, lot.remaining)
            if part:
                lot.remaining -= part
                points -= part
                parts.append((lot, part))
        return parts

    def _settle(self, now: datetime) -> None:
        settled = min(-self.owed, self.available)
        if settled:
            parts = self._take(settled, now, dead_too=True)
            self.owed += settled
            self._note("settle", "available", "owed", settled, parts)

    def _note(
        self, kind: str, from_bucket: str, to: str, points: int, parts: list[tuple[Lot, int]] | None = None
    ) -> None:
        before = self.entries[-1].move.available_after if self.entries else 0
        change = points if to == "available" else -points if from_bucket == "available" else 0
        move = Move(kind, from_bucket, to, points, before + change)
        self.entries.append(Entry(move, sorted((lot.number, part) for lot, part in parts or [])))
