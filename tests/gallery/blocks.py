"""The blocks of a store's own pages, for the gallery: each page is what `<main>` of a store holds besides its heading."""

from typing import Any

from tests.widget.conftest import Store

LINES = '[{"product_id": "p1", "quantity": 2, "unit_price": "60.80"}]'
PRODUCT = '<lagniappe-product-points price="60.80" quantity="2">&nbsp;</lagniappe-product-points>'
CART = f"<lagniappe-cart-points lines='{LINES}'>&nbsp;</lagniappe-cart-points>"
PURCHASE = f"<lagniappe-purchase-points lines='{LINES}'>&nbsp;</lagniappe-purchase-points>"
BALANCE = "<lagniappe-balance>&nbsp;</lagniappe-balance>"
_DARK = '<div style="color-scheme: dark; color: #eee; background: #14161f; padding: 1em; --lagniappe-accent: #9db0ff">'
_LARGE = '<div style="font: italic 26px/1.4 Georgia, serif; color: #7a3c00; --lagniappe-accent: #c0392b">'
_NARROW = '<div style="width: 220px">'


def pages() -> list[tuple[str, str]]:
    """Name and HTML. Of a member those with a balance and an order, if the page is visited with an identity."""
    every = "".join(f"<p>{each}</p>" for each in (PRODUCT, CART, PURCHASE, BALANCE))
    return [
        ("On a product page", PRODUCT),
        ("In the cart", CART),
        ("After the purchase", PURCHASE),
        ("In the account", BALANCE),
        ("In a dark theme", f"{_DARK}{every}</div>"),
        ("In a theme of large letters", f"{_LARGE}{every}</div>"),
        ("Where there is little room", f"{_NARROW}{every}</div>"),
    ]


def settle(store: Store) -> None:
    """Until every block says something."""
    store.page.wait_for_function(
        """() => [...document.querySelectorAll("main :is(lagniappe-balance, [price], [lines])")].every(
            ({ shadowRoot }) => shadowRoot?.querySelector("[part~=text]")?.textContent.trim())"""
    )


def arrange(store: Store, points: int = 12, *, nothing: bool = False) -> None:
    """Let the API say what the pages ask of it; with `nothing` it has nothing to say, and the lines stay blank."""
    said: dict[str, Any] = {
        "locale": "en",
        "points": points,
        "next": {"text": f"Spend €8.40 more to earn {points + 1} points"},
        "texts": {
            "earn": f"Earn {points} points",
            "order": f"This order will bring {points} points, about 3 days after you receive it.",
            "guest": f"This order is worth {points} points. Sign up with the same e-mail address, and they are yours.",
            "sign_up": "Sign up",
        },
    }
    summary = {"locale": "en", "points_text": "620 points", "next_text": "380 points to €10 off"}
    me = store.answers["me"] | {"summary": summary}
    store.answers |= {
        "points": (500, {}, {}) if nothing else said,
        "me": me,
        "session": store.answers["session"] | {"me": me},
    }
