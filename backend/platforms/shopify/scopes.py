"""What the app may do in a shop. The same list stands in shopify.app.toml, from which Shopify installs the app."""

from collections.abc import Iterable

WANTED = (
    "read_customers",
    "read_discounts",
    "read_orders",
    "write_app_proxy",
    "write_discounts",
)


def missing(granted: Iterable[str]) -> list[str]:
    """What the app wants and the shop has not granted. Who may write may read: Shopify then names the first alone."""
    held = set(granted)
    return [each for each in WANTED if each not in held and each.replace("read_", "write_", 1) not in held]
