"""Versions of the program: who, when, what changed between any two; a draft from an old one."""

from bs4 import BeautifulSoup

from tests.admin.conftest import Desk, said
from tests.admin.test_program import RICH, draft, fields, in_force, make_unchosen, versions
from tests.conftest import TestShop


def rows(page: BeautifulSoup) -> list[list[str]]:
    """What differs, a list for each setting: name, before, after."""
    return [
        [" ".join(cell.get_text(" ").split()) for cell in row.select("th, td")]
        for row in page.select(".differs tbody tr")
    ]


def captions(page: BeautifulSoup) -> list[str]:
    return [" ".join(each.get_text(" ").split()) for each in page.select(".differs caption")]


def test_versions_have_authors_and_dates_newest_first(desk: Desk, shop: TestShop) -> None:
    desk.done("/program/earning", **fields(desk, "/program/earning") | {"earn.points_per_step": "2"}, do="update")
    table = desk.page("/program/versions").select("table tbody tr")
    cells = [[" ".join(each.get_text(" ").split()) for each in row.select("th, td")] for row in table]
    assert [row[0] for row in cells] == [f"Version {number}" for number, _ in versions(shop)]
    assert cells[0][2:] == ["Ada Admin", "In force"]
    assert cells[1][2:] == ["a test", ""]
    assert cells[0][1].startswith(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"))


def test_many_versions_are_read_page_by_page(desk: Desk, shop: TestShop) -> None:
    for number in range(2, 32):
        shop.set_program(earn={"points_per_step": number})
    page = desk.page("/program/versions")
    assert len(page.select("table tbody tr")) == 25
    older = page.select_one('[rel="next"]')
    assert older is not None
    page = desk.page("/program/versions", before=str(older["href"]).partition("before=")[2])
    assert len(page.select("table tbody tr")) == len(versions(shop)) - 25
    assert page.select_one('[rel="next"]') is None


def test_the_settings_of_a_new_shop_are_nobody_s(desk: Desk, shop: TestShop) -> None:
    make_unchosen(shop)
    assert "The settings of a new shop" in desk.page("/program/versions").get_text()


def test_what_a_version_changed_is_said_in_a_merchant_s_words(desk: Desk, shop: TestShop) -> None:
    shop.set_program(earn={"spend_step": "10"}, expiry={"kind": "fixed_day", "month": 12, "day": 31})
    number = shop.set_program(earn={"spend_step": "20", "round": "ceil"}, expiry={"kind": "days", "days": 90})
    assert rows(desk.page(f"/program/versions/{number}")) == [
        ["Every", "10 EUR", "20 EUR"],
        ["Rounding", "Down: whole steps only", "Up"],
        ["Points expiry date", "December 31 of the next year", "90 days after they arrive"],
    ]


def test_a_version_s_values_stand_beside_their_names_without_the_page_s_own_blanks(desk: Desk, shop: TestShop) -> None:
    """Their lines are kept as they were typed, so a blank of the template's would be seen, too."""
    number = shop.set_program(earn={"spend_step": "20"})
    values = desk.page(f"/program/versions/{number}").select(".said-facts dd")
    assert "20 EUR" in [each.get_text() for each in values]
    assert all(each.get_text() == each.get_text().strip() for each in values)


def test_ways_and_levels_that_come_and_go_are_named(desk: Desk, shop: TestShop) -> None:
    gold = {"id": "gold", "from": 100, "name": {"en": "Gold"}}
    signup = {"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Sign up"}}
    birthday = {"id": "b", "kind": "birthday", "points": 5, "title": {"en": "Birthday"}}
    one = shop.set_program(rules=[signup, birthday], tiers={"levels": [gold]})
    other = shop.set_program(
        rules=[{**signup, "points": 60, "title": {"en": "Sign up", "de": "Anmelden"}}],
        tiers={"levels": [gold, {"id": "top", "from": 900, "name": {"en": "Top"}}]},
    )
    page = desk.page("/program/versions/compare", one=one, other=other)
    assert captions(page) == [
        "Other ways to earn: Sign up",
        "Other ways to earn: Birthday Removed",
        "Levels: Top Added",
    ]
    assert ["Points", "50", "60"] in rows(page)
    assert ["Title (de)", "–", "Anmelden"] in rows(page)
    assert ["From", "–", "900"] in rows(page)


def test_another_order_of_the_ways_is_a_change(desk: Desk, shop: TestShop) -> None:
    ways = [{"id": name, "kind": "review", "points": 1, "title": {"en": name.upper()}} for name in ("a", "b", "c")]
    one = shop.set_program(rules=ways)
    other = shop.set_program(rules=[ways[2], *ways[:2]])
    assert rows(desk.page("/program/versions/compare", one=one, other=other)) == [["Order", "A, B, C", "C, A, B"]]


def test_a_version_is_the_same_as_itself_whatever_it_says(desk: Desk, shop: TestShop) -> None:
    one = shop.set_program(**RICH)
    other = shop.set_program(**RICH)
    page = desk.page("/program/versions/compare", one=one, other=other)
    assert rows(page) == []
    assert "Both say the same" in page.get_text()


def test_everything_that_a_version_says_can_be_read(desk: Desk, shop: TestShop) -> None:
    number = shop.set_program(**RICH)
    text = " ".join(desk.page(f"/program/versions/{number}").get_text(" ").split())
    for words in ("0.50 EUR", "Items, after discounts", "4 times an order", "2 times a year", "gwiazdka", "#0a7B3c"):
        assert words in text, words
    assert "User Tags Contain all of a, b, c" in text


def test_the_draft_is_compared_with_any_version(desk: Desk, shop: TestShop) -> None:
    first = versions(shop)[-1][0]
    desk.done("/program/earning", **fields(desk, "/program/earning") | {"earn.points_per_step": "4"})
    page = desk.page("/program/versions/compare", one=first, other="draft")
    assert rows(page) == [["Points earned", "1", "4"]]


def test_a_draft_is_started_from_an_old_version(desk: Desk, shop: TestShop) -> None:
    first = versions(shop)[-1][0]
    shop.set_program(earn={"points_per_step": 9})
    assert f"A draft as version {first} was" in desk.done(f"/program/versions/{first}/draft")
    found = draft(shop)
    assert found is not None
    assert found["earn"]["points_per_step"] == 1
    assert in_force(shop)["earn"]["points_per_step"] == 9
    refused = desk.post(f"/program/versions/{first}/draft")
    assert refused.status_code == 409
    assert "There is a draft already" in said(refused)


def test_versions_that_there_are_not(desk: Desk) -> None:
    assert desk.get("/program/versions", before=2**40).status_code == 200
    for path in ("/program/versions/99", f"/program/versions/{2**40}"):
        assert desk.get(path).status_code == 404, path
    assert desk.get("/program/versions/compare", one="1", other="x").status_code == 404
    assert desk.get("/program/versions/compare", one="1", other="draft").status_code == 404
    assert desk.get("/program/versions/compare").status_code == 404
    assert desk.post("/program/versions/99/draft").status_code == 404
