"""The theme app extension: Shopify's own linter, and what that does not see (platforms.md 4.2 to 4.4)."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_lighthouse import node
from tests.extensions.theme import CART, EXTENSION, MUG, Theme, blocks, locale, schema

MODULES = Path(__file__).parents[2] / ".lagniappe-tools" / "theme-check" / "node_modules"
LINT = Path(__file__).with_name("lint.mjs")
needs_linter = pytest.mark.skipif(
    not (MODULES / "@shopify" / "theme-check-node").exists() or node() is None,
    reason="Shopify's theme-check is not here: `make theme-check` gets it",
)

LANGUAGES = {"en.default", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-TW"}
"""Those of the widget, by Shopify's names."""
TARGETS = {"loyalty_embed": "body", "product_points": "section", "cart_points": "section", "balance": "section"}
ATTRIBUTES = {"name", "target", "settings", "stylesheet", "enabled_on"}
SETTING_TYPES = {"select": {"id", "label", "default", "options"}, "checkbox": {"id", "label", "info", "default"}}
SETTING_TYPES |= {"product": {"id", "label", "autofill"}, "paragraph": {"content"}}
LONGEST_NAME = 24
"""One less than the 25 from which Shopify cuts."""
OUTPUT = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
NUMBER = re.compile(r".*\| divided_by: 100\.0|product\.id|item\.quantity")
"""What Shopify makes a number of. The rest is escaped, or made JSON of and escaped with the whole."""
HARMLESS = {"block.shopify_attributes", "'lagniappe.js' | asset_url"}


def lint(folder: Path) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [str(node()), str(LINT), str(MODULES), str(folder)], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The extension, to plant faults in."""
    made = tmp_path / "extension"
    shutil.copytree(EXTENSION, made)
    return made


class TestShopifysLinter:
    @needs_linter
    def test_has_nothing_to_say(self) -> None:
        assert lint(EXTENSION) == []

    @needs_linter
    @pytest.mark.parametrize(
        ("check", "fault"),
        [
            ("LiquidHTMLSyntaxError", "{% if customer %}"),
            ("RemoteAsset", '<script src="https://elsewhere.example/x.js" defer></script>'),
            ("ParserBlockingScript", """<script src="{{ 'lagniappe.js' | asset_url }}"></script>"""),
            ("MissingAsset", """{{ 'no-such.js' | asset_url }}"""),
            ("TranslationKeyExists", "{{ 'no.such.key' | t }}"),
            ("UndefinedObject", "{{ no_such_object }}"),
        ],
    )
    def test_finds_what_is_planted(self, copy: Path, check: str, fault: str) -> None:
        block = copy / "blocks" / "balance.liquid"
        block.write_text(fault + block.read_text("utf-8"), "utf-8")
        assert check in {each["check"] for each in lint(copy)}

    @needs_linter
    def test_finds_a_text_that_a_language_lacks(self, copy: Path) -> None:
        (copy / "locales" / "de.json").write_text('{"editor": {}}', "utf-8")
        assert "MatchingTranslations" in {each["check"] for each in lint(copy)}

    @needs_linter
    def test_finds_a_script_that_is_too_large(self, copy: Path) -> None:
        (copy / "assets" / "lagniappe.js").write_text("/*" + "x" * 10_000 + "*/", "utf-8")
        schema_with_script = '{% schema %}{"name": "x", "target": "body", "javascript": "lagniappe.js", "settings": []}'
        (copy / "blocks" / "large.liquid").write_text(schema_with_script + "{% endschema %}", "utf-8")
        assert any("Size" in each["check"] for each in lint(copy))


def faults(found: dict[str, Any]) -> list[str]:
    """What Shopify would refuse in a block's schema, or show cut."""
    said = [f"attribute {name}" for name in set(found) - ATTRIBUTES]
    if found["target"] not in TARGETS.values():
        said.append(f"target {found['target']}")
    for setting in found["settings"]:
        if set(setting) != {"type"} | SETTING_TYPES.get(setting["type"], set()):
            said.append(f"setting {setting['type']}")
        elif setting["type"] == "select" and setting["default"] not in [each["value"] for each in setting["options"]]:
            said.append(f"default {setting['default']}")
    ids = [setting["id"] for setting in found["settings"] if "id" in setting]
    if len(ids) != len(set(ids)):
        said.append("an id twice")
    return said


class TestSchemas:
    def test_there_is_an_embed_and_a_block_for_each_place(self) -> None:
        assert {name: schema(source)["target"] for name, source in blocks().items()} == TARGETS

    @pytest.mark.parametrize("name", TARGETS)
    def test_say_only_what_shopify_knows(self, name: str) -> None:
        assert faults(schema(blocks()[name])) == []

    def test_what_the_linter_does_not_see_is_found_here(self) -> None:
        setting = {"type": "colour", "id": "x", "label": "X"}
        select = {"type": "select", "id": "x", "label": "X", "default": "c", "options": [{"value": "a"}]}
        planted = {"name": "X", "target": "bdy", "tag": "p", "settings": [setting, select]}
        assert faults(planted) == ["attribute tag", "target bdy", "setting colour", "default c", "an id twice"]

    @pytest.mark.parametrize("language", sorted(LANGUAGES))
    def test_names_are_short_in_every_language(self, language: str) -> None:
        texts = locale(f"{language}.schema.json")
        names = [texts[schema(source)["name"].removeprefix("t:")] for source in blocks().values()]
        assert max(map(len, names)) <= LONGEST_NAME
        assert len(set(names)) == len(names)
        assert "Lagniappe" not in names  # the theme editor shows the app's name beside them


