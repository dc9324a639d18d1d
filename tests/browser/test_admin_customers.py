"""Customer care in a real browser: find a customer, assign points above the limit, have a second person agree."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.chromium import browsing
from tests.browser.running_demo import LONG_AGO, SIGN_UP, Demo

PASSWORD = "a few words that nobody guesses"
PAGES = ("/customers?search=nobody-at-all", "/customers?sort=points")
"""Besides those that links lead to: tests/browser/test_admin_pages.py looks at them."""


@pytest.fixture
def customer(demo: Demo) -> tuple[str, str]:
    """The customer's id at the store, and the name. Has the points of signing up."""
    mark = uuid4().hex[:8]
    told = {"id": f"care-{mark}", "first_name": "Care", "last_name": mark, "email": f"care-{mark}@mail.example"}
    demo.shop.send("customer.created", told, f"care-{mark}", LONG_AGO)
    demo.shop.await_balance(f"external:care-{mark}", available=SIGN_UP)
    return f"care-{mark}", f"Care {mark}"


@pytest.fixture
def second(demo: Demo, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Admin]:
    """Somebody else of the team, in a browser of their own, who has just taken up their invitation."""
    email = f"ben-{uuid4().hex[:8]}@kilnandkettle.example"
    invited = demo.lagniappe.command(
        "staff", "invite", "--shop", str(demo.shop.made["shop_id"]), "--email", email, "--name", "Ben Boss",
        "--role", "Customer care",
    )  # fmt: skip
    with browsing(chromium, request) as page:
        page.goto(invited["url"])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same once more").fill(PASSWORD)
        page.locator("main form button").last.click()
        page.wait_for_url("**/admin")
        yield Admin(page, demo)


@pytest.fixture
def limited(admin: Admin) -> Iterator[None]:
    """A second person is needed above 200 points, until the test is over."""
    _set_limit(admin, "200")
    yield
    _set_limit(admin, "")


def _set_limit(admin: Admin, points: str) -> None:
    admin.open("/approvals/limit")
    admin.page.get_by_label("Points one person may change").fill(points)
    admin.page.get_by_role("button", name="Update").click()
    expect(admin.said.first).to_be_visible()


def test_points_above_the_limit_come_when_a_second_person_agrees(
    admin: Admin, second: Admin, demo: Demo, customer: tuple[str, str], limited: None
) -> None:
    external_id, name = customer
    page = admin.page
    admin.open("/customers")
    page.get_by_label("Find a customer").fill(external_id)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_label("Points", exact=True).fill("500")
    page.get_by_role("button", name="Assign points").click()  # no reason: the browser asks for it
    expect(page.get_by_label("Reason", exact=True)).to_be_focused()
    page.get_by_label("Reason", exact=True).fill("The kiln broke his pots")
    page.get_by_role("button", name="Assign points").click()
    expect(admin.said.first).to_contain_text("waits for a second person")
    assert flaws(admin.page) == []
    demo.shop.await_balance(f"external:{external_id}", available=SIGN_UP)

    second.open("/approvals")
    request = second.page.locator(".request", has_text=name)
    expect(request).to_contain_text("The kiln broke his pots")
    expect(request).to_contain_text("+500")
    assert flaws(second.page) == []
    request.get_by_role("button", name="Approve").click()
    expect(second.said.first).to_contain_text("Done.")
    demo.shop.await_balance(f"external:{external_id}", available=SIGN_UP + 500)

    page.reload()
    expect(page.locator(".figure", has_text="Available").locator("dd")).to_have_text(str(SIGN_UP + 500))
    page.get_by_role("link", name="View logs").click()
    log = page.locator("#log tbody")
    expect(log).to_contain_text("approved by Ben Boss")
    expect(log).to_contain_text("The kiln broke his pots")
    page.get_by_label("What").select_option("spent")
    expect(page.locator("#log")).to_contain_text("Nothing here")
    assert flaws(admin.page) == []


def test_a_reward_is_redeemed_marked_and_another_given_back(
    admin: Admin, demo: Demo, customer: tuple[str, str]
) -> None:
    external_id, name = customer
    page = admin.page
    mark = uuid4().hex[:8]
    document = {"reward_name": f"Tile {mark}", "reward_type": "gift", "points_to_be_redeemed": 40}
    made = demo.shop.call("POST", "/rewards", document)
    demo.shop.adjust(f"external:{external_id}", 100, "A good start")
    admin.open(f"/customers?search={external_id}")
    page.get_by_role("link", name=name).click()
    for _ in range(2):
        page.get_by_role("link", name="Redeem a reward").click()
        page.get_by_label("Find a reward").fill(mark)
        page.keyboard.press("Enter")
        page.get_by_role("button", name=f"Choose Tile {mark}").click()
        expect(page.get_by_role("heading", name=f"Tile {mark}")).to_be_visible()
        assert flaws(admin.page) == []
        page.get_by_label("Reason").fill("On the telephone")
        page.get_by_role("button", name="Redeem for 40 points").click()
        expect(admin.said.first).to_contain_text("was redeemed")
    demo.shop.await_balance(f"external:{external_id}", available=SIGN_UP + 20)
    rewards = page.locator("#rewards tbody tr")
    expect(rewards).to_have_count(2)
    rewards.first.get_by_role("button", name="Mark as used").click()
    expect(admin.said.first).to_contain_text("Marked as used")
    rewards.first.get_by_role("button", name="Shipped").click()
    expect(rewards.first).to_contain_text("Delivery: Shipped")
    assert flaws(admin.page) == []
    rewards.last.get_by_role("link", name=f"Tile {mark}").click()
    expect(page.get_by_role("heading", name="Give back")).to_be_visible()
    assert flaws(admin.page) == []
    page.get_by_label("Reason").fill("Changed his mind")
    page.get_by_role("button", name="Give back").click()
    expect(admin.said.first).to_contain_text("Given back")
    demo.shop.await_balance(f"external:{external_id}", available=SIGN_UP + 60)
    demo.shop.call("PATCH", f"/rewards/{made['id']}", {"is_active": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_by_axe(admin: Admin, scheme: str) -> None:
    admin.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in PAGES:
        for width in (360, 1280):
            admin.page.set_viewport_size({"width": width, "height": 860})
            admin.open(path)
            assert flaws(admin.page) == []
            assert admin.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} at {width}"
