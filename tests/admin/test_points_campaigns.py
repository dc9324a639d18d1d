"""Points campaigns in the admin, as document 003 describes them (S3.9 to S3.19)."""

from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from backend import clock
from backend.admin import campaign_calendar
from backend.db import transaction
from backend.loyalty.rewards import campaigns
from backend.loyalty.rewards.campaigns import Campaign
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import GIFT, reward

NEW = "/points-campaigns/new"
DECEMBER = {"names.en": "December gifts", "starts_at": "2026-12-01T00:00", "ends_at": "2027-01-01T00:00"}


def all_campaigns(shop: TestShop) -> list[Campaign]:
    with transaction() as session:
        return campaigns.all_of(session, shop.id)


def make(shop: TestShop, name: str = "December gifts", **more: Any) -> Campaign:
    document = {"names": {"en": name}, "starts_at": "2026-12-01", "ends_at": "2026-12-31", **more}
    with transaction() as session:
        return campaigns.create(session, shop.facts, document, clock.now())


def banner(width: int = 1920, height: int = 400, kind: str = "PNG") -> tuple[BytesIO, str]:
    written = BytesIO()
    Image.new("RGB", (width, height), "red").save(written, kind)
    written.seek(0)
    return written, f"banner.{kind.lower()}"


def looked_at(answer: Any) -> BeautifulSoup:
    return BeautifulSoup(answer.text, "html.parser")


def test_s3_9_the_list_shows_all_campaigns_and_add_makes_one(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-12-05T12:00:00Z")
    make(shop)
    make(shop, "For ever", starts_at="2027-02-01", ends_at=None)
    page = desk.page("/points-campaigns")
    lines = [" ".join(each.get_text(" ").split()) for each in page.select("tbody tr")]
    assert lines[0].startswith("For ever Planned Feb 1, 2027")
    assert "Never expires" in lines[0]
    assert lines[1].startswith("December gifts On Dec 1, 2026")
    button = page.select_one(".heading .button:not(.calm)")
    assert button is not None
    assert button.get_text(strip=True) == "Add"
    sidebar = page.select_one("nav[aria-label=Pages]")
    assert sidebar is not None
    assert "Points campaigns" in sidebar.get_text()


def test_s3_10_s3_14_the_name_and_the_terms_are_given_by_language(desk: Desk, shop: TestShop) -> None:
    asked = looked_at(desk.post(NEW, **DECEMBER, add_language="zh-Hant", do="add_language"))
    assert asked.select_one('[name="names.zh-Hant"]') is not None
    more = {"names.zh-Hant": "冬季贈品", "terms.en": "<p>While stocks last.</p><script>x</script>"}
    assert "“December gifts” was added." in desk.done(NEW, **DECEMBER, **more)
    (made,) = all_campaigns(shop)
    assert made.names == {"en": "December gifts", "zh-Hant": "冬季贈品"}
    assert made.terms == {"en": "<p>While stocks last.</p>"}


def test_s3_11_without_an_end_it_never_expires(desk: Desk, shop: TestShop) -> None:
    hint = desk.page(NEW).select_one("#hint-ends_at")
    assert hint is not None
    assert hint.get_text() == "Left empty it never expires."
    desk.done(NEW, **DECEMBER | {"ends_at": ""})
    assert all_campaigns(shop)[0].ends_at is None


def test_s3_12_times_are_the_shops_and_merchants_across_borders_are_warned(desk: Desk, shop: TestShop) -> None:
    page = desk.page(NEW).get_text()
    assert "Europe/Paris" in page
    assert "If you sell across borders" in page
    desk.done(NEW, **DECEMBER)
    assert all_campaigns(shop)[0].starts_at.isoformat() == "2026-11-30T23:00:00+00:00"


def test_s3_13_gifts_are_chosen_from_rewards_of_the_type_gift(desk: Desk, shop: TestShop) -> None:
    older, newer = reward(shop, GIFT), reward(shop, GIFT, reward_name="Tea")
    reward(shop)
    choices = desk.page(NEW).select('[name="gifts"]')
    assert [each["value"] for each in choices] == [newer.public_id, older.public_id]  # S3.17: newest first
    desk.done(NEW, **DECEMBER, gifts=[older.public_id, newer.public_id])
    (made,) = all_campaigns(shop)
    assert made.gifts == (newer.id, older.id)
    ticked = desk.page(f"/points-campaigns/{made.id}").select('[name="gifts"][checked]')
    assert len(ticked) == 2


def test_s3_13_what_is_no_gift_is_refused(desk: Desk, shop: TestShop) -> None:
    refused = desk.post(NEW, **DECEMBER, gifts=[reward(shop).public_id])
    assert refused.status_code == 409
    assert "is no gift" in said(refused)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_s3_15_the_banner_is_a_jpg_or_png(desk: Desk, shop: TestShop, kind: str) -> None:
    desk.done(NEW, **DECEMBER, banner=banner(kind=kind))
    (made,) = all_campaigns(shop)
    page = desk.page(f"/points-campaigns/{made.id}")
    shown = page.select_one("img.banner")
    assert shown is not None
    assert str(made.banner_id) in str(shown["src"])
    desk.done(f"/points-campaigns/{made.id}", **DECEMBER, remove_banner="1")
    assert all_campaigns(shop)[0].banner_id is None


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (lambda: banner(1921, 400), "at most 1920 x 400 pixels"),
        (lambda: banner(100, 401), "at most 1920 x 400 pixels"),
        (lambda: (BytesIO(b"GIF89a"), "banner.png"), "not a JPEG or PNG"),
    ],
)
def test_s3_15_any_other_banner_is_refused_at_its_field(
    desk: Desk, file: Callable[[], tuple[BytesIO, str]], reason: str
) -> None:
    refused = desk.post(NEW, **DECEMBER, banner=file())
    assert refused.status_code == 409
    wrong = looked_at(refused).select_one("#wrong-banner")
    assert wrong is not None
    assert reason in wrong.get_text()


