"""Gift campaigns (S3.9 to S3.19): what they are made of, when they are on, and that no two are on at once."""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import text

from backend import clock
from backend.db import db, retrying, transaction
from backend.errors import BadInput, Conflict, NotFound
from backend.loyalty import calendar_rules, merchant_html
from backend.loyalty.rewards import campaigns, images, rewards
from backend.loyalty.rewards.campaigns import Campaign
from tests.conftest import BusinessTime, TestShop
from tests.widget_api.conftest import Widget

DECEMBER: dict[str, Any] = {"names": {"en": "December"}, "starts_at": "2026-12-01", "ends_at": "2026-12-31"}


def make(shop: TestShop, **more: Any) -> Campaign:
    with transaction() as session:
        return campaigns.create(session, shop.facts, {**DECEMBER, **more}, clock.now())


def change(shop: TestShop, campaign: Campaign, **changes: Any) -> Campaign:
    with transaction() as session:
        return campaigns.update(session, shop.facts, campaign.id, changes, clock.now())


def found(shop: TestShop, campaign: Campaign) -> Campaign:
    with transaction() as session:
        return campaigns.find(session, shop.id, campaign.id)


def make_gift(shop: TestShop, name: str = "Water bottle", **more: Any) -> rewards.Reward:
    document = {"reward_name": name, "reward_type": "gift", "points_to_be_redeemed": 300, **more}
    with transaction() as session:
        return rewards.create(session, shop.facts, document, clock.now())


def picture(width: int = 1920, height: int = 400, kind: str = "PNG") -> dict[str, str]:
    written = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(written, kind)
    return {"content_base64": b64encode(written.getvalue()).decode()}


def refusal(attempt: Callable[[], object]) -> tuple[str, list[str]]:
    """The code, and the fields that are named; each stands in the sentence too."""
    with pytest.raises((BadInput, Conflict)) as caught:
        attempt()
    fields = [each["field"] for each in caught.value.extra["errors"]]
    return caught.value.code, fields


@pytest.fixture
def all_is_kept(shop: TestShop) -> Iterator[None]:
    """Whatever happens, the campaigns are afterwards what they were before."""
    before = _everything(shop)
    yield
    assert _everything(shop) == before


def _everything(shop: TestShop) -> list[Campaign]:
    with transaction() as session:
        return campaigns.all_of(session, shop.id)


# Names, terms, gifts, banner


def test_a_campaign_has_names_and_terms_per_language(shop: TestShop) -> None:
    campaign = make(
        shop,
        names={"en": "Winter", "zh-Hant": "冬季"},
        terms={"en": '<p onclick="x()">One per <b>member</b></p><script>alert(1)</script>', "fr": "Un par membre"},
    )
    assert campaign.names == {"en": "Winter", "zh-Hant": "冬季"}
    assert campaign.terms == {"en": "<p>One per <b>member</b></p>", "fr": "Un par membre"}
    assert found(shop, campaign) == campaign


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"names": {}}, ["names"]),
        ({"names": None}, ["names"]),
        ({"names": {"en": "  "}}, ["names.en"]),
        ({"names": {"english": "Winter"}}, ["names"]),
        ({"names": {"en": "x" * 201}}, ["names.en"]),
        ({"names": {"en": "a\x00b"}}, ["names.en"]),
        ({"names": "Winter"}, ["names"]),
        ({"terms": {"en": "x" * (merchant_html.MAX_CHARACTERS + 1)}}, ["terms.en"]),
        ({"terms": dict.fromkeys(("en", "fr", "de", "it", "pl", "nl"), "<b>" * 900)}, ["terms"]),
        ({"terms": {"en": "\ud800"}}, ["terms.en"]),
        ({"starts_at": None}, ["starts_at"]),
        ({"starts_at": 1764547200}, ["starts_at"]),
        ({"starts_at": "2026-13-01"}, ["starts_at"]),
        ({"starts_at": "2026-02-29T10:00"}, ["starts_at"]),
        ({"starts_at": "2026-12-01T24:30"}, ["starts_at"]),
        ({"starts_at": "tomorrow"}, ["starts_at"]),
        ({"ends_at": "٢٠٢٦-١٢-٣١"}, ["ends_at"]),
        ({"gifts": ["1"]}, ["gifts.0"]),
        ({"gifts": "0" * 24}, ["gifts"]),
        ({"gifts": ["0" * 24] * 201}, ["gifts"]),
        ({"banner": "aGVsbG8="}, ["banner"]),
        ({"banner": {"content_base64": "not base64"}}, ["banner.content_base64"]),
        ({"banner": {"content_base64": "A" * 1_000_004}}, ["banner.content_base64"]),
        ({"banner": {"url": "https://elsewhere.example/x.png"}}, ["banner.content_base64", "banner.url"]),
        ({"price": 1, "names": {}}, ["names", "price"]),
    ],
)
def test_what_is_wrong_is_refused_by_name(shop: TestShop, said: dict[str, Any], fields: list[str]) -> None:
    assert refusal(lambda: make(shop, **said)) == ("bad_input", fields)
    assert _everything(shop) == []


