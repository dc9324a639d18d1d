from html.parser import HTMLParser
from typing import Any

from jinja2 import Environment, FileSystemLoader

from tests.widget.conftest import STATIC

TEMPLATES = Environment(loader=FileSystemLoader(STATIC.parent / "templates"), autoescape=True)


def script(**values: str) -> dict[str, str | None]:
    """The attributes of the one tag that the snippet is."""
    found: list[dict[str, str | None]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.append({"tag": tag, **dict(attrs)})

    Reader().feed(TEMPLATES.get_template("install_snippet.html").render(**values))
    (only,) = found
    return only


def test_the_snippet_is_the_script_of_the_shop() -> None:
    assert script(base_url="https://points.example", widget_key="wk_1") == {
        "tag": "script",
        "src": "https://points.example/widget/v1/loader.js?shop=wk_1",
        "defer": None,
    }


def test_what_the_store_knows_stands_in_data_attributes() -> None:
    tag = script(
        base_url="https://points.example", widget_key="wk_1", identity='a"b', login_url="/in", cart_url="/cart"
    )
    assert (tag["data-identity"], tag["data-login-url"], tag["data-cart-url"]) == ('a"b', "/in", "/cart")
    assert "data-signup-url" not in tag
