"""One demo, one boutique and one browser for all tests of this folder."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Cookie, Page

from tests.browser import members
from tests.browser.admin import Admin
from tests.browser.boutique import LABEL, Boutique, boutique_open
from tests.browser.chromium import PATIENCE, browsing, chromium_running
from tests.browser.running_demo import Demo, demo_running
from tests.browser.widget import Widget


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_running(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="package")
def boutique(demo: Demo) -> Iterator[Boutique]:
    """With its members."""
    with boutique_open(demo) as opened:
        members.bring(opened)
        yield opened


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with browsing(chromium, request) as opened:
        yield opened


@pytest.fixture
def widget(page: Page) -> Widget:
    """The boutique's."""
    return Widget(page, LABEL)


@pytest.fixture(scope="package")
def owners_cookies(demo: Demo, chromium: Browser) -> list[Cookie]:
    """Of a browser in which the demo's owner has logged in: once for all tests, none of which logs them out."""
    with chromium.new_context() as context:
        context.set_default_timeout(PATIENCE)
        Admin(context.new_page(), demo).sign_in()
        return context.cookies()


@pytest.fixture
def admin(page: Page, demo: Demo, owners_cookies: list[Cookie]) -> Admin:
    """The demo's admin, signed in as its owner, at no page yet."""
    page.context.add_cookies(owners_cookies)  # type: ignore[arg-type]
    return Admin(page, demo)
