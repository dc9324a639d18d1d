"""Segments: members who meet the same conditions, counted exactly, and up to date within seconds."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import BadInput, Conflict, Contradiction, NotFound
from backend.jobs import points
from backend.loyalty.program import programs
from backend.loyalty.segments import segment_judging, segments
from backend.models import Segment
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, GIFT, member_with, redeem, reward, rows
from tests.loyalty.tiers_world import buy, earn, enrol, program

NewShop = Callable[..., TestShop]


def condition(attribute: str, operator: str, value: Any = None) -> list[dict[str, Any]]:
    return [{"conditions": [{"attribute": attribute, "operator": operator, "value": value}]}]


RICH = condition("Available Points", "At least", 100)
FRENCH = condition("Country", "Equals", "FR")


def segment(shop: TestShop, rules: Any, segment_id: str = "chosen") -> Segment:
    with transaction() as session:
        made = segments.create(session, shop.id, segment_id, segment_id.title(), rules, clock.now())
    points.segments()
    return made


def members_of(shop: TestShop, segment_id: str = "chosen") -> list[int]:
    """Who is in it, by the rows; the members themselves must say the same, and the count as many."""
    by_rows = rows(
        shop,
        "select s.member_id from segment_member s join segment g on g.shop_id = s.shop_id and g.number = s.segment_number"
        " where s.shop_id = :shop and g.id = :segment order by 1",
        segment=segment_id,
    )
    by_members = rows(
        shop,
        "select id from member where shop_id = :shop and segments @> array[:segment] order by id",
        segment=segment_id,
    )
    found = [row.member_id for row in by_rows]
    assert found == [row.id for row in by_members]
    assert [
        row.members_count
        for row in rows(shop, "select members_count from segment where id = :s and shop_id = :shop", s=segment_id)
    ] == [len(found)]
    return found


def test_making_a_segment_finds_its_members_and_counts_them(shop: TestShop, time: BusinessTime) -> None:
    poor, rich = member_with(shop, 99, "c-1"), member_with(shop, 100, "c-2")
    made = segment(shop, RICH)
    assert members_of(shop) == [rich]
    assert poor not in members_of(shop)
    with transaction() as session:
        counted_at = segments.find(session, shop.id, made.id).counted_at
    assert counted_at is not None


def test_it_is_not_counted_until_everybody_has_been_judged(shop: TestShop) -> None:
    with transaction() as session:
        made = segments.create(session, shop.id, "new", "New", RICH, clock.now())
        assert (made.members_count, made.counted_at) == (0, None)


def test_changing_the_rules_finds_other_members_and_changing_the_name_does_not(
    shop: TestShop, time: BusinessTime
) -> None:
    poor, rich = member_with(shop, 99, "c-1"), member_with(shop, 100, "c-2")
    segment(shop, RICH)
    with transaction() as session:
        assert segments.update(session, shop.id, "chosen", clock.now(), name="Rich").counted_at is not None
    assert members_of(shop) == [rich]
    with transaction() as session:
        changed = segments.update(
            session, shop.id, "chosen", clock.now(), rules=condition("Available Points", "At most", 99)
        )
        assert changed.counted_at is None
    points.segments()
    assert members_of(shop) == [poor]


def test_a_profile_an_order_points_and_a_level_change_who_is_in_it(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    segment(shop, FRENCH, "french")
    segment(shop, condition("Orders Count", "At least", 1), "buyers")
    segment(shop, RICH, "rich")
    segment(shop, condition("Tier", "Equals", "silver"), "silver")
    points.segments()
    assert [members_of(shop, each) for each in ("french", "buyers", "rich", "silver")] == [[], [], [], []]
    shop.tell("customer.updated", {"id": "c-1", "address": {"country_code": "FR"}})
    points.segments()
    assert members_of(shop, "french") == [member]
    buy(shop, "50.00")
    points.segments()
    assert members_of(shop, "buyers") == [member]
    earn(shop, member, 60)
    time.advance(seconds=6)
    points.segments()
    assert (members_of(shop, "rich"), members_of(shop, "silver")) == ([member], [member])
    redeem(shop, member, reward(shop, FIVE_OFF, points_to_be_redeemed=50))
    time.advance(seconds=6)
    points.segments()
    assert (members_of(shop, "rich"), members_of(shop, "buyers")) == ([], [member])


def test_a_new_member_is_judged(shop: TestShop, time: BusinessTime) -> None:
    segment(shop, [])
    member = member_with(shop)
    points.segments()
    assert members_of(shop) == [member]


def test_an_entry_that_is_committed_late_is_met_a_minute_later(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 10)
    segment(shop, RICH)
    points.segments()
    member_with(shop, 200)
    with transaction() as session:  # as if the newest had been seen, and this one, numbered before it, had not
        session.execute(
            text("update segment_walk set scanned_entry_id = scanned_entry_id + 1000 where shop_id = :shop"),
            {"shop": shop.id},
        )
    time.advance(seconds=6)
    points.segments()
    time.advance(seconds=60)
    points.segments()
    time.advance(seconds=61)
    points.segments()
    assert members_of(shop) == [member]


def test_each_night_everybody_is_judged_again(shop: TestShop, time: BusinessTime) -> None:
    """At the shop's midnight. What ended without anybody having told us is found then."""
    time.set("2026-06-10T12:00:00+02:00")
    member = member_with(shop)
    segment(shop, FRENCH)
    with transaction() as session:
        session.execute(
            text("""update member set address = '{"country": "France"}' where shop_id = :shop"""),
            {"shop": shop.id},
        )
    points.segments()
    assert members_of(shop) == []
    time.set("2026-06-10T23:59:00+02:00")
    points.segments()
    assert members_of(shop) == []
    time.set("2026-06-11T00:00:01+02:00")
    points.segments()
    assert members_of(shop) == [member]


