"""Pages of a shop on Shopify that we lead to."""

import pytest

from backend.platforms.shopify import links

CLIENT_ID = "1f0e8d7c6b5a49382716053f4e2d1c0b"


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("LGN-7F3K", "LGN-7F3K"),
        ("a/../../admin?x=1&y#z", "a%2F..%2F..%2Fadmin%3Fx%3D1%26y%23z"),
        ("50% off", "50%25%20off"),
        ("été", "%C3%A9t%C3%A9"),
    ],
)
def test_a_code_stays_one_part_of_the_address_whatever_it_holds(code: str, path: str) -> None:
    assert links.discount("https://kiln.example", code) == f"https://kiln.example/discount/{path}?redirect=/cart"


def test_the_theme_editor_opens_with_the_embed_switched_on() -> None:
    assert links.switch_embed_on("kiln.myshopify.com", CLIENT_ID, "loyalty_embed") == (
        "https://kiln.myshopify.com/admin/themes/current/editor"
        f"?context=apps&template=index&activateAppId={CLIENT_ID}/loyalty_embed"
    )


def test_the_theme_editor_opens_with_a_block_put_in() -> None:
    assert links.add_block("kiln.myshopify.com", CLIENT_ID, "product_points", "product") == (
        "https://kiln.myshopify.com/admin/themes/current/editor"
        f"?template=product&addAppBlockId={CLIENT_ID}/product_points&target=mainSection"
    )
