"""A blocked member earns nothing and redeems nothing, by whatever door; what waits comes when the block is lifted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from backend import clock
from backend.db import transaction
from backend.errors import Conflict, MemberBlocked
from backend.jobs import points
from backend.jobs.schedule import SCHEDULE
from backend.ledger.posting import Author
from backend.loyalty.bonuses import claims, told_events
from backend.loyalty.members import blocking, care_log
from backend.loyalty.orders import awards
from backend.loyalty.points import adjustments
from backend.loyalty.redemptions import earned_rewards, redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from tests.conftest import NEXT_YEAR, PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import GIFT, member_with, reward, violations
from tests.widget_api.conftest import Widget

BY = Author("staff", "Ada Admin")


def block(shop: TestShop, member: int, reason: str = "A chargeback") -> None:
    with transaction() as session:
        blocking.block(session, shop.id, member, reason, BY, clock.now())


def unblock(shop: TestShop, member: int) -> None:
    with transaction() as session:
        blocking.unblock(session, shop.id, member, "It was a mistake", BY, clock.now())
    points.post_due()


def is_rung_for(job: str, shop: TestShop, time: BusinessTime) -> bool:
    """Whether the clock finds something of this shop that waits for the job."""
    asked = next(each.waits for each in SCHEDULE if each.name == job) or ""
    of_shop = f"select from ({asked.replace('%(now)s', ':now').removesuffix(' limit 1')}) waits where shop_id = :shop"
    with transaction() as session:
        return session.execute(text(of_shop), {"now": time.now, "shop": shop.id}).first() is not None


def order(shop: TestShop, id_: str, at: str, type_: str = "order.collected", subtotal: str = "1000.00") -> None:
    document = {
        "id": id_,
        "customer": {"id": "c-1"},
        "currency": "EUR",
        "created_at": at,
        "updated_at": clock.now().isoformat(),
        "subtotal": subtotal,
        "delivery_status": "collected" if type_ == "order.collected" else "pending",
    }
    if type_ == "order.collected":
        document["collected_at"] = clock.now().isoformat()
    shop.tell(type_, document)


def balance(shop: TestShop, member: int) -> dict[str, int]:
    with transaction() as session:
        row = session.execute(
            text("select pending, available from account where shop_id = :shop and member_id = :member"),
            {"shop": shop.id, "member": member},
        ).one()
    return {"pending": row.pending, "available": row.available}


def test_what_was_promised_before_waits_and_comes_when_the_block_is_lifted(shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-03-02T10:00:00+01:00")
    order(shop, "1", "2026-03-01T10:00:00+01:00")
    member = member_with(shop)
    block(shop, member)
    time.advance(days=10)
    shop.work()
    assert balance(shop, member) == {"pending": 100, "available": 0}
    assert not is_rung_for("points.post_due", shop, time), "it would be rung for ever"
    unblock(shop, member)
    assert balance(shop, member) == {"pending": 0, "available": 100}
    assert violations(shop) == []


def test_what_waits_for_the_end_of_a_block_is_nothing_to_wake_anybody_for(shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-03-02T10:00:00+01:00")
    order(shop, "1", "2026-03-01T10:00:00+01:00")
    time.advance(days=10)
    due = shop.client.get("/status").get_json()["due_awards"]["waiting"]
    block(shop, member_with(shop))
    assert shop.client.get("/status").get_json()["due_awards"]["waiting"] == due - 1


def test_what_waits_of_blocked_members_does_not_keep_others_waiting(shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-03-02T10:00:00+01:00")
    order(shop, "1", "2026-03-01T10:00:00+01:00")
    block(shop, member_with(shop))
    time.advance(days=1)
    shop.tell(
        "order.collected",
        {
            "id": "2",
            "customer": {"id": "c-2"},
            "currency": "EUR",
            "created_at": clock.now().isoformat(),
            "subtotal": "10.00",
            "collected_at": clock.now().isoformat(),
            "delivery_status": "collected",
        },
    )
    other = member_with(shop, customer="c-2")
    time.advance(days=10)
    with transaction() as session:
        assert awards.post_due(session, clock.now(), limit=1) == 1
    assert balance(shop, other)["available"] == 1


def blocked_between_order_and_collection(shop: TestShop, time: BusinessTime) -> int:
    """A member whose order from before is collected during the block, and would have brought its points by now."""
    time.set("2026-03-02T10:00:00+01:00")
    order(shop, "1", "2026-03-01T10:00:00+01:00", "order.paid")
    member = member_with(shop)
    block(shop, member)
    time.advance(days=1)
    order(shop, "1", "2026-03-01T10:00:00+01:00")
    time.advance(days=9)
    shop.work()
    return member


def test_an_order_that_was_placed_before_and_is_collected_meanwhile_waits_as_well(
    shop: TestShop, time: BusinessTime
) -> None:
    member = blocked_between_order_and_collection(shop, time)
    assert balance(shop, member) == {"pending": 100, "available": 0}
    unblock(shop, member)
    assert balance(shop, member) == {"pending": 0, "available": 100}
    assert violations(shop) == []


def test_an_order_that_is_placed_meanwhile_earns_nothing_for_good(shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-03-02T10:00:00+01:00")
    member = member_with(shop)
    block(shop, member)
    time.advance(days=1)
    order(shop, "1", clock.now().isoformat())
    assert balance(shop, member) == {"pending": 0, "available": 0}
    time.advance(days=1)
    unblock(shop, member)
    order(shop, "1", "2026-03-03T10:00:00+01:00")
    assert balance(shop, member) == {"pending": 0, "available": 0}
    time.advance(minutes=1)
    order(shop, "2", clock.now().isoformat())
    assert balance(shop, member)["pending"] == 100
    assert violations(shop) == []


FIRST_ORDER = {"rules": [{"id": "first", "kind": "first_order", "points": 25, "title": {"en": "Your first order"}}]}


def test_the_bonus_of_a_first_order_that_was_placed_before_waits_with_its_points(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    time.set("2026-03-01T09:00:00+01:00")
    shop = new_shop({**PROGRAM, **FIRST_ORDER})
    member = blocked_between_order_and_collection(shop, time)
    assert balance(shop, member) == {"pending": 125, "available": 0}
    unblock(shop, member)
    assert balance(shop, member) == {"pending": 0, "available": 125}
    assert violations(shop) == []


def test_a_first_order_that_is_placed_meanwhile_brings_no_bonus_for_good(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    time.set("2026-03-01T09:00:00+01:00")
    shop = new_shop({**PROGRAM, **FIRST_ORDER})
    time.set("2026-03-02T10:00:00+01:00")
    member = member_with(shop)
    block(shop, member)
    time.advance(days=1)
    order(shop, "1", clock.now().isoformat())
    time.advance(days=1)
    unblock(shop, member)
    order(shop, "1", "2026-03-03T10:00:00+01:00")
    time.advance(minutes=1)
    order(shop, "2", clock.now().isoformat())
    assert balance(shop, member) == {"pending": 100, "available": 0}
    assert violations(shop) == []


def test_the_widget_says_so_kindly_and_open_sessions_end(shop: TestShop) -> None:
    member, widget = member_with(shop, 100), Widget(shop)
    widget.me()
    block(shop, member)
    for path in ("me", "me/activity", "me/redemptions", "me/referral"):
        assert widget.call(path).status_code == 401
    answer = shop.client.post(
        f"/widget/v1/{widget.key}/session", json={"identity": widget.identity()}, headers={"Accept-Language": "de"}
    )
    assert answer.status_code == 409
    assert answer.json["code"] == "member_blocked"
    assert answer.json["detail"] == "Du nimmst zurzeit nicht teil. Frag uns gern, wir helfen weiter."
    unblock(shop, member)
    assert widget.begin().status_code == 200


def test_nothing_is_redeemed_by_the_widget_or_by_the_team(shop: TestShop) -> None:
    member, made = member_with(shop, 1000), reward(shop, GIFT)
    block(shop, member)
    with pytest.raises(Exception, match="session has been ended"):
        redemptions.redeem(shop.facts, Redeemer(member, Author("customer"), 1), made.id, {}, "a-key", clock.now())
    with pytest.raises(MemberBlocked), transaction() as session:
        redemptions.redeem_within(session, shop.facts, Redeemer(member, BY), made.id, {}, "b-key", clock.now())


def test_points_by_hand_can_be_taken_and_not_be_added(shop: TestShop) -> None:
    member = member_with(shop, 100)
    block(shop, member)
    with pytest.raises(MemberBlocked), transaction() as session:
        adjustments.adjust(session, shop.id, member, 50, "Sorry", BY, "one", clock.now())
    with transaction() as session:
        adjustments.adjust(session, shop.id, member, -30, "Misuse", BY, "two", clock.now())
    assert balance(shop, member)["available"] == 70


def test_the_merchant_api_refuses_with_a_code_and_lists_who_is_blocked(shop: TestShop) -> None:
    member = member_with(shop, 100)
    block(shop, member)
    headers = {"Authorization": f"Bearer {shop.made.api_key}", "Idempotency-Key": "a-key-of-sixteen"}
    answer = shop.client.post(
        f"/api/v1/members/{member}/adjustments", json={"points": 5, "reason": "Sorry"}, headers=headers
    )
    assert (answer.status_code, answer.json["code"]) == (409, "member_blocked")
    listed = shop.client.get("/api/v1/members?status=blocked", headers=headers).json["items"]
    assert [each["id"] for each in listed] == [str(member)]


RULES = {
    "rules": [
        {"id": "visit", "kind": "visit", "points": 5, "title": {"en": "Look in"}, "limit": {"times": 9}},
        {"id": "review", "kind": "event", "event": "review", "points": 5, "title": {"en": "Review"}},
        {"id": "cake", "kind": "birthday", "points": 5, "title": {"en": "Birthday"}},
        {"id": "hello", "kind": "signup", "points": 5, "title": {"en": "Hello"}},
    ]
}


@pytest.fixture
def with_rules(new_shop: Callable[..., TestShop]) -> TestShop:
    return new_shop({**PROGRAM, **RULES})


def test_no_rule_of_the_program_gives_anything(with_rules: TestShop, time: BusinessTime) -> None:
    shop = with_rules
    time.set(f"{NEXT_YEAR}-05-01T10:00:00+02:00")
    member = member_with(shop)
    with transaction() as session:
        session.execute(
            text("update member set birthday = '1990-05-03', birthday_since = :at where shop_id = :shop"),
            {"shop": shop.id, "at": clock.now() - timedelta(days=400)},
        )
    block(shop, member)
    time.advance(minutes=1)
    with pytest.raises(MemberBlocked), transaction() as session:
        claims.claim(session, shop.facts, member, "visit", None, "en", clock.now())
    with pytest.raises(MemberBlocked), transaction() as session:
        told_events.tell(
            session, shop.facts, member, "review", external_id="r-1", at=clock.now(), reason=None, now=clock.now()
        )
    shop.tell("customer.created", {"id": "c-1", "created_at": clock.now().isoformat()})
    time.advance(days=3)
    points.birthdays()
    assert balance(shop, member) == {"pending": 0, "available": 0}
    unblock(shop, member)
    with transaction() as session:
        claims.claim(session, shop.facts, member, "visit", None, "en", clock.now())
    points.post_due()
    assert balance(shop, member)["available"] == 5


def test_what_a_rule_pays_for_goes_by_when_it_happened_and_not_by_when_it_is_told(
    with_rules: TestShop, time: BusinessTime
) -> None:
    shop = with_rules
    time.advance(hours=1)
    signed_up = clock.now()
    time.advance(hours=1)
    member = member_with(shop)
    block(shop, member)
    time.advance(hours=1)
    meanwhile = clock.now()
    shop.tell("customer.created", {"id": "c-1", "created_at": signed_up.isoformat()})
    assert balance(shop, member) == {"pending": 5, "available": 0}
    time.advance(hours=1)
    unblock(shop, member)
    assert balance(shop, member) == {"pending": 0, "available": 5}
    with transaction() as session:
        answer = told_events.tell(
            session, shop.facts, member, "review", external_id="r-1", at=meanwhile, reason=None, now=clock.now()
        )
    assert (answer["given"], answer["refused"][0]["message"]) == ([], "The member was blocked at that time.")
    assert balance(shop, member)["available"] == 5
    assert violations(shop) == []


def test_lifting_a_block_reads_no_referrals_of_others(shop: TestShop) -> None:
    member = member_with(shop)
    block(shop, member)
    asked: list[tuple[str, Any]] = []

    def note(*given: Any) -> None:
        if "update referral " in given[2]:
            asked.append(given[2:4])

    with transaction() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", note)
        blocking.unblock(session, shop.id, member, "It was a mistake", BY, clock.now())
        event.remove(connection, "before_cursor_execute", note)
        ((statement, parameters),) = asked
        plan = "\n".join(connection.exec_driver_sql(f"explain {statement}", parameters).scalars())
    assert "SubPlan" not in plan, f"asked of every row, which no index helps with: {plan}"


def test_no_reward_is_earned(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop, GIFT)
    block(shop, member)
    with transaction() as session:
        given = earned_rewards.give(
            session, shop.facts, member, made.id, key="a", occasion={"rule": "tier"}, now=clock.now()
        )
        assert given is None


def test_who_blocked_whom_when_and_why_is_kept(shop: TestShop) -> None:
    member = member_with(shop)
    block(shop, member, "A chargeback")
    with pytest.raises(Conflict, match="blocked already"):
        block(shop, member)
    unblock(shop, member)
    with pytest.raises(Conflict, match="not blocked"):
        unblock(shop, member)
    with transaction() as session:
        kept: list[Any] = [
            (each["what"], each["reason"], each["actor_name"]) for each in care_log.of_member(session, shop.id, member)
        ]
    assert kept == [("unblock", "It was a mistake", "Ada Admin"), ("block", "A chargeback", "Ada Admin")]
