"""What the app may do in a shop, and why. The same list stands in shopify.app.toml, from which Shopify installs the app.

Tests derive from Shopify's own schema what our documents and topics need: neither more nor less may stand here.
"""

from collections.abc import Iterable, Mapping

CODES = "write_discounts"
REASONS: Mapping[str, str] = {
    "read_customer_merge": "to hear when two customers become one",
    "read_customers": "members, and whose an order is",
    "read_fulfillments": "to hear when a parcel arrives or is collected",
    "read_orders": "what orders bring",
    "read_products": "which product a line is of, for rules by product",
    "write_app_proxy": "the widget's way to us, at the shop's own address",
    CODES: "codes of rewards, made and taken away, and whether they are still there",
}
WANTED = tuple(REASONS)
FOR_CUSTOMER_ACCOUNTS = "write_customers"
"""Points and levels as metafields of customers, where a merchant switches that on."""
FOR_MONEY: Mapping[str, tuple[str, ...]] = {
    "gift_card": ("write_gift_cards", "write_gift_card_transactions"),
    "store_credit": ("read_store_credit_accounts", "write_store_credit_account_transactions"),
}
"""Rewards that the shop pays in money, by the kind of money: it is paid, looked for, and taken back."""
OPTIONAL = (FOR_CUSTOMER_ACCOUNTS, *(scope for each in FOR_MONEY.values() for scope in each))
"""Granted by those shops alone that want what they are for."""


def missing(granted: Iterable[str], wanted: Iterable[str] = WANTED) -> list[str]:
    """What the app wants and the shop has not granted. Who may write may read: Shopify then names the first alone."""
    held = set(granted)
    return [each for each in wanted if each not in held and each.replace("read_", "write_", 1) not in held]
