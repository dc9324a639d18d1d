"""Every verb of the ledger: what it moves, from which lots, once (design section 4)."""

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError, NoResultFound

from backend.db import sqlstate
from backend.errors import NotEnoughPoints
from backend.ledger.balance import Balance
from tests.ledger.books import A_PERSON, START, Book, Move, days


@pytest.fixture
def member(book: Book) -> int:
    return book.member()


def available(points: int, *, pending: int = 0, on_hold: int = 0, owed: int = 0) -> Balance:
    return Balance(available=points, pending=pending, on_hold=on_hold, owed=owed)


# promise, void, post


def test_a_promise_waits(book: Book, member: int) -> None:
    award_id = book.promise(member, 100, due_at=book.now + days(3))
    assert award_id is not None
    assert book.balance(member) == available(0, pending=100)
    assert book.moves(member) == [Move("promise", "issued", "pending", 100, 0)]
    assert book.lots(member) == []


def test_a_promise_is_posted_when_its_moment_comes_and_not_before(book: Book, member: int) -> None:
    book.promise(member, 100, due_at=book.now + days(3), expires_at=book.now + days(300))
    book.now = START + days(3) - timedelta(microseconds=1)
    assert book.post_due() == 0
    book.now = START + days(3)
    assert book.post_due() == 1
    assert book.balance(member) == available(100)
    assert book.moves(member)[-1] == Move("post", "pending", "available", 100, 100)
    (lot,) = book.lots(member)
    assert (lot.points, lot.remaining, lot.expires_at) == (100, 100, START + days(300))


def test_what_was_posted_was_earned_on_its_day_however_late_the_posting(book: Book, member: int) -> None:
    book.promise(member, 100, due_at=START + days(3), expires_at=START + days(300))
    book.now = START + days(5)
    book.post_due()
    (lot,) = book.lots(member)
    assert lot.earned_at == START + days(3)
    assert book.entry(book.rows("select max(id) from entry where shop_id = :shop")[0][0]).at == START + days(5)


def test_an_award_is_posted_once(book: Book, member: int) -> None:
    book.promise(member, 100)
    assert [book.post_due(), book.post_due()] == [1, 0]
    assert book.balance(member) == available(100)


def test_a_batch_posts_the_oldest_first_and_all_of_a_member_together(book: Book) -> None:
    early, late = book.member(), book.member()
    book.promise(late, 1, due_at=START - days(1))
    book.promise(early, 2, due_at=START - days(3))
    book.promise(early, 4, due_at=START - days(2))
    assert book.post_due(limit=1) == 2
    assert (book.balance(early), book.balance(late)) == (available(6), available(0, pending=1))
    assert book.post_due(limit=1) == 1
    assert book.balance(late) == available(1)


def test_a_batch_continues_each_members_balance_in_the_order_of_the_days(book: Book, member: int) -> None:
    book.grant(member, 1)
    book.promise(member, 40, due_at=START - days(1))
    book.promise(member, 20, due_at=START - days(2))
    book.post_due()
    assert [move for move in book.moves(member) if move.kind == "post"] == [
        Move("post", "pending", "available", 20, 21),
        Move("post", "pending", "available", 40, 61),
    ]


def test_a_promise_that_would_have_ended_before_it_was_posted_lives_the_programs_grace(in_ledger: None) -> None:
    book = Book(grace_days=3)
    member = book.member()
    book.promise(member, 10, due_at=START, expires_at=START + days(30))
    book.now = START + days(30)
    book.post_due()
    assert book.lots(member)[0].expires_at == START + days(33)
    assert book.entry(book.rows("select max(id) from entry where shop_id = :shop")[0][0]).expires_at == START + days(33)


def test_a_promise_can_be_voided_in_part_and_then_whole(book: Book, member: int) -> None:
    award_id = book.promise(member, 100, due_at=book.now + days(3))
    assert award_id is not None
    assert book.void(award_id, 30) is not None
    assert book.balance(member) == available(0, pending=70)
    book.void(award_id, 70)
    assert book.balance(member) == available(0)
    assert book.moves(member)[1:] == [
        Move("void", "pending", "voided", 30, 0),
        Move("void", "pending", "voided", 70, 0),
    ]
    book.now += days(3)
    assert book.post_due() == 0
    assert book.rows("select state from award where shop_id = :shop") == [("voided",)]