def test_a_banner_survives_a_refusal(desk: Desk, shop: TestShop) -> None:
    refused = desk.post(NEW, **DECEMBER | {"names.en": ""}, banner=banner())
    assert refused.status_code == 422
    kept = looked_at(refused).select_one('[name="kept_banner"]')
    assert kept is not None
    desk.done(NEW, **DECEMBER, kept_banner=str(kept["value"]))
    assert all_campaigns(shop)[0].banner_id == kept["value"]


def test_s3_16_an_overlap_is_warned_of_before_saving(desk: Desk, shop: TestShop) -> None:
    make(shop, "Advent")
    warned = desk.post(NEW, **DECEMBER, do="check")
    assert warned.status_code == 200
    assert "Campaigns cannot overlap, and at that time there is: Advent" in said(warned)
    free = desk.post(NEW, **DECEMBER | {"starts_at": "2027-01-01T00:00", "ends_at": ""}, do="check")
    assert "These dates are free." in said(free)
    assert len(all_campaigns(shop)) == 1


def test_s3_16_an_overlap_is_refused_with_the_other_ones_name_and_dates(desk: Desk, shop: TestShop) -> None:
    make(shop, "Advent")
    refused = desk.post(NEW, **DECEMBER, **{"terms.en": "Kept"})
    assert refused.status_code == 409
    assert (
        "Campaigns cannot overlap, and at that time there is “Advent”, from 2026-12-01 00:00 to 2027-01-01 00:00"
        " (Europe/Paris)." in said(refused)
    )
    page = looked_at(refused)
    assert page.select_one('[name="starts_at"]')["aria-invalid"] == "true"  # type: ignore[index]
    assert page.select_one('[name="terms.en"]').get_text() == "Kept"  # type: ignore[union-attr]


def test_a_campaign_does_not_overlap_with_itself(desk: Desk, shop: TestShop) -> None:
    made = make(shop)
    assert "These dates are free." in said(desk.post(f"/points-campaigns/{made.id}", **DECEMBER, do="check"))
    assert "Saved." in desk.done(f"/points-campaigns/{made.id}", **DECEMBER | {"names.en": "Winter"})
    assert all_campaigns(shop)[0].names == {"en": "Winter"}


