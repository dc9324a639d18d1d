"""The tab My balance: what ends when, what settles what is owed, the level, and a history to narrow down and to keep."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.widget.conftest import Store
from tests.widget.rewarding import open_at, panel, tab
from tests.widget.test_redeem import flaws_on_screens

LEVELS: list[dict[str, Any]] = [
    {
        "id": "bronze",
        "name": "Bronze",
        "from": 0,
        "from_text": "0 points",
        "multiplier": "1",
        "multiplier_text": None,
        "perks": [],
    },
    {
        "id": "silver",
        "name": "Silver",
        "from": 500,
        "from_text": "500 points",
        "multiplier": "1.2",
        "multiplier_text": "1.2× points",
        "perks": ["A gift on entering"],
    },
    {
        "id": "gold",
        "name": "Gold",
        "from": 1000,
        "from_text": "1,000 points",
        "multiplier": "1.5",
        "multiplier_text": "1.5× points",
        "perks": ["Early access", "Free delivery"],
    },
]

TIER: dict[str, Any] = {
    "level": {"id": "silver", "name": "Silver", "multiplier_text": "1.2× points", "perks": ["A gift on entering"]},
    "basis": "points_earned",
    "value": 620,
    "value_text": "620 points",
    "next": {"id": "gold", "name": "Gold", "at": 1000, "missing": 380, "missing_text": "380 points to Gold"},
    "fraction": 0.62,
    "keeps_until": None,
    "leaves_at": None,
    "is_manual": False,
}

RULES: list[dict[str, Any]] = [
    {"id": "double", "kind": "multiplier", "title": "Double points weekend", "applied": True, "factor": "2", "because": None},
    {"id": "mugs", "kind": "product", "title": "Mugs bring more", "applied": True, "points": 30, "because": "limit"},
    {"id": "wrap", "kind": "exclusion", "title": "Gift wrap", "applied": True, "because": None},
    {"id": "xmas", "kind": "multiplier", "title": "Christmas", "applied": False, "factor": "3", "because": "not_in_window"},
    {"id": "later", "kind": "odd", "title": "Something new", "applied": False, "because": "for a new reason"},
    {"id": "gold", "kind": "tier", "title": "Gold", "applied": True, "factor": "1.5", "because": None},
]  # fmt: skip


def balance(store: Store, **more: Any) -> Locator:
    store.answers["session"]["me"]["balance"].update(more)
    store.answers["me"] = store.answers["session"]["me"]
    return open_at(store, "My balance")


def ranked(store: Store, **more: Any) -> None:
    store.answers["program"]["tiers"] = {"basis": "points_earned", "window": "rolling_12_months", "levels": LEVELS}
    store.answers["session"]["me"]["tier"] = {**TIER, **more}


def why(store: Store) -> Locator:
    store.page.get_by_text("Order #1001").click()
    return store.page.locator("details[open] .why")


# What ends, what is owed ---------------------------------------------------------------------------------------------


def test_what_ends_is_told_by_date_the_soonest_first(store: Store) -> None:
    expiring = [
        {"points": 20, "expires_at": "2026-12-31T23:00:00Z"},
        {"points": 100, "expires_at": "2027-12-31T23:00:00Z"},
    ]
    shown = balance(store, expiring=expiring).locator(".ending")
    expect(shown.get_by_role("listitem")).to_have_text(
        ["Use by Dec 31, 202620\u00a0points", "Use by Dec 31, 2027100\u00a0points"]
    )


@pytest.mark.parametrize(
    ("pending", "sentence"),
    [
        ([30, 20], "Points on their way will settle it on Dec 5, 2026."),
        ([30], "30\u00a0points of that are already on their way."),
        ([], None),
    ],
)
def test_what_settles_what_is_owed_is_said(store: Store, pending: list[int], sentence: str | None) -> None:
    promised = [
        {"points": points, "due_at": f"2026-12-0{3 + day}T23:00:00Z", "reason": "Order"}
        for day, points in enumerate(pending)
    ]
    note = balance(store, available=0, owed=-40, pending=promised).locator(".note").first
    expect(note).to_contain_text("The next 40\u00a0points you earn settle this. You never owe money.")
    expect(note.locator("p")).to_have_count(2 if sentence else 1)
    if sentence:
        expect(note).to_contain_text(sentence)


# The level -----------------------------------------------------------------------------------------------------------


def test_the_level_says_how_far_it_is_to_the_next_and_what_each_brings(store: Store) -> None:
    ranked(store)
    shown = balance(store).get_by_role("region", name="Your level")
    for text in ("Silver", "620 points", "380 points to Gold"):
        expect(shown).to_contain_text(text)
    expect(shown.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "380 points to Gold")
    shown.get_by_text("All levels").click()
    rungs = shown.locator("ol > li")
    expect(rungs).to_have_text(
        [
            "Bronze0 points",
            re.compile(r"SilverYou are here\s*1.2× pointsA gift on entering"),
            re.compile(r"Gold1,000 points\s*1.5× pointsEarly accessFree delivery"),
        ]
    )
    expect(rungs.nth(1)).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"keeps_until": "2027-11-30T23:00:00Z"}, "Yours until Nov 30, 2027 at least"),
        (
            {"leaves_at": "2026-12-31T23:00:00Z"},
            "Yours until Dec 31, 2026. Reach it again by then, and it stays yours.",
        ),
        ({"is_manual": True, "next": None}, "A gift from the shop"),
        ({"level": None}, "The first level awaits you"),
    ],
)
def test_how_long_a_level_lasts_is_said(store: Store, state: dict[str, Any], sentence: str) -> None:
    ranked(store, **state)
    expect(balance(store).get_by_role("region", name="Your level")).to_contain_text(sentence)


def test_without_levels_there_is_none(store: Store) -> None:
    expect(balance(store).locator(".level")).to_have_count(0)


# The why -------------------------------------------------------------------------------------------------------------


def test_the_why_tells_which_rules_took_part_and_which_did_not(store: Store) -> None:
    entry = store.answers["me/activity"]["items"][0]
    entry["why"]["rules"] = RULES
    entry["why"]["excluded"].append({"what": "excluded_items", "amount": "4.00"})
    balance(store)
    told = why(store)
    expect(told.locator("h4")).to_have_text(["Rules", "Not counted"])
    told_of = dict(
        zip(
            (rule["title"] for rule in RULES),
            told.get_by_role("list").nth(1).get_by_role("listitem").all(),
            strict=True,
        )
    )
    for title, effect in (
        ("Double points weekend", "×\u00a02"),
        ("Mugs bring more", "+30"),
        ("Gift wrap", "Not counted"),
        ("Christmas", "Not applied"),
        ("Something new", "Not applied"),
        ("Gold", "×\u00a01.5"),
    ):
        expect(told_of[title]).to_contain_text(title)
        expect(told_of[title].locator("b")).to_have_text(effect)
    expect(told_of["Mugs bring more"]).to_contain_text("Up to its limit")
    expect(told_of["Christmas"]).to_contain_text("Not at the time of the order")
    expect(told_of["Something new"]).to_contain_text("for a new reason")
    expect(told).to_contain_text("Items that do not count€4.00")


def test_a_claim_is_shown_as_one(store: Store) -> None:
    store.answers["me/activity"]["items"][0]["why"] = {"rule_id": "follow", "claimed": True, "points": 20}
    balance(store)
    expect(why(store)).to_contain_text("You told us, and we took your word for it.")


# The history ---------------------------------------------------------------------------------------------------------


def narrowed(store: Store, **kinds: list[dict[str, Any]]) -> None:
    """What the server answers for each kind; the store's page does not look at the query."""
    whole = store.answers["me/activity"]

    def answer(route: Any) -> None:
        url = route.request.url
        store.requests.append(url)
        kind = re.search(r"[?&]kind=(\w+)", url)
        found = {"items": kinds.get(kind[1], []), "next": None} if kind else whole
        route.fulfill(json=found, headers={"Access-Control-Allow-Origin": "*"})

    def only_gets(route: Any) -> None:
        route.fallback() if route.request.method == "OPTIONS" else answer(route)

    store.page.route(re.compile(r"/me/activity(\?|$)"), only_gets)