def test_only_what_waits_can_be_voided(book: Book, member: int) -> None:
    award_id = book.promise(member, 100)
    assert award_id is not None
    with pytest.raises(DBAPIError) as too_much:
        book.void(award_id, 101)
    book.post_due()
    with pytest.raises(DBAPIError) as too_late:
        book.void(award_id, 1)
    assert [sqlstate(too_much.value), sqlstate(too_late.value)] == ["LG002", "LG002"]
    assert book.balance(member) == available(100)


def test_the_day_of_an_order_moves_for_what_waits_and_not_for_what_was_posted(book: Book, member: int) -> None:
    order_id, other_id = book.order(member), book.order(member)
    book.promise(member, 1, order_id=order_id, due_at=START, expires_at=START + days(50))
    book.post_due()
    book.promise(member, 2, order_id=order_id, due_at=START + days(5), expires_at=START + days(50))
    book.promise(member, 4, order_id=other_id, due_at=START + days(5), expires_at=START + days(50))
    book.redate(order_id, START + days(1), None)
    book.now = START + days(1)
    assert book.post_due() == 1
    assert book.balance(member) == available(3, pending=4)
    assert [lot.expires_at for lot in book.lots(member)] == [START + days(50), None]


# grant, deduct


def test_a_grant_makes_a_lot(book: Book, member: int) -> None:
    entry_id = book.grant(member, 50, expires_at=START + days(10))
    assert book.moves(member) == [Move("grant", "issued", "available", 50, 50)]
    entry = book.entry(entry_id)
    assert (entry.actor, entry.actor_name, entry.reason, entry.at) == (A_PERSON.actor, A_PERSON.name, "a test", START)
    (lot,) = book.lots(member)
    assert (lot.remaining, lot.earned_at, lot.expires_at) == (50, START, START + days(10))


def test_a_deduction_takes_from_what_is_available(book: Book, member: int) -> None:
    book.grant(member, 50)
    entry_id = book.deduct(member, 20)
    assert book.moves(member)[-1] == Move("deduct", "available", "adjusted", 20, 30)
    assert book.lots_of(entry_id) == [(book.lots(member)[0].id, 20)]
    assert book.balance(member) == available(30)


@pytest.mark.parametrize("verb", ["deduct", "hold", "spend"])
def test_more_than_is_available_is_refused_with_both_figures_and_changes_nothing(
    book: Book, member: int, verb: str
) -> None:
    book.grant(member, 50)
    with pytest.raises(NotEnoughPoints) as raised:
        getattr(book, verb)(member, 51)
    assert (raised.value.available, raised.value.wanted) == (50, 51)
    assert book.balance(member) == available(50)
    assert len(book.moves(member)) == 1


@pytest.mark.parametrize("verb", ["deduct", "hold", "spend"])
def test_exactly_what_is_available_can_go(book: Book, member: int, verb: str) -> None:
    book.grant(member, 50)
    getattr(book, verb)(member, 50)
    assert book.balance(member).available == 0


def test_pending_points_cannot_be_spent(book: Book, member: int) -> None:
    book.promise(member, 50)
    with pytest.raises(NotEnoughPoints):
        book.spend(member, 1)


# The order of the lots


def test_the_lot_that_ends_first_goes_first_whatever_came_first(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=None)
    book.grant(member, 10, expires_at=START + days(90))
    book.grant(member, 10, expires_at=START + days(30))
    book.spend(member, 15)
    assert book.remaining(member) == [10, 5, 0]


def test_a_grant_of_a_shorter_life_goes_before_what_the_orders_brought(book: Book, member: int) -> None:  # A10
    book.promise(member, 100, order_id=book.order(member), expires_at=START + days(365))
    book.post_due()
    book.grant(member, 10, expires_at=START + days(5))
    entry_id = book.hold(member, 12)
    orders_lot, grants_lot = book.lots(member)
    assert book.lots_of(entry_id) == [(orders_lot.id, 2), (grants_lot.id, 10)]


def test_of_two_lots_of_one_date_the_one_earned_first_goes_first(book: Book, member: int) -> None:
    book.promise(member, 10, due_at=START, expires_at=START + days(90))
    book.promise(member, 10, due_at=START - days(2), expires_at=START + days(90))
    book.promise(member, 10, due_at=START - days(1), expires_at=START + days(90))
    book.post_due()
    by_day = sorted(book.lots(member), key=lambda lot: lot.earned_at)
    entry_id = book.spend(member, 15)
    assert sorted(book.lots_of(entry_id)) == sorted([(by_day[0].id, 10), (by_day[1].id, 5)])


