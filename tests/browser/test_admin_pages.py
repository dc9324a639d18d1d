"""Every page of the admin by axe, in light and dark, on a telephone and on a desk; none scrolls sideways.

The pages are those that links lead to from Home, one for each declared page (and for each word in its address, such as the
sections of the program), so a page that nobody can reach fails, too.
With LAGNIAPPE_GALLERY their pictures go to gallery/admin.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect, Rule

from backend.admin import routes
from backend.admin.door import DECLARED, PREFIX
from backend.path_converters import RewardIdConverter, RowIdConverter
from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.chromium import browsing
from tests.browser.running_demo import Demo

assert routes.PAGES, "importing them declares every page"
GALLERY = Path("gallery/admin")
LOOKS = (("light", 1280, 800), ("dark", 360, 740), ("dark", 1280, 800), ("light", 360, 740))
SIDEWAYS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
ELSEWHERE = {
    "log_in": "the door: looked at below",
    "forgot": "the door: looked at below",
    "choose_shop": "asks for a password first: tests/admin/test_log_in.py",
    "ask_code": "asks for a password first: test_admin_team.py",
    "join": "asks for a letter: test_admin_team.py",
    "begin": "asks for a new shop: tests/admin/test_joining.py",
    "reset": "asks for a letter: tests/admin/test_joining.py",
    "program_changes": "asks for a draft: test_admin_program.py",
    "import_report": "asks for an import: test_admin_import.py",
    "customer_accounts": "asks for a shop on Shopify: test_embedded_admin.py",
    "preview_frame": "is a part of a page: test_admin_preview.py",
    "no_such_page": "is none",
}
"""Pages that no link leads to, and where they are looked at."""
MAP = Map(
    [Rule(f"{PREFIX}{each.path}", endpoint=each.name) for each in DECLARED.values() if each.method == "GET"],
    converters={"row_id": RowIdConverter, "reward_id": RewardIdConverter},
).bind("localhost")


@dataclass
class Found:
    """What links lead to: by the page's name, with the words of its address, its first address; `files` are no pages."""

    pages: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


def name_of(path: str) -> str | None:
    """The declared page that answers at this path, with the words that stand in it; ids are any."""
    try:
        name, blanks = MAP.match(path)
    except (HTTPException, RequestRedirect):
        return None
    return " ".join([name, *(each for each in blanks.values() if isinstance(each, str))])


LINKS = """() => [
    ...[...document.links].map((link) => link.href),
    ...[...document.forms].filter((form) => form.method === "get").map(
        (form) => `${form.action.split("?")[0]}?${new URLSearchParams(new FormData(form))}`),
]"""
"""Where one gets from a page: by its links, and by its forms that ask, as they stand."""


def prepare(admin: Admin) -> None:
    """What a new shop lacks: an endpoint with a message, a file to bring in, a file to take out."""
    page = admin.page
    admin.open("/webhooks/new")
    page.get_by_label("Address").fill("http://127.0.0.1:9/hooks")
    page.get_by_role("button", name="Add endpoint").click()
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("button", name="Send a test event").click()
    admin.open("/import")
    page.get_by_label("File").set_input_files(
        {"name": "members.csv", "mimeType": "text/csv", "buffer": b"customer_id,email\nimported-1,i@mail.example\n"}
    )
    page.get_by_role("button", name="Upload").click()
    admin.open("/export")
    page.get_by_role("button", name="Export").click()


def somebody(admin: Admin) -> str:
    """The address of a customer with points, levels and a reward."""
    admin.open("/customers?search=mei-lin@example.com")
    admin.page.get_by_role("link", name="Mei-Lin Chen").click()
    return admin.page.url


@pytest.fixture(scope="module")
def found(demo: Demo, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[tuple[Found, Page, Admin]]:
    """Follow links from Home, one address of each declared page."""
    with browsing(chromium, request) as page:
        admin = Admin(page, demo)
        admin.sign_in()
        prepare(admin)
        known = Found()
        waiting = [admin.base, somebody(admin)]
        while waiting:
            url = waiting.pop(0)
            name = name_of(urlsplit(url).path)
            if name is None or name.split()[0] in ELSEWHERE or name in known.pages or name in known.files:
                continue
            answer = page.request.get(url)
            assert answer.status == 200, (url, answer.status)
            if "text/html" not in answer.headers["content-type"]:
                known.files.add(name)
                continue
            known.pages[name] = url
            page.goto(url)
            waiting += [each for each in page.evaluate(LINKS) if each.startswith(admin.base)]
        yield known, page, admin


def test_every_page_can_be_reached_by_links_from_home(found: tuple[Found, Page, Admin]) -> None:
    known = found[0]
    every = {each.name for each in DECLARED.values() if each.method == "GET"}
    reached = {name.split()[0] for name in (*known.pages, *known.files)}
    missing = sorted(every - reached - set(ELSEWHERE))
    assert not missing, f"no link leads to {', '.join(missing)}"


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_no_page_keeps_anybody_out(found: tuple[Found, Page, Admin], scheme: str, width: int, height: int) -> None:
    known, page, _ = found
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    wrong = [complaint for name, url in known.pages.items() for complaint in look(page, name, url, scheme, width)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS[:2])
def test_nor_does_the_door(
    chromium: Browser, demo: Demo, request: pytest.FixtureRequest, scheme: str, width: int, height: int
) -> None:
    with browsing(chromium, request) as page:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        base = Admin(page, demo).base
        wrong = [each for name in ("log-in", "forgot") for each in look(page, name, f"{base}/{name}", scheme, width)]
    assert not wrong, "\n".join(wrong)


def look(page: Page, name: str, url: str, scheme: str, width: int) -> Iterator[str]:
    """What is wrong with the page, in words."""
    page.goto(url)
    if os.environ.get("LAGNIAPPE_GALLERY"):
        GALLERY.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=GALLERY / f"{name}-{width}-{scheme}.png", full_page=True)
    if page.evaluate(SIDEWAYS):
        yield f"{name} scrolls sideways"
    yield from (f"{name}: {flaw}" for flaw in flaws(page))