def test_what_is_no_object_is_no_campaign(shop: TestShop) -> None:
    for document in (None, [], "December"):
        with pytest.raises(BadInput), transaction() as session:
            campaigns.create(session, shop.facts, document, clock.now())


def test_gifts_stand_newest_first_however_they_were_chosen(shop: TestShop, time: BusinessTime) -> None:
    old = make_gift(shop, "Old")
    time.advance(days=1)
    twins = [make_gift(shop, "Twin one"), make_gift(shop, "Twin two")]
    with transaction() as session:
        session.execute(
            text("update reward set created_at = :now where id = any(:ids)"),
            {"now": clock.now(), "ids": [each.id for each in twins]},
        )
    campaign = make(shop, gifts=[twins[0].public_id, old.public_id, twins[1].public_id, old.public_id])
    assert campaign.gifts == (twins[1].id, twins[0].id, old.id)
    assert found(shop, campaign) == campaign


def test_only_gifts_of_the_shop_can_be_chosen(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    gift, foreign = make_gift(shop), make_gift(new_shop())
    with transaction() as session:
        custom = rewards.create(
            session,
            shop.facts,
            {"reward_name": "Tea", "reward_type": "custom", "points_to_be_redeemed": 5},
            clock.now(),
        )
    chosen = [gift.public_id, custom.public_id, foreign.public_id, rewards.public_id(10**15), "f" * 24]
    with pytest.raises(Conflict) as caught:
        make(shop, gifts=chosen)
    assert (caught.value.code, caught.value.detail) == (
        "not_a_gift",
        "The campaign is not valid: gifts.1: is no gift but a custom (3 more).",
    )
    assert caught.value.extra["errors"][1] == {"field": "gifts.2", "message": "there is no such reward"}
    assert _everything(shop) == []


def test_the_banner_is_kept_and_shown_to_the_shop_alone(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    campaign = make(shop, banner=picture(kind="JPEG"))
    assert campaign.banner_id is not None
    kept = images.find(shop.id, campaign.banner_id)
    assert kept is not None
    assert (kept.content_type, kept.width, kept.height) == ("image/jpeg", 1920, 400)
    assert images.find(new_shop().id, campaign.banner_id) is None


@pytest.mark.parametrize(
    "banner", [picture(1921, 10), picture(10, 401), picture(10, 10, "GIF"), {"content_base64": ""}]
)
def test_a_banner_is_a_jpg_or_png_of_at_most_1920_x_400(shop: TestShop, banner: dict[str, str]) -> None:
    assert refusal(lambda: make(shop, banner=banner)) == ("banner_refused", ["banner"])


# When it is on


@pytest.mark.parametrize(
    ("at", "on"),
    [
        ("2026-11-30T22:59:59Z", False),
        ("2026-11-30T23:00:00Z", True),
        ("2026-12-31T22:59:59Z", True),
        ("2026-12-31T23:00:00Z", False),
    ],
)
def test_days_are_the_shop_s_and_the_last_one_counts(shop: TestShop, at: str, on: bool) -> None:
    campaign = make(shop)
    assert campaign.is_on(datetime.fromisoformat(at)) is on
    assert (campaigns.current(shop.id, datetime.fromisoformat(at)) == campaign) is on


def test_a_time_without_an_offset_is_the_shop_s_own(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop(timezone_name="Asia/Taipei")
    campaign = make(shop, starts_at="2026-12-01T10:00", ends_at="2026-12-02T10:00:30")
    assert campaign.starts_at == datetime(2026, 12, 1, 2, tzinfo=UTC)
    assert campaign.ends_at == datetime(2026, 12, 2, 2, 0, 30, tzinfo=UTC)


def test_a_time_with_an_offset_is_that_moment(shop: TestShop) -> None:
    campaign = make(shop, starts_at="2026-12-01T10:00:00+08:00", ends_at="2026-12-02t02:00:00.987z")
    assert campaign.starts_at == datetime(2026, 12, 1, 2, tzinfo=UTC)
    assert campaign.ends_at == datetime(2026, 12, 2, 2, tzinfo=UTC)


def test_a_time_that_the_clocks_skipped_is_the_end_of_the_gap(shop: TestShop) -> None:
    campaign = make(shop, starts_at="2027-03-28T02:30", ends_at="2027-10-31T02:30")
    assert campaign.starts_at == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert campaign.ends_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)  # comes twice: the first time
    gap = datetime(2027, 3, 28, 2, 30)  # noqa: DTZ001 - a reading of the wall clock
    assert calendar_rules.instant_of(gap, ZoneInfo("Europe/Paris")) == campaign.starts_at


def test_without_an_end_it_never_ends(shop: TestShop) -> None:
    campaign = make(shop, ends_at=None)
    assert campaign.ends_at is None
    assert campaigns.current(shop.id, datetime(2999, 1, 1, tzinfo=UTC)) == campaign
    assert campaigns.current(shop.id, datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [("2026-12-31", "2026-12-30"), ("2026-12-01T10:00", "2026-12-01T09:00:00Z")],
)
def test_it_cannot_end_before_it_starts(shop: TestShop, starts_at: str, ends_at: str) -> None:
    assert refusal(lambda: make(shop, starts_at=starts_at, ends_at=ends_at)) == ("contradiction", ["ends_at"])


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("0001-01-01", "9999-12-31"),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
        ("0001-01-01T00:00", "9999-12-31T23:59"),
    ],
)
def test_the_ends_of_time_are_moments_too(new_shop: Callable[..., TestShop], starts_at: str, ends_at: str) -> None:
    for zone in ("Pacific/Kiritimati", "America/Anchorage"):
        shop = new_shop(timezone_name=zone)
        campaign = make(shop, starts_at=starts_at, ends_at=ends_at)
        assert campaigns.current(shop.id, clock.now()) == campaign
        assert refusal(lambda shop=shop: make(shop))[0] == "campaign_overlaps"  # type: ignore[misc]