def test_the_history_is_narrowed_down_to_one_kind_and_stays_so(store: Store) -> None:
    entry = store.answers["me/activity"]["items"][0]
    store.visit(identity="jwt")
    narrowed(store, spent=[{**entry, "id": "6", "kind": "spend", "points": -50, "title": "€5 off: points spent"}])
    store.open()
    tab(store, "My balance").click()
    shown = panel(store, "My balance")
    choice = shown.get_by_label("Show")
    expect(shown).to_contain_text("Order #1001")
    assert choice.locator("option").all_inner_texts() == [
        "All", "Earned", "Spent", "Came back", "Taken back", "Expired", "By the shop",
    ]  # fmt: skip
    choice.select_option("Spent")
    expect(shown).to_contain_text("€5 off: points spent")
    expect(shown.locator(".activity")).not_to_contain_text("Order #1001")
    assert store.calls()[-1] == "me/activity?kind=spent"
    choice.select_option("Expired")
    expect(shown).to_contain_text("Nothing of this kind so far.")
    store.page.keyboard.press("Escape")
    store.open()
    expect(choice).to_have_value("expired")
    choice.select_option("All")
    expect(shown).to_contain_text("Order #1001")


def test_the_choice_goes_by_keyboard_and_keeps_the_focus(store: Store) -> None:
    store.visit(identity="jwt")
    narrowed(store)
    store.open()
    tab(store, "My balance").click()
    choice = panel(store, "My balance").get_by_label("Show")
    choice.focus()
    store.page.keyboard.press("ArrowDown")
    expect(choice).to_have_value("earned")
    expect(choice).to_be_focused()
    store.page.keyboard.press("Tab")
    expect(panel(store, "My balance").get_by_role("button", name="Download as CSV")).to_be_focused()
    store.page.keyboard.press("Tab")  # the last stop leads to the first
    expect(store.page.get_by_role("button", name="Close")).to_be_focused()


