"""loader.js and the modules that it imports (contract section 9)."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import brotli
import pytest

from backend.widget_api import assets
from tests.conftest import TestShop
from tests.widget_api.conftest import Widget

STATIC = Path(__file__).parents[2] / "widget" / "static"


def load(shop: TestShop, key: str | None = None, **options: Any) -> Any:
    return shop.client.get("/widget/v1/loader.js", query_string={"shop": key or shop.facts.widget_key}, **options)


def look_of(script: str) -> dict[str, str]:
    """What the server filled in."""
    match = re.search(r"const look = (\{.*?\});", script, re.DOTALL)
    assert match
    return json.loads(match[1])


class TestLoader:
    def test_carries_the_look_of_its_shop(self, new_shop: Any) -> None:
        shop = new_shop(
            {
                "appearance": {
                    "position": "left",
                    "accent": "#ffe08a",
                    "launcher_label": {"fr": "Le club", "en": "Club"},
                }
            },
            locale="fr",
        )
        look = look_of(load(shop).text)
        assert look["key"] == shop.facts.widget_key
        assert look["base"] == "http://127.0.0.1:8000"
        assert (look["position"], look["accent"], look["ink"]) == ("left", "#ffe08a", "#1a1a1a")
        assert look["label"] == "Le club"
        assert look["locale"] == "fr"
        assert look["sorry"].startswith("Le chargement")
        assert "referral" not in look

    def test_says_whether_members_bring_friends(self, new_shop: Any) -> None:
        sides = {side: {"points": 50} for side in ("advocate", "friend")}
        shop = new_shop({"referral": {"enabled": True, **sides}})
        assert look_of(load(shop).text)["referral"] == {"enabled": True}
        assert len(load(shop, headers={"Accept-Encoding": "gzip"}).data) <= 2048

    def test_is_called_rewards_by_default(self, shop: TestShop) -> None:
        assert look_of(load(shop).text)["label"] == "Rewards"

    def test_is_called_so_in_the_shops_language(self, new_shop: Any) -> None:
        assert look_of(load(new_shop({}, locale="de")).text)["label"] == "Prämien"

    def test_names_modules_that_are_there(self, shop: TestShop) -> None:
        address = look_of(load(shop).text)["panel"]
        assert address.startswith("http://127.0.0.1:8000/widget/v1/assets/")
        assert shop.client.get(address.removeprefix("http://127.0.0.1:8000")).status_code == 200

    def test_is_a_script_that_every_page_may_load_and_cache_for_a_minute(self, shop: TestShop) -> None:
        answer = load(shop)
        assert answer.status_code == 200
        assert answer.mimetype == "application/javascript"
        assert answer.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers

    def test_weighs_at_most_two_kilobytes_compressed(self, shop: TestShop) -> None:
        answer = load(shop, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.data) <= 2048
        assert gzip.decompress(answer.data).decode() == load(shop).text

    def test_nothing_that_a_merchant_writes_can_leave_its_text(self, new_shop: Any) -> None:
        evil = '</script><script>alert(1)</script>"; alert(2); //\u2028*/'
        shop = new_shop({"appearance": {"launcher_label": {"en": evil}}})
        script = load(shop).text
        assert "</script" not in script
        assert look_of(script)["label"] == evil

    def test_a_new_look_is_a_new_etag_and_the_old_one_is_not_sent_again(self, shop: TestShop) -> None:
        etag = load(shop).headers["ETag"]
        known = load(shop, headers={"If-None-Match": etag})
        assert (known.status_code, known.data) == (304, b"")
        assert known.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
        shop.set_program(appearance={"position": "left"})
        assert load(shop, headers={"If-None-Match": etag}).status_code == 200

    def test_two_shops_never_share_a_loader(self, new_shop: Any) -> None:
        one, two = new_shop(domain="one.example"), new_shop(domain="two.example")
        assert look_of(load(one).text)["key"] == one.facts.widget_key
        assert look_of(load(two).text)["key"] == two.facts.widget_key

    def test_a_program_that_is_switched_off_gets_a_script_that_does_nothing(self, shop: TestShop) -> None:
        shop.set_program(enabled=False)
        answer = load(shop)
        assert answer.status_code == 200
        assert answer.mimetype == "application/javascript"
        assert re.fullmatch(r"/\*.*\*/\n", answer.text)

    @pytest.mark.parametrize("key", ["wk_none", "\x00", "é", "x" * 3000, "../..", "*/alert(1)/*"])
    def test_an_unknown_shop_gets_one_too_and_404(self, shop: TestShop, key: str) -> None:
        answer = load(shop, key)
        assert answer.status_code == 404
        assert answer.mimetype == "application/javascript"
        assert re.fullmatch(r"/\*[^*]*\*/\n", answer.text)

    def test_without_a_shop_it_is_unknown(self, shop: TestShop) -> None:
        assert shop.client.get("/widget/v1/loader.js").status_code == 404


class TestModules:
    def address(self, path: str, version: str | None = None) -> str:
        return f"/widget/v1/assets/{version or assets.widget_files().version}/{path}"

    @pytest.mark.parametrize(
        ("path", "mimetype"),
        [
            ("lagniappe.js", "text/javascript"),
            ("styles/panel.css", "text/css"),
            ("locales/en.json", "application/json"),
        ],
    )
    def test_are_kept_for_ever_under_their_version(self, shop: TestShop, path: str, mimetype: str) -> None:
        answer = shop.client.get(self.address(path))
        assert answer.status_code == 200
        assert answer.mimetype == mimetype
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_every_module_of_the_widget_is_there(self, shop: TestShop) -> None:
        for file in STATIC.rglob("*.*"):
            path = file.relative_to(STATIC).as_posix()
            if path != "loader.js" and file.suffix in (".js", ".css", ".json", ".svg"):
                assert shop.client.get(self.address(path)).status_code == 200, path

    def test_the_unfilled_loader_is_not(self, shop: TestShop) -> None:
        assert shop.client.get(self.address("loader.js")).status_code == 404

    def test_another_version_is_answered_and_not_kept(self, shop: TestShop) -> None:
        answer = shop.client.get(self.address("lagniappe.js", "0123456789abcdef"))
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"

    def test_the_version_changes_with_any_file(self, tmp_path: Path) -> None:
        def version() -> str:
            return assets.WidgetFiles(tmp_path).version

        (tmp_path / "loader.js").write_text("1")
        (tmp_path / "elements").mkdir()
        (tmp_path / "elements" / "a.js").write_text("a()")
        versions = [version()]
        (tmp_path / "elements" / "a.js").write_text("b()")
        versions.append(version())
        (tmp_path / "elements" / "a.js").rename(tmp_path / "elements" / "b.js")
        versions.append(version())
        (tmp_path / "loader.js").write_text("2")
        versions.append(version())
        assert len(set(versions)) == 4
        assert version() == versions[-1]

    def test_are_sent_compressed_to_whoever_takes_it(self, shop: TestShop) -> None:
        plain = shop.client.get(self.address("lagniappe.js"))
        for accepted, encoding in (
            ("gzip", "gzip"),
            ("gzip, deflate, br, zstd", "br"),
            ("br;q=0.5, gzip;q=1", "br"),
            ("br", "br"),
            ("*", "br"),
            ("gzip, br;q=0", "gzip"),
            ("gzip;q=0", None),
            ("zstd", None),
            ("", None),
        ):
            answer = shop.client.get(self.address("lagniappe.js"), headers={"Accept-Encoding": accepted})
            assert answer.headers.get("Content-Encoding") == encoding, accepted
            assert answer.headers["Vary"] == "Accept-Encoding"
            unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
            assert unpack(answer.data) == plain.data

    @pytest.mark.parametrize("coding", ["br", "gzip"])
    def test_compressing_is_always_the_same(self, shop: TestShop, coding: str) -> None:
        asked = {"headers": {"Accept-Encoding": coding}}
        one, two = (shop.client.get(self.address("lagniappe.js"), **asked).data for _ in range(2))
        assert one == two
        assert assets.WidgetFiles(STATIC).version == assets.widget_files().version

    def test_what_has_not_changed_is_not_sent_again(self, shop: TestShop) -> None:
        etag = shop.client.get(self.address("lagniappe.js")).headers["ETag"]
        answer = shop.client.get(self.address("lagniappe.js"), headers={"If-None-Match": etag})
        assert (answer.status_code, answer.data) == (304, b"")

    @pytest.mark.parametrize(
        "path",
        [
            "../loader.js",
            "..%2floader.js",
            "%2e%2e/%2e%2e/backend/app.py",
            "....//....//etc/passwd",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "elements",
            "elements/",
            "lagniappe.js/",
            "lagniappe.js%00",
            "lagniappe.js%00.css",
            "LAGNIAPPE.JS",
            ".",
            "..",
            "nothing.js",
            "__init__.py",
            "%c0%ae%c0%ae/app.py",
            "a" * 4000,
        ],
    )
    def test_no_path_leads_out_of_the_folder(self, shop: TestShop, path: str) -> None:
        answer = shop.client.get(self.address(path), follow_redirects=True)  # of two slashes one is made
        assert answer.status_code == 404, answer.text[:200]
        assert answer.content_type == "application/problem+json"


def test_the_widget_of_one_opening_is_small(shop: TestShop, widget: Widget) -> None:
    """Design section 8: at most 3 KB before interaction."""
    before = len(load(shop, headers={"Accept-Encoding": "gzip"}).data)
    assert before <= 3 * 1024
