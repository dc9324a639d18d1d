"""How much one member and one address may ask for (contract section 5)."""

from collections.abc import Callable

import pytest
from flask import Flask

from backend.app import create_app
from backend.errors import ConfigError, TooManyRequests
from backend.visitor_address import visitor_address
from backend.widget_api.rate_limits import DEFAULTS, Limit, RateLimits, Window
from tests.conftest import TestShop
from tests.widget_api.conftest import ORIGIN, Machine, Widget


class TestWindow:
    def hits(self, window: Window, key: str, times: int) -> int:
        """How many of so many hits pass."""
        passed = 0
        for _ in range(times):
            try:
                window.hit(key)
            except TooManyRequests:
                continue
            passed += 1
        return passed

    def test_lets_so_many_pass_and_no_more(self, machine: Machine) -> None:
        assert self.hits(Window(Limit(5, 60)), "a", 20) == 5

    def test_counts_each_key_by_itself(self, machine: Machine) -> None:
        window = Window(Limit(5, 60))
        assert [self.hits(window, key, 9) for key in "ab"] == [5, 5]

    def test_never_lets_twice_as_many_pass_around_the_turn_of_a_window(self, machine: Machine) -> None:
        window = Window(Limit(60, 60))
        machine.seconds = 6059
        assert self.hits(window, "a", 100) == 60
        machine.seconds = 6061
        assert self.hits(window, "a", 100) <= 1

    def test_is_free_again_after_a_whole_quiet_window(self, machine: Machine) -> None:
        window = Window(Limit(5, 60))
        self.hits(window, "a", 9)
        machine.seconds += 120
        assert self.hits(window, "a", 9) == 5

    def test_says_after_how_long_one_more_passes(self, machine: Machine) -> None:
        for used_at in range(6000, 6060, 7):
            window = Window(Limit(10, 60))
            machine.seconds = used_at
            self.hits(window, "a", 10)
            for _ in range(30):
                with pytest.raises(TooManyRequests) as refusal:
                    window.hit("a")
                machine.seconds += refusal.value.retry_after_seconds
                window.hit("a")

    def test_a_refused_hit_is_not_counted(self, machine: Machine) -> None:
        window = Window(Limit(5, 60))
        self.hits(window, "a", 500)
        machine.seconds += 72  # a fifth of the next window is over: 4 of the 5 still count
        assert self.hits(window, "a", 5) == 1

    def test_keeps_nothing_of_keys_that_come_no_more(self, machine: Machine) -> None:
        window = Window(Limit(5, 60))
        for key in range(1000):
            window.hit(key)
        machine.seconds += 120
        window.hit("a")
        assert len(window._now) + len(window._before) == 1


class TestSetting:
    def test_without_it_there_are_the_defaults_and_none_in_test(self) -> None:
        assert {name: each.count for name, each in DEFAULTS.items()} == {
            "reads": 600,
            "writes": 60,
            "address": 6000,
            "links": 120,
        }
        limits = RateLimits.from_setting(None, is_test=True)
        for _ in range(7000):
            limits.hit("address", "1.2.3.4")
        limits = RateLimits.from_setting(None, is_test=False)
        with pytest.raises(TooManyRequests):
            for _ in range(121):
                limits.hit("writes", 1)

    def test_names_what_it_changes_and_keeps_the_rest(self) -> None:
        limits = RateLimits.from_setting(" writes=2/hour; reads=3/second ;", is_test=True)
        assert {name: window._limit for name, window in limits._windows.items()} == {
            "writes": Limit(2, 3600),
            "reads": Limit(3, 1),
            "address": Limit(6000, 60),
            "links": Limit(120, 60),
        }

    @pytest.mark.parametrize(
        "setting",
        ["writes", "writes=", "writes=60", "writes=0/minute", "writes=-1/minute", "pigs=1/minute", "60/minute"],
    )
    def test_a_malformed_one_stops_the_start_and_is_named(self, environ: dict[str, str], setting: str) -> None:
        with pytest.raises(ConfigError, match="LAGNIAPPE_RATE_LIMITS"):
            create_app(environ | {"LAGNIAPPE_RATE_LIMITS": setting})