def test_a_new_member_has_nothing_to_narrow_down_or_keep(store: Store) -> None:
    store.answers["me/activity"] = {"items": [], "next": None}
    shown = balance(store)
    expect(shown).to_contain_text("Nothing here yet")
    expect(shown.get_by_role("combobox")).to_have_count(0)
    expect(shown.get_by_role("button", name="Download as CSV")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "labels", "name"),
    [
        ("en", ("My balance", "Download as CSV"), "Maison-Verte-points"),
        ("ar", ("رصيدي", "تنزيل بصيغة CSV"), "Maison-Verte-points"),
    ],
)
def test_the_history_is_kept_as_a_file(
    store: Store, tmp_path: Path, locale: str, labels: tuple[str, str], name: str
) -> None:
    table = "\ufeffDate,What happened\r\n2026-11-20,Order #1001\r\n"
    store.answers["me/activity.csv"] = (200, table, {"Content-Type": "text/csv"})
    shown = open_at(store, labels[0], locale=locale)
    with store.page.expect_download() as download:
        shown.get_by_role("button", name=labels[1]).click()
    assert re.fullmatch(name + r"-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename)
    download.value.save_as(tmp_path / "kept.csv")
    assert (tmp_path / "kept.csv").read_bytes() == table.encode()
    expect(shown.get_by_role("button", name=labels[1])).to_be_focused()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ((500, {}, {}), "That did not work"),
        ((429, {}, {"Retry-After": "7"}), "A lot is going on. Trying again in 7 seconds."),
    ],
)
def test_a_file_that_cannot_be_had_is_said(store: Store, trouble: Any, said: str) -> None:
    store.answers["me/activity.csv"] = trouble
    shown = balance(store)
    button = shown.get_by_role("button", name="Download as CSV")
    button.click()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text(said)
    expect(button).to_have_attribute("aria-disabled", "false")


@pytest.mark.parametrize("state", ["whole", "narrowed", "grace", "arabic"])
def test_every_state_is_accessible(store: Store, state: str) -> None:
    ranked(store, leaves_at="2026-12-31T23:00:00Z" if state == "grace" else None)
    me = store.answers["session"]["me"]["balance"]
    me["owed"] = -50 if state == "grace" else 0
    me["expiring"].append({"points": 20, "expires_at": "2028-12-31T23:00:00Z"})
    store.answers["me/activity"]["items"][0]["why"]["rules"] = RULES
    shown = open_at(store, "رصيدي" if state == "arabic" else "My balance", locale="ar" if state == "arabic" else "en")
    if state == "narrowed":
        narrowed(store)
        shown.get_by_label("Show").select_option("Expired")
        expect(shown).to_contain_text("Nothing of this kind")
    else:
        store.page.get_by_text("Order #1001").click()
        shown.locator("#ladder summary").click()
    assert flaws_on_screens(store) == []