# No two at once


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("2026-12-31", "2027-01-31"),
        ("2026-11-01", "2026-12-01"),
        ("2026-12-10", "2026-12-11"),
        ("2026-11-01", "2027-11-01"),
        ("2026-12-31T23:59:59", None),
        ("2026-01-01", None),
    ],
)
def test_campaigns_cannot_overlap(shop: TestShop, starts_at: str, ends_at: str | None) -> None:
    make(shop, names={"fr": "Noël", "en": "Christmas"})
    with pytest.raises(Conflict) as caught:
        make(shop, starts_at=starts_at, ends_at=ends_at)
    assert (caught.value.code, caught.value.detail) == (
        "campaign_overlaps",
        "Campaigns cannot overlap, and at that time there is “Christmas”, from 2026-12-01 00:00 to 2027-01-01 00:00"
        " (Europe/Paris).",
    )
    assert [each["field"] for each in caught.value.extra["errors"]] == ["starts_at"]
    assert len(_everything(shop)) == 1


def test_nothing_fits_after_one_that_never_ends(shop: TestShop) -> None:
    make(shop, ends_at=None)
    with pytest.raises(Conflict, match="from 2026-12-01 00:00 without an end"):
        make(shop, starts_at="2030-01-01", ends_at="2030-01-31")
    make(shop, starts_at="2026-11-01", ends_at="2026-11-30")


def test_one_may_begin_in_the_moment_in_which_another_ends(shop: TestShop) -> None:
    first = make(shop)
    second = make(shop, starts_at="2027-01-01", ends_at="2027-01-31")
    assert first.ends_at == second.starts_at
    assert campaigns.current(shop.id, second.starts_at) == second
    assert campaigns.current(shop.id, second.starts_at - timedelta(microseconds=1)) == first