def test_never_expiring_points_go_last_and_the_earlier_earned_of_them_first(book: Book, member: int) -> None:
    book.promise(member, 10, due_at=START)
    book.promise(member, 10, due_at=START - days(1))
    book.post_due()
    book.grant(member, 10, expires_at=START + days(400))
    book.spend(member, 12)
    assert {lot.earned_at: lot.remaining for lot in book.lots(member) if lot.expires_at is None} == {
        START - days(1): 8,
        START: 10,
    }


def test_of_two_equal_lots_the_older_one_goes_first(book: Book, member: int) -> None:
    for _ in range(3):
        book.grant(member, 10, expires_at=START + days(90))
    book.spend(member, 15)
    assert book.remaining(member) == [0, 5, 10]


# Dates decide, whether or not the sweep has run


def test_points_can_be_spent_until_the_moment_they_end(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    book.now = START + days(5) - timedelta(microseconds=1)
    book.spend(member, 1)
    assert book.balance(member) == available(9)


@pytest.mark.parametrize("verb", ["deduct", "hold", "spend"])
def test_from_the_moment_they_end_they_cannot_be_spent_though_no_sweep_has_run(
    book: Book, member: int, verb: str
) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    book.now = START + days(5)
    assert book.balance(member) == available(0)
    with pytest.raises(NotEnoughPoints) as raised:
        getattr(book, verb)(member, 1)
    assert raised.value.available == 0


def test_what_has_ended_is_swept_before_anything_is_taken(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    book.grant(member, 10)
    book.now = START + days(5)
    book.spend(member, 4)
    assert book.moves(member)[2:] == [
        Move("expire", "available", "expired", 10, 10),
        Move("spend", "available", "spent", 4, 6),
    ]


def test_a_lot_past_its_date_whose_reminder_has_not_gone_out_is_neither_spendable_nor_swept(
    book: Book, member: int
) -> None:
    book.grant(member, 10, expires_at=START + days(8))
    assert book.lots(member)[0].reminder == "waiting"
    book.now = START + days(8)
    assert book.balance(member) == available(0)
    with pytest.raises(NotEnoughPoints):
        book.spend(member, 1)
    assert book.expire_due() == 0
    assert book.account(member) == (0, 10, 0, 0)


@pytest.mark.parametrize(("life", "reminder"), [(7, "none"), (7.001, "waiting"), (None, "none")])
def test_only_points_of_more_than_seven_days_are_reminded_of(
    book: Book, member: int, life: float | None, reminder: str
) -> None:
    ends = None if life is None else START + days(life)
    book.grant(member, 1, expires_at=ends)
    book.promise(member, 1, expires_at=ends)
    book.post_due()
    assert [lot.reminder for lot in book.lots(member)] == [reminder, reminder]


# expire


def test_the_sweep_writes_one_entry_for_each_lot_whose_date_has_come(book: Book, member: int) -> None:
    book.grant(member, 1)
    book.grant(member, 10, expires_at=START + days(6))
    book.grant(member, 20, expires_at=START + days(5))
    book.grant(member, 40, expires_at=START + days(6) + timedelta(microseconds=1))
    book.spend(member, 5)
    book.now = START + days(6)
    assert book.expire_due() == 2
    assert book.moves(member)[-2:] == [
        Move("expire", "available", "expired", 15, 51),
        Move("expire", "available", "expired", 10, 41),
    ]
    assert book.expire_due() == 0
    assert book.balance(member) == available(41)
    assert book.remaining(member) == [1, 0, 0, 40]


def test_an_expiry_entry_says_which_lot_and_date(book: Book, member: int) -> None:
    order_id = book.order(member)
    book.promise(member, 9, order_id=order_id, expires_at=START + days(6))
    book.post_due()
    book.now = START + days(9)
    book.expire_due()
    (entry,) = book.rows("select * from entry where shop_id = :shop and kind = 'expire'")
    (lot,) = book.lots(member)
    assert (entry.order_id, entry.expires_at, entry.at) == (order_id, START + days(6), START + days(9))
    assert entry.source_key == f"expire:{lot.id}"
    assert book.lots_of(entry.id) == [(lot.id, 9)]


def test_the_sweep_takes_the_oldest_first_and_all_of_a_member_together(book: Book) -> None:
    first, second = book.member(), book.member()
    book.grant(second, 1, expires_at=START + days(3))
    book.grant(first, 2, expires_at=START + days(1))
    book.grant(first, 4, expires_at=START + days(2))
    book.now = START + days(4)
    assert book.expire_due(limit=1) == 2
    assert (book.account(first)[1], book.account(second)[1]) == (0, 1)


# hold, release, capture


def test_a_hold_sets_points_aside(book: Book, member: int) -> None:
    book.grant(member, 50)
    hold_id = book.hold(member, 20)
    assert book.balance(member) == available(30, on_hold=20)
    assert book.moves(member)[-1] == Move("hold", "available", "on_hold", 20, 30)
    assert book.lots_of(hold_id) == [(book.lots(member)[0].id, 20)]


def test_a_release_puts_them_back_into_the_same_lots_with_their_old_dates(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    book.grant(member, 10, expires_at=START + days(6))
    before = book.lots(member)
    hold_id = book.hold(member, 15)
    assert hold_id is not None
    release_id = book.release(member, hold_id)
    assert book.lots(member) == before
    assert book.lots_of(release_id) == book.lots_of(hold_id)
    assert book.balance(member) == available(20)
    assert book.moves(member)[-1] == Move("release", "on_hold", "available", 15, 20)
    assert book.entry(release_id).answers_entry_id == hold_id


def test_a_captured_hold_is_spent(book: Book, member: int) -> None:
    book.grant(member, 50)
    hold_id = book.hold(member, 20)
    assert hold_id is not None
    capture_id = book.capture(member, hold_id)
    assert book.balance(member) == available(30)
    assert book.moves(member)[-1] == Move("capture", "on_hold", "spent", 20, 30)
    assert book.entry(capture_id).answers_entry_id == hold_id


def test_a_hold_ends_once(book: Book, member: int) -> None:
    book.grant(member, 50)
    released, captured = book.hold(member, 10), book.hold(member, 10)
    assert released is not None and captured is not None
    book.release(member, released)
    book.capture(member, captured)
    ends = [
        book.release(member, released),
        book.capture(member, released),
        book.capture(member, captured),
        book.release(member, captured),
    ]
    assert ends == [None] * 4
    assert book.balance(member) == available(40)


def test_a_release_into_a_lot_that_has_ended_makes_a_new_one_with_grace(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    book.grant(member, 10, expires_at=START + days(50))
    hold_id = book.hold(member, 15)
    assert hold_id is not None
    book.now = START + days(5)
    release_id = book.release(member, hold_id)
    old, other, new = book.lots(member)
    assert (old.remaining, old.expires_at) == (0, START + days(5))
    assert (other.remaining, other.expires_at) == (10, START + days(50))
    assert (new.remaining, new.expires_at, new.earned_at) == (10, START + days(5 + 7), START)
    assert book.lots_of(release_id) == [(other.id, 5)]
    assert book.balance(member) == available(20)


@pytest.mark.parametrize(("grace_days", "reminder"), [(0, "none"), (7, "none"), (8, "waiting"), (30, "waiting")])
def test_a_grace_of_more_than_seven_days_is_reminded_of_like_every_lot(
    in_ledger: None, grace_days: int, reminder: str
) -> None:
    book = Book(grace_days=grace_days)
    member = book.member()
    book.grant(member, 10, expires_at=START + days(1))
    hold_id = book.hold(member, 10)
    assert hold_id is not None
    book.now = START + days(1)
    book.release(member, hold_id)
    new = book.lots(member)[-1]
    assert (new.expires_at, new.reminder) == (book.now + days(grace_days), reminder)


def test_the_grace_lot_remembers_the_order_its_points_came_from(book: Book, member: int) -> None:
    order_id = book.order(member)
    book.promise(member, 10, order_id=order_id, expires_at=START + days(5))
    book.post_due()
    hold_id = book.hold(member, 10)
    assert hold_id is not None
    book.now = START + days(6)
    book.release(member, hold_id)
    assert [lot.order_id for lot in book.lots(member)] == [order_id, order_id]


# spend, return


def test_points_that_were_spent_return_to_the_same_lots_with_their_old_dates(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    book.grant(member, 10)
    before = book.lots(member)
    spend_id = book.spend(member, 15)
    assert spend_id is not None
    assert book.moves(member)[-1] == Move("spend", "available", "spent", 15, 5)
    assert book.give_back(member, spend_id) is not None
    assert book.lots(member) == before
    assert book.moves(member)[-1] == Move("return", "spent", "available", 15, 20)


def test_a_captured_hold_can_be_returned(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(5))
    hold_id = book.hold(member, 4)
    assert hold_id is not None
    book.capture(member, hold_id)
    book.give_back(member, hold_id)
    assert book.balance(member) == available(10)
    assert book.remaining(member) == [10]


def test_what_was_spent_returns_once(book: Book, member: int) -> None:
    book.grant(member, 20)
    spend_id = book.spend(member, 10)
    assert spend_id is not None
    book.give_back(member, spend_id)
    book.spend(member, 10)
    assert book.give_back(member, spend_id) is None
    assert book.balance(member) == available(10)


def test_a_hold_that_was_not_captured_is_not_returned(book: Book, member: int) -> None:
    book.grant(member, 20)
    open_hold, released = book.hold(member, 5), book.hold(member, 5)
    assert open_hold is not None and released is not None
    book.release(member, released)
    book.spend(member, 15)  # the lot would have room for what does not belong to it
    for hold_id in (open_hold, released):
        with pytest.raises(DBAPIError):
            book.give_back(member, hold_id)
    assert book.balance(member) == available(0, on_hold=5)


def test_what_was_spent_is_not_released(book: Book, member: int) -> None:
    book.grant(member, 20)
    spend_id = book.spend(member, 5)
    book.hold(member, 5)
    assert spend_id is not None
    with pytest.raises(DBAPIError):
        book.release(member, spend_id)
    assert book.balance(member) == available(10, on_hold=5)


def test_nobody_gives_back_what_another_member_spent(book: Book, member: int) -> None:
    other = book.member()
    book.grant(member, 20)
    book.grant(other, 20)
    hold_id, spend_id = book.hold(member, 5), book.spend(member, 5)
    assert hold_id is not None and spend_id is not None
    for verb, entry_id in ((book.release, hold_id), (book.capture, hold_id), (book.give_back, spend_id)):
        with pytest.raises((DBAPIError, NoResultFound)):
            verb(other, entry_id)
    assert book.balance(other) == available(20)


# owed, settle, claw back


def test_a_spend_that_may_owe_takes_what_is_there_and_owes_the_rest(book: Book, member: int) -> None:
    book.grant(member, 10)
    book.spend(member, 15, may_owe=True)
    assert book.balance(member) == available(0, owed=-5)
    assert book.moves(member)[1:] == [Move("spend", "available", "spent", 10, 0), Move("spend", "owed", "spent", 5, 0)]


def test_who_owes_and_has_nothing_owes_more(book: Book, member: int) -> None:
    assert book.spend(member, 15, may_owe=True, key="one") is not None
    assert book.spend(member, 15, may_owe=True, key="one") is None
    book.claw_back(member, 5)
    assert book.balance(member) == available(0, owed=-20)


def test_a_claw_back_takes_the_orders_own_lots_first_even_if_others_end_sooner(book: Book, member: int) -> None:
    mine = book.order(member)
    book.grant(member, 10, expires_at=START + days(2))
    book.promise(member, 6, order_id=mine, expires_at=START + days(90))
    book.promise(member, 6, order_id=mine, expires_at=START + days(60))
    book.post_due()
    grants, late, soon = book.lots(member)
    entry_id = book.claw_back(member, 8, order_id=mine)
    assert sorted(book.lots_of(entry_id)) == [(late.id, 2), (soon.id, 6)]
    book.claw_back(member, 7, order_id=mine)
    assert book.remaining(member) == [7, 0, 0]
    assert book.moves(member)[-1] == Move("claw_back", "available", "clawed_back", 7, 7)
    assert grants.remaining == 10


def test_a_claw_back_of_more_than_is_left_is_owed(book: Book, member: int) -> None:
    order_id = book.order(member)
    book.promise(member, 100, order_id=order_id)
    book.post_due()
    book.spend(member, 80)
    book.claw_back(member, 100, order_id=order_id)
    assert book.balance(member) == available(0, owed=-80)
    assert book.moves(member)[-2:] == [
        Move("claw_back", "available", "clawed_back", 20, 0),
        Move("claw_back", "owed", "clawed_back", 80, 0),
    ]


def test_a_claw_back_takes_what_waits_for_its_reminder_before_anything_is_owed(book: Book, member: int) -> None:
    book.grant(member, 10, expires_at=START + days(8))
    book.now = START + days(9)
    book.claw_back(member, 10)
    assert book.account(member) == (0, 0, 0, 0)


def test_the_next_points_settle_what_is_owed_in_the_same_breath(book: Book, member: int) -> None:
    book.spend(member, 30, may_owe=True)
    grant_id = book.grant(member, 50, key="g", expires_at=START + days(5))
    assert book.balance(member) == available(20)
    assert book.moves(member)[1:] == [
        Move("grant", "issued", "available", 50, 50),
        Move("settle", "available", "owed", 30, 20),
    ]
    (settle,) = book.rows("select * from entry where shop_id = :shop and kind = 'settle'")
    assert (settle.source_key, settle.why) == ("g:settle", {"settles_with": str(grant_id)})
    assert book.remaining(member) == [20]


def test_points_that_are_fewer_than_what_is_owed_settle_a_part(book: Book, member: int) -> None:
    book.spend(member, 30, may_owe=True)
    book.grant(member, 10)
    assert book.balance(member) == available(0, owed=-20)
    assert book.remaining(member) == [0]


def test_posted_points_settle_one_award_after_the_other(book: Book, member: int) -> None:
    book.spend(member, 30, may_owe=True)
    for points in (20, 20, 20):
        book.promise(member, points)
    assert book.post_due() == 3
    assert [(move.kind, move.points, move.available_after) for move in book.moves(member)[4:]] == [
        ("post", 20, 20),
        ("settle", 20, 0),
        ("post", 20, 20),
        ("settle", 10, 10),
        ("post", 20, 30),
    ]
    assert book.balance(member) == available(30)


def test_released_and_returned_points_settle_too(book: Book, member: int) -> None:
    book.grant(member, 20)
    hold_id, spend_id = book.hold(member, 10), book.spend(member, 10)
    assert hold_id is not None and spend_id is not None
    book.claw_back(member, 15)
    book.release(member, hold_id)
    assert book.balance(member) == available(0, owed=-5)
    book.give_back(member, spend_id)
    assert book.balance(member) == available(5)
    assert book.remaining(member) == [5]


# Once


def test_a_source_that_was_seen_before_changes_nothing(book: Book, member: int) -> None:
    award_id = book.promise(member, 50, key="promise", due_at=START + days(1))
    assert award_id is not None
    firsts = [
        book.grant(member, 50, key="grant"),
        book.deduct(member, 5, key="deduct"),
        book.hold(member, 5, key="hold"),
        book.spend(member, 5, key="spend"),
        book.claw_back(member, 5, key="claw back"),
        book.void(award_id, 5, key="void"),
    ]
    assert None not in firsts
    before = book.account(member), book.lots(member), book.moves(member)
    seconds = [
        book.promise(member, 50, key="promise", due_at=START + days(1)),
        book.grant(member, 50, key="grant"),
        book.deduct(member, 5, key="deduct"),
        book.hold(member, 5, key="hold"),
        book.spend(member, 5, key="spend"),
        book.claw_back(member, 5, key="claw back"),
        book.void(award_id, 5, key="void"),
    ]
    assert seconds == [None] * 7
    assert (book.account(member), book.lots(member), book.moves(member)) == before


def test_a_debit_that_was_refused_may_be_tried_again_with_its_key(book: Book, member: int) -> None:
    with pytest.raises(NotEnoughPoints):
        book.deduct(member, 5, key="the same")
    book.grant(member, 5)
    assert book.deduct(member, 5, key="the same") is not None


def test_a_source_is_seen_before_even_if_there_are_too_few_points_by_now(book: Book, member: int) -> None:
    book.grant(member, 5)
    assert book.deduct(member, 5, key="the same") is not None
    assert book.deduct(member, 5, key="the same") is None


@pytest.mark.parametrize("points", [0, -5])
def test_a_movement_of_nothing_or_less_is_none(book: Book, member: int, points: int) -> None:
    book.grant(member, 10)
    award_id = book.promise(member, 10)
    assert award_id is not None
    verbs = [
        lambda: book.promise(member, points),
        lambda: book.void(award_id, points),
        lambda: book.grant(member, points),
        lambda: book.deduct(member, points),
        lambda: book.hold(member, points),
        lambda: book.claw_back(member, points),
    ]
    for verb in verbs:
        with suppress(DBAPIError):
            assert verb() is None
    assert book.balance(member) == available(10, pending=10)
    assert len(book.moves(member)) == 2


def test_all_of_this_keeps_every_invariant(book: Book, member: int) -> None:
    order_id = book.order(member)
    book.promise(member, 100, order_id=order_id, expires_at=START + days(5))
    book.post_due()
    hold_id = book.hold(member, 30)
    spend_id = book.spend(member, 30)
    assert hold_id is not None and spend_id is not None
    book.claw_back(member, 50, order_id=order_id)
    book.now = START + days(6)
    book.release(member, hold_id)
    book.give_back(member, spend_id)
    book.now = START + days(20)
    book.expire_due()
    assert book.check().violations == []