def test_everybody_is_judged_in_batches(shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_judging, "JUDGED_AT_ONCE", 3)
    monkeypatch.setattr(segment_judging, "NOTED_AT_ONCE", 5)
    everybody = [member_with(shop, 100, f"c-{number}") for number in range(12)]
    segment(shop, RICH)
    assert members_of(shop) == everybody


def test_an_erased_member_is_in_no_segment(shop: TestShop, time: BusinessTime) -> None:
    member_with(shop)
    segment(shop, [])
    shop.tell("customer.redacted", {"id": "c-1"})
    assert members_of(shop) == []
    points.segments()
    assert members_of(shop) == []


def test_dropping_a_segment_takes_it_off_its_members_and_its_id_may_be_used_again(
    shop: TestShop, time: BusinessTime
) -> None:
    member = member_with(shop, 100)
    segment(shop, RICH)
    with transaction() as session:
        segments.delete(session, shop.id, "chosen", clock.now())
    points.segments()
    assert rows(shop, "select segments from member where shop_id = :shop")[0].segments == []
    assert rows(shop, "select 1 from segment_walk where shop_id = :shop") == []
    segment(shop, RICH)
    assert members_of(shop) == [member]


def test_a_segment_that_something_is_for_cannot_be_dropped(shop: TestShop, time: BusinessTime) -> None:
    segment(shop, [])
    reward(shop, target={"type": "segment", "segments": ["Chosen"]})
    reward(
        shop,
        GIFT,
        member_eligibility_rules=condition("Segments", "Contain any of", ["chosen", "other"]),
    )
    shop.set_program(
        rules=[
            {
                "id": "tell-a-friend",
                "kind": "event",
                "event": "told",
                "points": 1,
                "title": {"en": "Tell"},
                "eligibility": condition("Segments", "Contain all of", ["chosen"]),
            }
        ]
    )
    programs.forget_current()
    with pytest.raises(Conflict, match="5 off, Water bottle, tell-a-friend") as refused, transaction() as session:
        segments.delete(session, shop.id, "chosen", clock.now())
    assert refused.value.code == "in_use"


def test_a_reward_for_a_segment_opens_to_its_members(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 600)
    for_them = reward(shop, target={"type": "segment", "segments": ["chosen"]})
    with pytest.raises(Conflict, match="chosen"):
        redeem(shop, member, for_them)
    segment(shop, RICH)
    assert redeem(shop, member, for_them).status in ("issued", "requested")


@pytest.mark.parametrize(
    "rules", [condition("Segments", "Is set"), condition("Nonsense", "Equals", 1), {"conditions": []}, None]
)
def test_rules_that_cannot_be_a_segments(shop: TestShop, rules: Any) -> None:
    with pytest.raises((BadInput, Contradiction)), transaction() as session:
        segments.create(session, shop.id, "chosen", "Chosen", rules, clock.now())


def test_an_id_is_given_once_and_another_shops_is_not_found(new_shop: NewShop, shop: TestShop) -> None:
    segment(shop, [])
    with pytest.raises(Conflict) as refused, transaction() as session:
        segments.create(session, shop.id, "chosen", "Again", [], clock.now())
    assert refused.value.code == "id_taken"
    other = new_shop()
    with pytest.raises(NotFound), transaction() as session:
        segments.find(session, other.id, "chosen")
    segment(other, [])


def test_a_shop_has_no_more_segments_than_can_be_judged(shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MAX_SEGMENTS", 1)
    segment(shop, [])
    with pytest.raises(Conflict) as refused, transaction() as session:
        segments.create(session, shop.id, "more", "More", [], clock.now())
    assert refused.value.code == "too_many"


def test_a_shop_without_segments_notes_nobody(shop: TestShop, time: BusinessTime) -> None:
    member_with(shop)
    shop.tell("customer.updated", {"id": "c-1", "first_name": "Ada"})
    assert rows(shop, "select 1 from segment_due where shop_id = :shop") == []