def test_another_shop_s_campaigns_are_in_nobody_s_way(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    make(new_shop())
    make(shop)


def test_of_many_who_take_the_same_days_at_once_one_gets_them(app: Flask, shop: TestShop) -> None:
    together, outcomes = threading.Barrier(6), []

    @retrying
    def attempt(number: int) -> None:
        make(shop, starts_at=f"2026-12-0{number + 1}")

    def one(number: int) -> None:
        with app.app_context():
            together.wait()
            try:
                attempt(number)
                outcomes.append("made")
            except Conflict as refused:
                outcomes.append(refused.code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["campaign_overlaps"] * 5 + ["made"]


# Changing


def test_a_change_keeps_what_it_does_not_name(shop: TestShop, time: BusinessTime) -> None:
    gift = make_gift(shop)
    time.advance(hours=1)
    other = make_gift(shop, "Mug")
    campaign = make(shop, terms={"en": "<p>Terms</p>"}, gifts=[gift.public_id], banner=picture())
    time.advance(hours=1)
    renamed = change(shop, campaign, names={"en": "Advent"})
    assert renamed == replace(campaign, names={"en": "Advent"}, modified_at=renamed.modified_at)
    assert renamed.modified_at > campaign.modified_at
    assert change(shop, campaign, gifts=[other.public_id]).gifts == (other.id,)
    assert change(shop, campaign, gifts=[other.public_id, gift.public_id]).gifts == (other.id, gift.id)
    assert change(shop, campaign, banner=picture(10, 10)).banner_id not in (None, campaign.banner_id)
    emptied = change(shop, campaign, gifts=None, banner=None, terms=None, ends_at=None)
    assert (emptied.gifts, emptied.banner_id, emptied.terms, emptied.ends_at) == ((), None, {}, None)
    assert found(shop, campaign) == emptied


def test_a_change_may_overlap_itself_and_no_other(shop: TestShop) -> None:
    campaign = make(shop)
    make(shop, names={"en": "January"}, starts_at="2027-01-01", ends_at="2027-01-31")
    assert change(shop, campaign, ends_at="2026-12-30").ends_at == datetime(2026, 12, 30, 23, tzinfo=UTC)
    change(shop, campaign, ends_at="2026-12-31")
    before = found(shop, campaign)
    with pytest.raises(Conflict, match="“January”, from 2027-01-01 00:00 to 2027-02-01 00:00"):
        change(shop, campaign, ends_at="2027-01-01")
    assert found(shop, campaign) == before


@pytest.mark.usefixtures("all_is_kept")
@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"names": None}, "bad_input", "names"),
        ({"starts_at": None}, "bad_input", "starts_at"),
        ({"speed": 1}, "bad_input", "speed"),
        ({"ends_at": "2026-11-01"}, "contradiction", "ends_at"),
        ({"gifts": ["0" * 24]}, "not_a_gift", "gifts.0"),
        ({"banner": picture(2000, 10)}, "banner_refused", "banner"),
    ],
)
def test_a_wrong_change_changes_nothing(shop: TestShop, changes: dict[str, Any], code: str, field: str) -> None:
    campaign = make(shop)
    assert refusal(lambda: change(shop, campaign, **changes)) == (code, [field])
    assert found(shop, campaign) == campaign
    with transaction() as session:
        session.execute(text("delete from campaign where shop_id = :shop"), {"shop": shop.id})