@pytest.mark.parametrize("do", ["check", None])
def test_dates_that_are_none_are_refused_at_their_field(desk: Desk, do: str | None) -> None:
    more = {"do": do} if do else {}
    refused = desk.post(NEW, **DECEMBER | {"starts_at": "soon"}, **more)
    assert refused.status_code == 422
    assert looked_at(refused).select_one('[name="starts_at"]')["aria-invalid"] == "true"  # type: ignore[index]
    missing = desk.post(NEW, **DECEMBER | {"starts_at": ""}, **more)
    assert "Publish: is missing" in said(missing)


def test_a_campaign_is_published_and_unpublished_at_once(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-11-26T12:00:00Z")
    made = make(shop)
    assert "is published" in desk.done(f"/points-campaigns/{made.id}/publish", do="publish")
    assert all_campaigns(shop)[0].is_on(clock.now())
    time.advance(hours=1)
    assert "has ended" in desk.done(f"/points-campaigns/{made.id}/publish", do="unpublish")
    assert not all_campaigns(shop)[0].is_on(clock.now())
    assert desk.post(f"/points-campaigns/{made.id}/publish", do="unpublish").status_code == 409


def test_the_calendar_shows_a_month_and_a_quarter(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-12-05T12:00:00Z")
    make(shop, ends_at="2026-12-03")
    page = desk.page("/points-campaigns/calendar")
    table = page.select_one("table.calendar")
    assert table is not None
    assert table.select_one("caption").get_text() == "December 2026"  # type: ignore[union-attr]
    days = [each.select_one("span").get_text() for each in table.select("td:has(a)")]  # type: ignore[union-attr]
    assert days == ["1", "2", "3"]
    assert table.select_one("td[aria-current=date] span").get_text() == "5"  # type: ignore[union-attr]
    quarter = desk.page("/points-campaigns/calendar", month="2026-11", span="quarter")
    captions = [each.get_text() for each in quarter.select("caption")]
    assert captions == ["November 2026", "December 2026", "January 2027"]
    assert len(quarter.select("td:has(a)")) == 3


@pytest.mark.parametrize("month", ["", "2026-13", "0001-01", "9999-12", "nonsense"])
def test_the_calendar_of_a_month_that_is_none_shows_another(desk: Desk, month: str) -> None:
    assert len(desk.page("/points-campaigns/calendar", month=month, span="quarter").select("caption")) == 3


def test_a_day_belongs_to_the_shops_wall(shop: TestShop) -> None:
    evening = make(shop, starts_at="2026-12-01T22:30:00Z", ends_at="2026-12-01T23:30:00Z")  # 23:30 to 00:30 in Paris
    (month,) = campaign_calendar.months(date(2026, 12, 1), 1, [evening], ZoneInfo("Europe/Paris"))
    on = [day.date.day for week in month.weeks for day in week if day.campaigns]
    assert on == [1, 2]


def test_another_shops_campaign_is_not_there(desk: Desk, new_shop: Callable[..., TestShop]) -> None:
    theirs = make(new_shop())
    assert desk.get(f"/points-campaigns/{theirs.id}").status_code == 404
    assert desk.post(f"/points-campaigns/{theirs.id}", **DECEMBER).status_code == 404
    assert desk.post(f"/points-campaigns/{theirs.id}/publish", do="publish").status_code == 404
    assert "December gifts" not in desk.page("/points-campaigns/calendar", month="2026-12").get_text()
    assert "These dates are free." in said(desk.post(NEW, **DECEMBER, do="check"))


def test_who_lacks_the_right_sees_none(sign_in: Callable[..., Desk]) -> None:
    desk = sign_in(Right.VIEW_CUSTOMERS)
    assert desk.get("/points-campaigns").status_code == 403
    assert desk.post(NEW, **DECEMBER).status_code == 403


def test_s3_18_s3_19_what_customers_see_first_is_said(desk: Desk, shop: TestShop) -> None:
    """The page itself, with its cart, is the widget's (tests/widget_api)."""
    reward(shop, GIFT)
    page = desk.page(NEW).get_text()
    assert "Customers see the newest first." in page
    assert "Shown on the campaign’s page." in page
