"""A running Lagniappe, a store that takes discounts, and the shop that joins them: one of each for a file of tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import browsing, chromium_running
from tests.browser.running_demo import Demo, demo_running
from tests.browser.widget import Widget
from tests.journeys.running import Running, RunningShop, lagniappe_up
from tests.journeys.unreliable_store import UnreliableStore, open_store


@pytest.fixture(scope="module")
def lagniappe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Whatever the tests do to it, its books are right in the end."""
    with lagniappe_up(tmp_path_factory.mktemp("up")) as running:
        yield running
        assert running.command("ledger", "check")["violations"] == []


@pytest.fixture(scope="module")
def store() -> Iterator[UnreliableStore]:
    with open_store() as opened:
        yield opened
        assert opened.forgeries == 0


@pytest.fixture(scope="module")
def shop(lagniappe: Running, store: UnreliableStore, tmp_path_factory: pytest.TempPathFactory) -> RunningShop:
    made = lagniappe.create_shop({}, tmp_path_factory.mktemp("shop"), **{"discounts-url": store.url})
    store.secret = made.made["webhook_secret"]
    return made


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One for all journeys through the demo's store. Time moves on in it: a journey relies on no date."""
    with demo_running(tmp_path_factory.mktemp("demo")) as running:
        yield running
        assert running.lagniappe.command("ledger", "check")["violations"] == []


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
    return Widget(page)
