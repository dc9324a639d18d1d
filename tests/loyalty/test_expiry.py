"""The end of points: two reminders, no end before the second one went out, dates that decide whatever has run.

Design sections 4 and 6, reliability F-75, F-80. The mails go through the real outbox and, without a mail server, to the log.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from backend.db import transaction
from backend.errors import NotEnoughPoints
from backend.jobs import outbox, points
from backend.ledger import posting
from backend.ledger.balance import balance
from backend.loyalty.members import members
from backend.loyalty.points import adjustments
from tests.conftest import BusinessTime, TestShop

END = datetime.fromisoformat("2026-12-01T00:00:00+01:00")
A_MOMENT = timedelta(seconds=1)
A_DAY = timedelta(days=1)

_keys = count(1)


class Ada:
    """A member and what a test looks at."""

    def __init__(self, shop: TestShop, time: BusinessTime, **said: Any) -> None:
        self.shop, self.time = shop, time
        customer = {"id": f"ada-{next(_keys)}", "email": "ada@example.com"} | said
        self.customer = customer["id"]
        shop.tell("customer.created", {name: value for name, value in customer.items() if value is not None})
        (self.id,) = self._column(
            "select id from member where shop_id = :shop and external_id = :id", id=customer["id"]
        )

    def is_given(self, points: int, expires_at: datetime | None = END) -> None:
        with transaction() as session:
            adjustments.adjust(
                session,
                self.shop.id,
                self.id,
                points,
                "a gift",
                posting.SYSTEM,
                str(next(_keys)),
                self.time.now,
                expires_at,
            )

    def is_deducted(self, points: int) -> None:
        with transaction() as session:
            adjustments.adjust(
                session,
                self.shop.id,
                self.id,
                -points,
                "an error",
                posting.SYSTEM,
                str(next(_keys)),
                self.time.now,
                None,
            )

    def spends(self, points: int) -> int:
        with transaction() as session:
            entry_id = posting.spend(
                session,
                self.shop.id,
                self.id,
                points,
                at=self.time.now,
                key=f"test:{next(_keys)}",
                author=posting.SYSTEM,
                reason="a test",
                why={},
            )
        assert entry_id is not None
        return entry_id

    def gets_back(self, spend_id: int) -> None:
        with transaction() as session:
            posting.give_back(
                session,
                self.shop.id,
                self.id,
                spend_id,
                at=self.time.now,
                author=posting.SYSTEM,
                reason="a test",
                why={},
                grace_days=7,
            )

    @property
    def has(self) -> int:
        with transaction() as session:
            return balance(session, self.shop.id, self.id, self.time.now).available

    @property
    def lots(self) -> list[tuple[int, str, datetime | None]]:
        """What remains, the state of the reminder and the end of each lot, oldest first."""
        return self._rows(
            "select remaining, reminder, expires_at from lot where shop_id = :shop and member_id = :member order by id"
        )

    @property
    def expiries(self) -> list[int]:
        return self._column(
            "select points from entry where shop_id = :shop and member_id = :member and kind = 'expire' order by id"
        )

    def mails(self, days: int) -> list[int]:
        """The points of each reminder so many days ahead, oldest first, whether sent or waiting."""
        return self._column(
            "select (payload ->> 'points')::int from outbox where shop_id = :shop and payload ->> 'purpose' ="
            " 'points_expiring' and payload -> 'member_id' = to_jsonb(:member) and (payload ->> 'days')::int = :days"
            " order by id",
            days=days,
        )

    def _rows(self, statement: str, **given: Any) -> list[Any]:
        with transaction() as session:
            parameters = {"shop": self.shop.id, "member": getattr(self, "id", None), **given}
            return [tuple(row) for row in session.execute(text(statement), parameters)]

    def _column(self, statement: str, **given: Any) -> list[Any]:
        return [row[0] for row in self._rows(statement, **given)]


@pytest.fixture
def shop(time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    time.set(END - timedelta(days=60))
    return new_shop()


@pytest.fixture
def ada(shop: TestShop, time: BusinessTime) -> Ada:
    return Ada(shop, time)


def days_before(time: BusinessTime, days: float) -> None:
    time.set(END - timedelta(days=days))


def upkeep() -> None:
    """What the clock rings for, mails not included."""
    points.remind()
    points.expire()


# Reminders


def test_thirty_and_seven_days_before_the_end_the_owner_is_told_once_each(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    told = []
    for days in (40, 31, 30, 30, 20, 8, 7, 7, 5, 1):
        days_before(time, days)
        upkeep()
        outbox.send()
        told.append((days, len(ada.mails(30)), len(ada.mails(7))))
    assert told == [
        (40, 0, 0), (31, 0, 0), (30, 1, 0), (30, 1, 0), (20, 1, 0), (8, 1, 0), (7, 1, 1), (7, 1, 1), (5, 1, 1), (1, 1, 1),
    ]  # fmt: skip
    assert ada.mails(30) == ada.mails(7) == [100]


def test_points_of_one_date_share_a_mail_and_others_have_their_own(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    ada.is_given(20)
    ada.is_given(3, END + timedelta(minutes=30))
    ada.is_given(4, END + timedelta(days=90))
    ada.is_given(5, None)
    days_before(time, 30)
    points.remind()
    days_before(time, 7)
    points.remind()
    assert (sorted(ada.mails(30)), sorted(ada.mails(7))) == ([3, 120], [3, 120])


def test_each_member_has_a_mail_of_their_own(ada: Ada, shop: TestShop, time: BusinessTime) -> None:
    bo = Ada(shop, time, email="bo@example.com")
    ada.is_given(1)
    bo.is_given(2)
    days_before(time, 7)
    points.remind()
    assert (ada.mails(7), bo.mails(7)) == ([1], [2])


def test_the_first_reminder_is_for_points_that_live_longer_than_that(ada: Ada, time: BusinessTime) -> None:
    """Who was just given points for three weeks was told so with them."""
    days_before(time, 21)
    ada.is_given(100)
    points.remind()
    assert ada.mails(30) == []
    days_before(time, 7)
    points.remind()
    assert (ada.mails(30), ada.mails(7)) == ([], [100])


def test_a_first_reminder_that_was_missed_may_come_later_but_not_with_the_last(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    ada.is_given(20, END + timedelta(days=10))
    days_before(time, 7)
    points.remind()
    assert (ada.mails(30), ada.mails(7)) == ([20], [100])


def test_points_of_a_week_or_less_need_no_reminder_and_end_on_their_day(ada: Ada, time: BusinessTime) -> None:
    days_before(time, 7)
    ada.is_given(100)
    upkeep()
    assert ada.lots == [(100, "none", END)]
    assert ada.mails(7) == ada.mails(30) == []
    time.set(END - A_MOMENT)
    upkeep()
    assert ada.has == 100
    time.set(END)
    upkeep()
    assert (ada.has, ada.expiries) == (0, [100])


def test_a_reminder_in_time_moves_nothing(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    time.set(END - timedelta(days=7, minutes=59))
    points.remind()
    outbox.send()
    assert ada.lots == [(100, "sent", END)]
    time.set(END - A_MOMENT)
    points.expire()
    assert ada.has == 100
    time.set(END)
    points.expire()
    assert (ada.has, ada.expiries) == (0, [100])


def test_the_owner_hears_of_the_end_itself(ada: Ada, time: BusinessTime) -> None:
    days_before(time, 3)
    ada.is_given(100)
    time.set(END)
    points.expire()
    assert ends_told(ada) == [100]


def ends_told(ada: Ada) -> list[int]:
    return ada._column(
        "select (payload ->> 'points')::int from outbox where shop_id = :shop and payload ->> 'purpose' ="
        " 'points_expired' and payload -> 'member_id' = to_jsonb(:member) order by id"
    )


def test_the_owner_hears_of_the_end_once_even_if_something_else_found_it_before_the_sweep(
    ada: Ada, time: BusinessTime
) -> None:
    days_before(time, 3)
    ada.is_given(100)
    ada.is_given(20)
    ada.is_given(50, None)
    time.set(END)
    ada.is_deducted(10)
    ada.is_deducted(10)
    points.expire()
    assert ada.expiries == [100, 20]
    assert sorted(ends_told(ada)) == [20, 100]


def test_the_owner_hears_of_the_end_that_a_refund_found(ada: Ada, shop: TestShop, time: BusinessTime) -> None:
    order = {
        "id": "o-1",
        "customer": {"id": ada.customer},
        "currency": "EUR",
        "created_at": (END - timedelta(days=20)).isoformat(),
        "subtotal": "1000.00",
        "line_items": [{"id": "l-1", "quantity": 2, "total": "1000.00"}],
        "delivery_status": "collected",
        "collected_at": (END - timedelta(days=20)).isoformat(),
    }
    days_before(time, 3)
    shop.tell("order.collected", order)
    ada.is_given(20)
    time.set(END)
    refund = {"id": "r-1", "line_items": [{"line_item_id": "l-1", "quantity": 1}]}
    shop.tell("order.refunded", {"order_id": "o-1", "refund": refund})
    assert (ada.has, ends_told(ada)) == (50, [20])


# No end before the reminder went out


def test_while_the_reminder_is_stuck_the_points_are_neither_spendable_nor_swept(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    days_before(time, 7)
    points.remind()
    time.set(END - A_MOMENT)
    assert ada.has == 100
    for late in (timedelta(0), A_DAY, timedelta(days=40)):
        time.set(END + late)
        upkeep()
        assert (ada.has, ada.expiries) == (0, [])
        with pytest.raises(NotEnoughPoints):
            ada.spends(1)
    assert ada.lots == [(100, "queued", END)]
    assert ada.mails(7) == [100]


def test_once_it_went_out_they_live_a_week_more_and_then_end(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    days_before(time, 7)
    points.remind()
    time.set(END + A_DAY)
    sent_at = time.now
    outbox.send()
    ((remaining, reminder, ends),) = ada.lots
    assert (remaining, reminder) == (100, "sent")
    assert ends is not None and timedelta(0) <= ends - (sent_at + timedelta(days=7)) < A_MOMENT
    assert ada.has == 100
    ada.spends(30)
    time.set(ends - A_MOMENT)
    upkeep()
    assert ada.has == 70
    time.set(ends)
    assert ada.has == 0
    upkeep()
    upkeep()
    assert ada.expiries == [70]


def test_a_reminder_job_that_slept_over_the_end_still_reminds_first(ada: Ada, time: BusinessTime) -> None:
    ada.is_given(100)
    time.set(END + timedelta(days=3))
    points.expire()
    assert ada.expiries == []
    points.remind()
    outbox.send()
    assert (ada.mails(7), ada.mails(30), ada.has) == ([100], [], 100)
    time.advance(days=7, seconds=1)
    points.expire()
    assert ada.expiries == [100]


def test_a_member_without_an_address_is_reminded_by_the_widget_and_nothing_is_delayed(
    shop: TestShop, time: BusinessTime
) -> None:
    nobody = Ada(shop, time, email=None)
    nobody.is_given(100)
    days_before(time, 7)
    upkeep()
    assert nobody.lots == [(100, "impossible", END)]
    time.set(END)
    upkeep()
    assert (nobody.mails(7), nobody.mails(30), nobody.expiries) == ([], [], [100])


def test_an_address_that_can_never_be_reached_delays_nothing(shop: TestShop, time: BusinessTime) -> None:
    nowhere = Ada(shop, time, email="no address at all")
    nowhere.is_given(100)
    days_before(time, 7)
    points.remind()
    outbox.send()
    assert nowhere.lots == [(100, "impossible", END)]
    time.set(END)
    points.expire()
    assert nowhere.expiries == [100]


def test_a_member_who_was_erased_before_the_mail_went_out_delays_nothing(
    ada: Ada, shop: TestShop, time: BusinessTime
) -> None:
    ada.is_given(100)
    days_before(time, 7)
    points.remind()
    with transaction() as session:
        external_id = session.execute(
            text("select external_id from member where id = :id"), {"id": ada.id}
        ).scalar_one()
        members.erase(session, shop.id, external_id, time.now)
    outbox.send()
    time.set(END)
    points.expire()
    assert ada.expiries == [100]


def test_points_that_were_spent_when_the_reminder_went_out_are_reminded_of_when_they_come_back(
    ada: Ada, time: BusinessTime
) -> None:
    ada.is_given(100)
    days_before(time, 7)
    points.remind()
    spend_id = ada.spends(100)
    outbox.send()  # nothing of these points is left: no mail
    days_before(time, 2)
    ada.gets_back(spend_id)
    time.set(END)
    upkeep()
    assert ada.expiries == [], "they ended and nobody was told"
    outbox.send()
    assert (ada.mails(7), ada.has) == ([100, 100], 100)
    time.advance(days=7, seconds=1)
    points.expire()
    assert ada.expiries == [100]


def test_a_lot_that_was_empty_when_the_mail_about_others_went_out_does_not_stay_in_between_for_ever(
    ada: Ada, time: BusinessTime
) -> None:
    ada.is_given(100)
    ada.is_given(20)
    days_before(time, 7)
    points.remind()
    spend_id = ada.spends(100)
    outbox.send()
    ada.gets_back(spend_id)
    upkeep()
    outbox.send()
    assert [reminder for _, reminder, _ in ada.lots] == ["sent", "sent"]
    time.set(END + A_DAY)
    points.expire()
    assert sorted(ada.expiries) == [20, 100]


# Dates decide


def test_a_sweeper_that_was_down_changes_no_balance_and_writes_each_entry_once(
    ada: Ada, shop: TestShop, time: BusinessTime
) -> None:  # F-80
    days_before(time, 3)
    ada.is_given(100)
    ada.is_given(20, END + A_DAY)
    ada.is_given(3, END + 2 * A_DAY)
    ada.is_given(4, None)
    balances = []
    for day in range(4):
        time.set(END + day * A_DAY - A_MOMENT)
        balances.append(ada.has)
        time.set(END + day * A_DAY)
        balances.append(ada.has)
    assert balances == [127, 27, 27, 7, 7, 4, 4, 4]
    for _ in range(3):
        upkeep()
    assert (ada.expiries, ada.has) == ([100, 20, 3], 4)


def test_a_guest_who_claims_points_that_would_have_ended_has_a_week_for_them(
    shop: TestShop, time: BusinessTime
) -> None:
    """Promised by the claim, posted after their end: grace."""
    time.set("2026-11-01T12:00:00+01:00")
    shop.set_program(expiry={"kind": "days", "days": 10}, assign={"delay_days": 0})
    order = {
        "id": "g-1",
        "customer": {"email": "guest@example.com"},
        "currency": "EUR",
        "created_at": "2026-11-01T13:00:00+01:00",
        "subtotal": "1000.00",
        "delivery_status": "collected",
        "collected_at": "2026-11-02T10:00:00+01:00",
    }
    time.set("2026-11-02T12:00:00+01:00")
    shop.tell("order.collected", order)
    time.set("2026-12-24T12:00:00+01:00")
    guest = Ada(shop, time, email="guest@example.com", email_verified=True)
    assert guest.has == 100
    time.advance(days=7, seconds=-1)
    assert guest.has == 100
    time.advance(seconds=2)
    assert guest.has == 0
