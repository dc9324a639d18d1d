"""A member's address as the store told it: an object whose fields each platform names in its own way."""

from collections.abc import Mapping
from typing import Any

_FIRST = (
    "name", "first_name", "last_name", "company", "address", "address1", "address_1", "line1", "street", "address2",
    "address_2", "line2", "district", "postal_code", "postcode", "zip", "city", "province", "state", "region", "country",
)  # fmt: skip
"""In the order of an envelope; what is none of these follows as it came."""


def lines(address: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Name and value of each field that says something.

    >>> lines({"country": "FR", "address1": "1 rue Oberkampf", "zip": ""})
    [('Address1', '1 rue Oberkampf'), ('Country', 'FR')]
    """
    known = {name: _text(value) for name, value in (address or {}).items()}
    names = [*(name for name in _FIRST if name in known), *(name for name in known if name not in _FIRST)]
    return [(name.replace("_", " ").capitalize(), known[name]) for name in names if known[name]]


def one_line(address: Mapping[str, Any] | None) -> str:
    """As one line of text; empty if there is none."""
    return ", ".join(value for _, value in lines(address))


def _text(value: Any) -> str:
    match value:
        case None | bool():
            return ""
        case dict():
            return ", ".join(filter(None, map(_text, value.values())))
        case list():
            return ", ".join(filter(None, map(_text, value)))
    return str(value).strip()