class TestAtTheDoor:
    @pytest.fixture
    def limited(self, shop: TestShop, another_app: Callable[..., Flask]) -> Callable[[str], Widget]:
        def make(setting: str) -> Widget:
            shop.client = another_app(LAGNIAPPE_RATE_LIMITS=setting).test_client()
            return Widget(shop)

        return make

    def test_a_member_over_the_limit_is_told_when_to_come_back(
        self, limited: Callable[[str], Widget], shop: TestShop, machine: Machine
    ) -> None:
        widget = limited("reads=3/minute")
        widget.begin()
        assert [widget.call("me").status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = widget.call("me/activity")
        assert (answer.status_code, answer.json["code"]) == (429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 120
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert "Lagniappe-Signature" in answer.headers

    def test_reads_and_writes_are_counted_apart_and_members_too(
        self, limited: Callable[[str], Widget], shop: TestShop, machine: Machine
    ) -> None:
        widget = limited("reads=2/minute;writes=1/minute")
        other = Widget(shop, "c-2")
        widget.begin(), other.begin()
        assert [widget.call("me").status_code for _ in range(3)] == [200, 200, 429]
        assert [widget.call("me/seen", "POST").status_code for _ in range(2)] == [200, 429]
        assert other.call("me").status_code == 200

    def test_beginning_sessions_is_a_write_of_the_customer(
        self, limited: Callable[[str], Widget], shop: TestShop, machine: Machine
    ) -> None:
        widget = limited("writes=2/minute")
        assert [widget.begin().status_code for _ in range(3)] == [200, 200, 429]
        assert Widget(shop, "c-2").begin().status_code == 200

    def test_an_address_is_limited_whatever_it_asks_for(
        self, limited: Callable[[str], Widget], shop: TestShop, machine: Machine
    ) -> None:
        widget = limited("address=4/minute")
        answers = [
            widget.program(),
            shop.client.get("/widget/v1/me"),
            shop.client.options("/widget/v1/me", headers={"Origin": ORIGIN}),
            shop.client.get("/widget/v1/loader.js"),
            shop.client.get("/widget/v1/loader.js"),
        ]
        assert [answer.status_code for answer in answers] == [200, 401, 204, 404, 429]
        elsewhere = shop.client.get("/widget/v1/loader.js", environ_base={"REMOTE_ADDR": "10.0.0.9"})
        assert elsewhere.status_code == 404


class TestWhoseAddress:
    """Behind a proxy the visitors must not share one limit; without one nobody may choose an address."""

    @pytest.mark.parametrize(
        ("peer", "forwarded", "address"),
        [
            ("203.0.114.7", None, "203.0.114.7"),
            ("203.0.114.7", "198.51.101.1", "203.0.114.7"),  # a visitor's own invention
            ("127.0.0.1", None, "127.0.0.1"),
            ("127.0.0.1", "198.51.101.1", "198.51.101.1"),
            ("::1", "2606:4700::1", "2606:4700::1"),
            ("", "198.51.101.1", "198.51.101.1"),  # a unix socket
            ("10.0.0.3", "9.9.9.9, 198.51.101.1", "198.51.101.1"),  # the first is the visitor's invention
            ("10.0.0.3", "198.51.101.1, 10.0.0.9", "198.51.101.1"),
            ("10.0.0.3", "10.0.0.9, 192.168.1.1", "10.0.0.3"),
            ("10.0.0.3", "", "10.0.0.3"),
            ("10.0.0.3", "nonsense", "10.0.0.3"),
            ("10.0.0.3", "," * 5000, "10.0.0.3"),
            ("10.0.0.3", "198.51.101.1, <script>", "10.0.0.3"),
        ],
    )
    def test_is_told(self, peer: str, forwarded: str | None, address: str) -> None:
        environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
        assert visitor_address(environ) == address