def test_another_shop_s_campaign_is_not_found(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    foreign = make(new_shop())
    with pytest.raises(NotFound):
        found(shop, foreign)
    with pytest.raises(NotFound):
        change(shop, foreign, names={"en": "Mine"})


def test_a_list_is_newest_first_in_pieces(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    make(new_shop())
    made = [make(shop, starts_at=f"20{year}-01-01", ends_at=f"20{year}-01-31") for year in (30, 28, 29)]
    with transaction() as session:
        assert campaigns.all_of(session, shop.id) == made[::-1]
        assert campaigns.all_of(session, shop.id, before=made[2].id, limit=1) == [made[1]]


# What a process knows


def test_a_change_is_seen_at_once_where_it_was_made(shop: TestShop) -> None:
    at = datetime(2026, 12, 24, tzinfo=UTC)
    assert campaigns.current(shop.id, at) is None
    campaign = make(shop)
    assert campaigns.current(shop.id, at) == campaign
    changed = change(shop, campaign, names={"en": "Advent"})
    assert campaigns.current(shop.id, at) == changed


def test_a_process_may_go_by_what_it_knew_for_a_few_seconds(shop: TestShop) -> None:
    at = datetime(2026, 12, 24, tzinfo=UTC)
    make(shop)
    assert campaigns.current(shop.id, at) is not None
    with transaction() as session:
        session.execute(text("delete from campaign where shop_id = :shop"), {"shop": shop.id})
    assert campaigns.current(shop.id, at) is not None
    campaigns.forget_current()
    assert campaigns.current(shop.id, at) is None


def test_the_moment_counts_and_not_when_the_campaigns_were_read(shop: TestShop) -> None:
    campaign = make(shop)
    for at, expected in (
        ("2027-06-01", None),
        ("2026-12-24", campaign),
        ("2026-11-01", None),
        ("2026-12-24", campaign),
    ):
        assert campaigns.current(shop.id, datetime.fromisoformat(f"{at}T00:00:00Z")) == expected


def test_a_gift_of_a_campaign_stays_one_when_it_is_over(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    gift, free = make_gift(shop), make_gift(shop, "Mug")
    assert not campaigns.is_gift_of_any(shop.id, gift.id)
    campaign = make(shop, starts_at="2020-01-01", ends_at="2020-01-31", gifts=[gift.public_id])
    assert campaigns.is_gift_of_any(shop.id, gift.id)
    assert not campaigns.is_gift_of_any(shop.id, free.id)
    assert not campaigns.is_gift_of_any(new_shop().id, gift.id)
    assert campaigns.current(shop.id, datetime(2020, 1, 15, tzinfo=UTC)) == campaign
    change(shop, campaign, gifts=[])
    assert not campaigns.is_gift_of_any(shop.id, gift.id)


# The cart at the bottom


def test_what_was_used_is_of_this_member_and_of_the_campaign_that_is_on(shop: TestShop) -> None:
    gift = make_gift(shop)
    today = clock.now()
    begins, ends, later = (today + timedelta(days=days) for days in (-1, 1, 2))
    campaign = make(shop, starts_at=begins.isoformat(), ends_at=ends.isoformat(), gifts=[gift.public_id])
    other = make(shop, starts_at=ends.isoformat(), ends_at=later.isoformat(), gifts=[gift.public_id])
    one, two = member(shop, "c1"), member(shop, "c2")
    had(shop, one, gift.id, campaign.id, "Bottle", 300, "issued")
    had(shop, one, gift.id, campaign.id, "Mug", 200, "requested")
    had(shop, one, gift.id, campaign.id, "Hat", 50, "expired")
    had(shop, one, gift.id, campaign.id, "Scarf", 1000, "returned")
    had(shop, one, gift.id, campaign.id, "Glove", 1000, "failed")
    had(shop, one, gift.id, other.id, "Ball", 1000, "issued")
    had(shop, one, gift.id, None, "Pen", 1000, "issued")
    had(shop, two, gift.id, campaign.id, "Bottle", 300, "issued")
    shown = Widget(shop, "c1").me()["campaign"]
    assert (shown["id"], shown["used_points"]) == (str(campaign.id), 550)
    assert shown["taken"] == [
        {"name": "Bottle", "points": 300},
        {"name": "Mug", "points": 200},
        {"name": "Hat", "points": 50},
    ]
    assert Widget(shop, "c2").me()["campaign"]["used_points"] == 300


def member(shop: TestShop, external_id: str) -> int:
    shop.tell("customer.created", {"id": external_id})
    found: int = db.session.execute(
        text("select id from member where shop_id = :shop and external_id = :external"),
        {"shop": shop.id, "external": external_id},
    ).scalar_one()
    db.session.rollback()
    return found


def had(
    shop: TestShop, member_id: int, reward_id: int, campaign_id: int | None, name: str, points: int, status: str
) -> None:
    with transaction() as session:
        session.execute(
            text(
                "insert into redemption (shop_id, member_id, reward_id, campaign_id, origin, status, points,"
                " points_after, frozen, requested_at, hold_until) values (:shop, :member, :reward, :campaign, 'points',"
                " :status, :points, 0, jsonb_build_object('name', cast(:name as text)), :now,"
                " case when :status = 'requested' then cast(:now as timestamptz) end)"
            ),
            {
                "shop": shop.id,
                "member": member_id,
                "reward": reward_id,
                "campaign": campaign_id,
                "status": status,
                "points": points,
                "name": name,
                "now": clock.now(),
            },
        )
