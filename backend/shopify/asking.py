"""Asking Shopify for a shop: with a token that is fresh."""

from collections.abc import Mapping
from typing import Any

import requests

from backend.platforms.base import Never
from backend.platforms.shopify import admin_api
from backend.shopify import tokens


def ask(
    shop_id: int, name: str, variables: Mapping[str, Any], *, session: requests.Session | None = None
) -> Mapping[str, Any]:
    """The `data` that Shopify answers to `platforms/shopify/documents/<name>.graphql`. Never inside a transaction.

    Raises TryAgain (later), Never (no repetition helps, or the shop has no token), as the outbox understands them.
    """
    try:
        return admin_api.ask(tokens.fresh(shop_id), name, variables, session=session)
    except admin_api.TokenRefused:
        raise Never(tokens.OPEN_ONCE) from None


def first_user_error(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first of a mutation's `userErrors`: `{field, message, code?}`. None if there is none."""
    errors = payload.get("userErrors") or ()
    return errors[0] if errors else None


__all__ = ["admin_api", "ask", "first_user_error"]
