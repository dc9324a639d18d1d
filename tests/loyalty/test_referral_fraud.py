"""Who is not a friend: oneself, a ring, somebody who was here before; and what a person looks at first (F-34)."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.errors import Conflict
from backend.jobs import points
from backend.ledger.posting import Author
from backend.loyalty import name_locks
from backend.loyalty.members import members
from backend.loyalty.referrals import referral_reviews, referral_visits, referrals
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.referral_world import (
    advocate,
    available,
    code_of,
    collected,
    join,
    of_referral,
    open_widget,
    opened,
    order,
    program,
    referral,
    settle,
    state,
)
from tests.loyalty.rewards_world import rows, violations

HOME = {"line1": "1 Rue de la Paix", "city": "Paris", "postal_code": "75002", "country": "FR"}


@pytest.fixture
def make(new_shop: Callable[..., TestShop], time: BusinessTime) -> Callable[..., TestShop]:
    """For shops that pay for sign-ups."""
    return partial(opened, new_shop, time, reward_when="registered", hold_days=0)


@pytest.fixture
def shop(make: Callable[..., TestShop]) -> TestShop:
    return make()


def nobody_got_anything(shop: TestShop) -> bool:
    settle()
    return not rows(shop, "select 1 from bonus where shop_id = :shop and state = 'given'") and violations(shop) == []


# Oneself


def test_nobody_is_their_own_friend(shop: TestShop) -> None:
    ada, code = advocate(shop)
    open_widget(shop, ada, code)
    shop.tell("customer.updated", {"id": "ada", "referral_code": code})
    row = referral(shop, ada)
    assert (state(shop, ada), row.evidence) == ("self", {"signals": ["account"]})
    assert nobody_got_anything(shop)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ("ada@example.com", "Ada@Example.com"),
        ("ada@example.com", "ada+again@example.com"),
        ("ada+shop@example.com", "ada+2@example.com"),
        ("ada.lovelace@gmail.com", "adalovelace@gmail.com"),
        ("adalovelace@gmail.com", "a.d.a.lovelace+x@googlemail.com"),
    ],
)
def test_the_same_mailbox_is_the_same_person(shop: TestShop, mine: str, other: str) -> None:
    ada = join(shop, "ada", email=mine)
    bea = join(shop, "bea", code_of(shop, ada), email=other)
    row = referral(shop, bea)
    assert (state(shop, bea), row.evidence) == ("self", {"signals": ["email"]})
    assert nobody_got_anything(shop)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ("ada.lovelace@example.com", "adalovelace@example.com"),  # only gmail reads over dots
        ("ada@example.com", "ada@example.org"),
    ],
)
def test_other_mailboxes_are_other_people(shop: TestShop, mine: str, other: str) -> None:
    ada = join(shop, "ada", email=mine)
    bea = join(shop, "bea", code_of(shop, ada), email=other)
    assert state(shop, bea) == "qualified"


@pytest.mark.parametrize(
    "other", ["+33 1 23 45 67 89", "0033-1-23456789", "33123456789", "01 23 45 67 89", "+33 (0)1 23 45 67 89"]
)
def test_the_same_telephone_is_the_same_person(shop: TestShop, other: str) -> None:
    _, code = advocate(shop, phone="+33123456789")
    bea = join(shop, "bea", code, phone=other)
    assert (state(shop, bea), referral(shop, bea).evidence) == ("self", {"signals": ["phone"]})
    assert nobody_got_anything(shop)


def test_another_telephone_is_another_person(shop: TestShop) -> None:
    _, code = advocate(shop, phone="+33123456789")
    assert state(shop, join(shop, "bea", code, phone="01 23 45 67 88")) == "qualified"


def test_a_telephone_too_short_to_be_one_says_nothing(shop: TestShop) -> None:
    _, code = advocate(shop, phone="000")
    assert state(shop, join(shop, "bea", code, phone="000")) == "qualified"


@pytest.mark.parametrize("who", ["ada", "bea"])
def test_what_turns_out_later_to_be_one_person_is_taken_back(shop: TestShop, time: BusinessTime, who: str) -> None:
    ada, code = advocate(shop)
    bea = join(shop, "bea", code, email="bea@example.com")
    settle()
    assert (available(shop, ada), available(shop, bea)) == (100, 50)
    time.advance(minutes=1)
    other = {"ada": "bea@example.com", "bea": "ada+x@example.com"}[who]
    shop.tell("customer.updated", {"id": who, "email": other})
    points.reward_referrals()
    assert (state(shop, bea), available(shop, ada), available(shop, bea)) == ("self", 0, 0)
    assert nobody_got_anything(shop)


def test_two_accounts_that_the_platform_merges_are_one_person(shop: TestShop) -> None:
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    settle()
    with transaction() as session:
        referrals.merged(session, shop.facts, ada, bea, clock.now())
    assert (state(shop, bea), referral(shop, bea).evidence) == ("self", {"signals": ["merged"]})
    assert nobody_got_anything(shop)


def test_a_friend_who_is_merged_with_an_older_customer_was_not_new(shop: TestShop, time: BusinessTime) -> None:
    old = join(shop, "old")
    time.advance(minutes=1)
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    settle()
    with transaction() as session:
        referrals.merged(session, shop.facts, old, bea, clock.now())
    assert (state(shop, bea), available(shop, ada), available(shop, bea)) == ("existing", 0, 0)
    assert violations(shop) == []


# Rings


def test_a_friend_cannot_bring_their_advocate(shop: TestShop) -> None:
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    open_widget(shop, ada, code_of(shop, bea))
    assert (state(shop, bea), state(shop, ada)) == ("qualified", "cycle")
    assert referral(shop, ada).evidence == {"signals": ["ring"]}
    settle()
    assert (of_referral(shop, ada), of_referral(shop, bea)) == (100, 50)
    assert violations(shop) == []


def test_a_longer_ring_is_refused_where_it_would_close(shop: TestShop) -> None:
    first, code = advocate(shop)
    last = code
    for number in range(6):
        last = code_of(shop, join(shop, f"friend-{number}", last))
    open_widget(shop, first, last)
    assert state(shop, first) == "cycle"
    assert violations(shop) == []


def test_a_chain_is_no_ring(shop: TestShop) -> None:
    _, code = advocate(shop)
    bea = join(shop, "bea", code)
    cleo = join(shop, "cleo", code_of(shop, bea))
    assert (state(shop, bea), state(shop, cleo)) == ("qualified", "qualified")


# Who was here before


def test_who_has_ordered_before_is_not_new(shop: TestShop, time: BusinessTime) -> None:
    _, code = advocate(shop)
    bea = join(shop, "bea")
    order(shop, "bea")
    time.advance(hours=2)
    open_widget(shop, bea, code)
    assert (state(shop, bea), referral(shop, bea).evidence) == ("existing", {"signals": ["order"]})
    assert nobody_got_anything(shop)


def test_who_ordered_as_a_guest_before_is_not_new(shop: TestShop, time: BusinessTime) -> None:
    _, code = advocate(shop)
    guest = {"id": "o-1", "customer": {"email": "bea@example.com"}, "currency": "EUR", "subtotal": "10.00",
             "created_at": clock.now().isoformat()}  # fmt: skip
    shop.tell("order.created", guest)
    time.advance(hours=2)
    bea = join(shop, "bea", code, email="Bea@example.com")
    assert (state(shop, bea), referral(shop, bea).evidence) == ("existing", {"signals": ["order"]})


def test_a_guests_order_that_is_told_late_counts_just_as_well(shop: TestShop, time: BusinessTime) -> None:
    _, code = advocate(shop)
    ordered_at = clock.now().isoformat()
    time.advance(hours=2)
    bea = join(shop, "bea", code, email="bea@example.com")
    settle()
    guest = {"id": "o-1", "customer": {"email": "bea@example.com"}, "currency": "EUR", "subtotal": "10.00",
             "created_at": ordered_at}  # fmt: skip
    shop.tell("order.created", guest)
    points.reward_referrals()
    assert state(shop, bea) == "existing"
    assert nobody_got_anything(shop)


def test_an_order_that_turns_out_to_be_another_members_speaks_against_nobody(
    shop: TestShop, time: BusinessTime
) -> None:
    _, code = advocate(shop)
    join(shop, "somebody")
    told = order(shop, "bea", created_at=(clock.now() - timedelta(days=2)).isoformat())
    bea = join(shop, "bea", code)
    assert state(shop, bea) == "existing"
    time.advance(minutes=1)
    shop.tell("order.updated", told | {"customer": {"id": "somebody"}})
    assert state(shop, bea) == "qualified"


def test_who_signs_up_while_buying_is_new(shop: TestShop, time: BusinessTime) -> None:
    _, code = advocate(shop)
    order(shop, "bea")
    time.advance(minutes=10)
    bea = join(shop, "bea", code)
    assert state(shop, bea) == "qualified"


def test_an_account_older_than_thirty_days_is_not_new(shop: TestShop, time: BusinessTime) -> None:
    _, code = advocate(shop)
    old, young = join(shop, "old"), join(shop, "young")
    time.advance(days=29)
    open_widget(shop, young, code)
    assert state(shop, young) == "qualified"
    time.advance(days=2)
    open_widget(shop, old, code)
    assert (state(shop, old), referral(shop, old).evidence) == ("existing", {"signals": ["account_age"]})


def test_who_was_first_seen_in_the_widget_is_found_out_when_the_store_says_since_when(shop: TestShop) -> None:
    ada, code = advocate(shop)
    with transaction() as session:
        bea = members.see_in_widget(session, shop.id, members.WidgetVisitor("bea"), clock.now()).id
    open_widget(shop, bea, code)
    settle()
    assert (state(shop, bea), available(shop, ada)) == ("rewarded", 100)
    shop.tell("customer.updated", {"id": "bea", "created_at": (clock.now() - timedelta(days=400)).isoformat()})
    assert (state(shop, bea), available(shop, ada)) == ("existing", 0)
    assert nobody_got_anything(shop)


def test_an_old_customer_whose_profile_brings_a_code_is_not_new(shop: TestShop, time: BusinessTime) -> None:
    """The code of a profile that is told again says nothing of the day of the sign-up."""
    _, code = advocate(shop)
    made_at = clock.now().isoformat()
    join(shop, "bea")
    time.advance(days=60)
    shop.tell("customer.updated", {"id": "bea", "created_at": made_at, "referral_code": code})
    (row,) = rows(shop, "select reason from referral where shop_id = :shop")
    assert row.reason == "existing"


def test_a_second_account_of_somebody_is_not_new(shop: TestShop, time: BusinessTime) -> None:
    _, code = advocate(shop)
    bea = join(shop, "bea", code, email="bea+1@example.com")
    time.advance(minutes=1)
    again = join(shop, "bea-again", code, email="bea+2@example.com")
    assert (state(shop, bea), state(shop, again)) == ("qualified", "existing")
    assert referral(shop, again).evidence == {"signals": ["older_account"]}


def test_an_older_account_that_is_told_of_later_counts_just_as_well(shop: TestShop, time: BusinessTime) -> None:
    ada, code = advocate(shop)
    bea = join(shop, "bea", code, email="bea+1@example.com")
    settle()
    assert available(shop, ada) == 100
    long_ago = (clock.now() - timedelta(days=400)).isoformat()
    join(shop, "bea-before", email="bea@example.com", created_at=long_ago)
    settle()
    assert (state(shop, bea), available(shop, ada), available(shop, bea)) == ("existing", 0, 0)
    assert violations(shop) == []


# The program


def test_without_referrals_in_the_program_of_that_moment_nothing_counts(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = new_shop(PROGRAM)
    time.advance(days=1)
    _, code = advocate(shop)
    bea = join(shop, "bea", code)
    time.advance(days=1)
    shop.set_program(**program(reward_when="registered", hold_days=0))
    time.advance(days=1)
    shop.tell("customer.updated", {"id": "bea", "first_name": "Bea"})
    assert state(shop, bea) == "off"
    cleo = join(shop, "cleo", code)
    assert state(shop, cleo) == "qualified"


def test_the_terms_are_those_of_the_moment_at_which_the_friend_came(shop: TestShop, time: BusinessTime) -> None:
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    time.advance(days=1)
    shop.set_program(**program(reward_when="registered", advocate={"points": 7}))
    shop.tell("customer.updated", {"id": "bea", "first_name": "Bea"})
    settle()
    assert (of_referral(shop, ada), state(shop, bea)) == (100, "rewarded")


# Caps


@pytest.mark.parametrize(("cap", "later"), [("per_day", {"days": 1}), ("per_month", {"days": 31}), ("total", None)])
def test_so_many_friends_bring_something_and_no_more(
    make: Callable[..., TestShop], time: BusinessTime, cap: str, later: dict[str, float] | None
) -> None:
    shop = make(caps={"per_day": None, cap: 2}, households=True)
    _ada, code = advocate(shop)
    friends = [join(shop, f"friend-{number}", code) for number in range(3)]
    settle()
    assert [state(shop, friend) for friend in friends] == ["rewarded", "rewarded", "cap"]
    assert referral(shop, friends[2]).evidence == {"cap": cap, "most": 2}
    assert of_referral(shop, friends[2]) == 0
    time.advance(**(later or {"days": 400}))
    next_one = join(shop, "next", code)
    assert state(shop, next_one) == ("cap" if later is None else "qualified")
    shop.tell("customer.updated", {"id": "friend-2", "first_name": "Finn"})
    assert state(shop, friends[2]) == "cap"
    assert violations(shop) == []


def test_a_day_is_the_shops_own(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    time.set("2026-06-01T12:00:00+00:00")
    shop = new_shop(
        program(reward_when="registered", caps={"per_day": 1}, households=True), timezone_name="Asia/Taipei"
    )
    time.set("2026-06-02T15:50:00+00:00")  # 23:50 in Taipei
    _, code = advocate(shop)
    one = join(shop, "one", code)
    time.set("2026-06-02T16:10:00+00:00")
    other = join(shop, "other", code)
    assert (state(shop, one), state(shop, other)) == ("qualified", "qualified")


# What a person looks at first


def decide(shop: TestShop, friend: int, decision: Any, reason: str | None = None) -> Any:
    which = referral(shop, friend).id
    with transaction() as session:
        referral_reviews.decide(session, shop.facts, which, decision, reason, Author("staff", "Eve"), clock.now())
    settle()
    return referral(shop, friend)


def test_a_household_waits_for_the_merchant_and_the_evidence_names_no_address(shop: TestShop) -> None:
    ada, code = advocate(shop, address=HOME)
    bea = join(shop, "bea", code, address={**HOME, "line1": "1, rue de la paix", "country": "France"})
    settle()
    row = referral(shop, bea)
    assert (row.state, row.review, row.evidence) == ("qualified", "waiting", {"review": ["address"]})
    assert nobody_got_anything(shop)
    row = decide(shop, bea, "approved", "they are sisters")
    assert (row.state, row.review, row.reviewed_by, row.review_reason) == (
        "rewarded",
        "approved",
        "Eve",
        "they are sisters",
    )
    assert (available(shop, ada), available(shop, bea)) == (100, 50)
    assert violations(shop) == []


def test_what_the_merchant_refuses_brings_nothing_and_is_taken_back_if_it_had(shop: TestShop) -> None:
    ada, code = advocate(shop, address=HOME)
    bea = join(shop, "bea", code, address=HOME)
    row = decide(shop, bea, "refused", "the same person")
    assert (row.state, row.reason, row.review) == ("rejected", "review", "refused")
    row = decide(shop, bea, "approved")
    assert (row.state, available(shop, ada)) == ("rewarded", 100)
    row = decide(shop, bea, "refused")
    assert (row.state, row.reason, available(shop, ada), available(shop, bea)) == ("rejected", "review", 0, 0)
    assert nobody_got_anything(shop)


def test_what_the_rules_have_decided_is_not_the_merchants(shop: TestShop) -> None:
    ada, code = advocate(shop)
    open_widget(shop, ada, code)
    for decision in ("approved", "refused"):
        with pytest.raises(Conflict) as caught:
            decide(shop, ada, decision)
        assert caught.value.code == "not_reviewable"
    bea = join(shop, "bea", code)
    with pytest.raises(Conflict):
        decide(shop, bea, "approved")
    assert decide(shop, bea, "refused").reason == "review"


def test_households_are_allowed_by_a_setting(make: Callable[..., TestShop]) -> None:
    shop = make(households=True)
    _, code = advocate(shop, address=HOME)
    bea = join(shop, "bea", code, address=HOME)
    settle()
    assert (state(shop, bea), referral(shop, bea).review) == ("rewarded", "none")


@pytest.mark.parametrize("address", [{"country": "FR"}, {"city": "Paris"}, {}, {"line1": " "}])
def test_the_same_town_is_no_household(shop: TestShop, address: dict[str, str]) -> None:
    _, code = advocate(shop, address=address)
    assert referral(shop, join(shop, "bea", code, address=address)).review == "none"


def test_the_same_connection_is_looked_at_and_never_refused(shop: TestShop, time: BusinessTime) -> None:
    ada, code = advocate(shop)
    with transaction() as session:
        bea = members.see_in_widget(session, shop.id, members.WidgetVisitor("bea"), clock.now()).id
        for member in (ada, bea):
            referral_visits.note_connection(session, shop.id, member, b"the same", clock.now())
    open_widget(shop, bea, code)
    row = referral(shop, bea)
    assert (row.state, row.review, row.evidence) == ("qualified", "waiting", {"review": ["connection"]})


def test_a_connection_that_is_seen_before_the_hold_is_over_is_looked_at_too(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    """The store tells of a sign-up before the friend has opened the widget for the first time."""
    shop = make(hold_days=14)
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    for member in (ada, bea):
        with transaction() as session:
            referrals.connected(session, shop.id, member, b"the same", clock.now())
    points.reward_referrals()
    row = referral(shop, bea)
    assert (row.state, row.review, row.evidence) == ("qualified", "waiting", {"review": ["connection"]})
    time.advance(days=15)
    assert nobody_got_anything(shop)
    with transaction() as session:
        referral_reviews.decide(session, shop.facts, row.id, "approved", None, Author("staff", "Zoe"), clock.now())
    settle()
    assert (available(shop, ada), available(shop, bea)) == (100, 50)


def test_a_connection_that_is_seen_after_the_hold_changes_nothing(shop: TestShop) -> None:
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    settle()
    for member in (ada, bea):
        with transaction() as session:
            referrals.connected(session, shop.id, member, b"the same", clock.now())
    settle()
    assert (state(shop, bea), available(shop, ada), available(shop, bea)) == ("rewarded", 100, 50)


def test_many_friends_within_an_hour_are_looked_at(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make(caps={"per_day": None})
    _, code = advocate(shop)
    friends = []
    for number in range(6):
        time.advance(minutes=1)
        friends.append(join(shop, f"friend-{number}", code))
    assert [referral(shop, friend).review for friend in friends] == ["none"] * 5 + ["waiting"]
    assert referral(shop, friends[5]).evidence == {"review": ["burst"]}
    time.advance(hours=2)
    assert referral(shop, join(shop, "later", code)).review == "none"


def test_somebody_who_waits_for_a_review_takes_a_place_of_the_cap(make: Callable[..., TestShop]) -> None:
    shop = make(caps={"per_day": 1})
    _, code = advocate(shop, address=HOME)
    bea, cleo = join(shop, "bea", code, address=HOME), join(shop, "cleo", code)
    assert (referral(shop, bea).review, state(shop, cleo)) == ("waiting", "cap")


def test_no_evidence_holds_anything_personal(shop: TestShop) -> None:
    _ada, code = advocate(shop, phone="+33123456789", address=HOME, first_name="Ada")
    join(shop, "bea", code, phone="+33123456789", email="ada+1@example.com", address=HOME)
    join(shop, "cleo", code, address=HOME)
    said = " ".join(
        str(tuple(row)) for row in rows(shop, "select evidence, review_reason from referral where shop_id = :shop")
    )
    for personal in ("example", "33123", "Rue", "Paris", "Ada"):
        assert personal not in said


def test_a_collected_order_by_a_refused_friend_brings_only_its_own_points(shop: TestShop) -> None:
    ada, code = advocate(shop)
    join(shop, "bea", code, email="ada+1@example.com")
    collected(shop, "bea")
    assert of_referral(shop, ada) == 0


def test_a_link_that_comes_while_others_sign_up_is_judged_by_the_job(shop: TestShop) -> None:
    """A page does not wait for a batch of sign-ups: what it said is kept, and judged right after."""
    _, code = advocate(shop)
    bea = join(shop, "bea")
    with db.engine.connect() as another:
        another.execute(text("select pg_advisory_lock(:key)"), {"key": name_locks.key(shop.id, *referrals.LINKS)})
        open_widget(shop, bea, code)
        assert state(shop, bea) is None
        another.execute(text("select pg_advisory_unlock_all()"))
    settle()
    assert state(shop, bea) == "qualified"
    assert rows(shop, "select 1 from referral_claim where shop_id = :shop and waits") == []
