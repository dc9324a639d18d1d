"""The names of shops on Shopify. Checked before any of them comes into an address or a header."""

import re

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com", re.IGNORECASE | re.ASCII)
_LONGEST = 100


def read(name: str | None) -> str | None:
    """The shop's name in small letters, such as `kiln.myshopify.com`; None for everything that is none.

    `https://` and a path are not part of a name.
    """
    if name is None or len(name) > _LONGEST or _NAME.fullmatch(name) is None:
        return None
    return name.lower()