class TestWords:
    def test_are_there_in_every_language_of_the_widget(self) -> None:
        assert {path.name for path in (EXTENSION / "locales").iterdir()} == {
            f"{language}{kind}.json" for language in LANGUAGES for kind in ("", ".schema")
        }

    @pytest.mark.parametrize("kind", ["", ".schema"])
    @pytest.mark.parametrize("language", sorted(LANGUAGES))
    def test_say_the_same_things(self, language: str, kind: str) -> None:
        english, texts = locale(f"en.default{kind}.json"), locale(f"{language}{kind}.json")
        assert set(texts) == set(english)
        assert all(text.strip() and "<" not in text and "{" not in text for text in texts.values())

    def test_are_those_that_are_used(self) -> None:
        sources = "".join(blocks().values())
        assert set(re.findall(r'"t:([a-z_.]+)"', sources)) == set(locale("en.default.schema.json"))
        assert set(re.findall(r"'([a-z_.]+)' \| t\b", sources)) == set(locale("en.default.json"))


class TestSizes:
    def test_are_within_shopifys_limits(self) -> None:
        """theme-check counts bytes as they stand, Shopify compressed ones."""
        sizes = {path: path.stat().st_size for path in EXTENSION.rglob("*") if path.is_file()}
        assert sum(size for path, size in sizes.items() if path.suffix == ".liquid") < 100_000
        assert max(size for path, size in sizes.items() if path.suffix == ".json") < 15_000
        assert sizes[EXTENSION / "assets" / "lagniappe.js"] < 10_000
        assert sizes[EXTENSION / "assets" / "lagniappe.css"] < 100_000

    def test_the_script_is_a_small_one(self) -> None:
        assert (EXTENSION / "assets" / "lagniappe.js").stat().st_size < 2_000


class TestSecurity:
    """By the names of Shopify's own checks (platforms.md 5.6)."""

    @pytest.mark.parametrize("name", TARGETS)
    def test_liquid_unsafe_render(self, name: str) -> None:
        source = re.sub(r"\{%-?\s*schema.*", "", blocks()[name], flags=re.DOTALL)
        for said in OUTPUT.findall(source):
            is_escaped = said.endswith(("| escape", "| json", "| url_encode"))
            assert is_escaped or NUMBER.fullmatch(said) or said in HARMLESS, said
        assert "| raw" not in source
        assert "render " not in source

    @pytest.mark.parametrize("name", TARGETS)
    def test_no_brace_stands_within_what_is_printed(self, name: str) -> None:
        """Shopify's Liquid takes the first brace that closes for the end, within quotes too."""
        for said in re.findall(r"\{\{-?((?:(?!\}\}).)*)\}\}", blocks()[name], re.DOTALL):
            assert "}" not in said
            assert "{" not in said

    def test_unsafe_innerhtml(self) -> None:
        script = (EXTENSION / "assets" / "lagniappe.js").read_text("utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval",
            "Function(",
            "postMessage",
        ):
            assert word not in script

    def test_text_setting_html_smuggling(self) -> None:
        """No block has a setting that takes text, HTML or Liquid."""
        for source in blocks().values():
            assert {setting["type"] for setting in schema(source)["settings"]} <= set(SETTING_TYPES)

    def test_theme_extension_xss(self) -> None:
        evil = "\"'><script>alert(1)</script>"
        metafields = {"lagniappe": {"base_url": {"value": evil}, "widget_key": {"value": evil}}}
        product = {
            "id": 1,
            "selected_or_first_available_variant": {"id": 1, "price": 100, "sku": evil},
            "variants": [{"id": 1, "price": 100, "sku": evil}],
        }
        items = [{"product_id": 1, "sku": evil, "quantity": 1, "original_price": 100, "gift_card": False}]
        cart = {"item_count": 1, "total_price": 100, "items": items, "currency": {"iso_code": evil}}
        theme = Theme(customer={"id": 7}, product=product, cart=cart, metafields=metafields, language=evil)
        for name in TARGETS:
            assert "<script>" not in theme.show(name)
            assert not re.search(r"""["']>""", theme.show(name).replace('">&nbsp;', "").replace('="{}">', ""))

    def test_credential_browser_leakage(self) -> None:
        """The widget's key is public; no secret and no customer's id stands in what is shown."""
        theme = Theme(customer={"id": 820982911946154500, "email": "ada@example.com"}, product=MUG, cart=CART)
        for name in TARGETS:
            shown = theme.show(name)
            assert "820982911946154500" not in shown
            assert "ada@example.com" not in shown
        sources = "".join(path.read_text("utf-8") for path in EXTENSION.rglob("*") if path.is_file())
        assert not re.search(r"shp(ss|at|ca)_|secret|whsec_|customer\.(id|email|name)", sources)

    def test_script_tag_url_injection(self) -> None:
        """The loader's address comes from metafields that only the app can set."""
        sources = "".join(blocks().values())
        assert re.findall(r"data-loader=\"(.*?)\"", sources) == [
            "{{ base | escape }}/widget/v1/loader.js?shop={{ key | url_encode }}"
        ]
        assert len(re.findall(r"app\.metafields\.lagniappe\.(base_url|widget_key)\.value", sources)) == 2
