"""Calls to Shopify's Admin API (GraphQL), one at a time, and what an answer means (platforms.md section 5).

The documents stand in `documents/`, each with the name of its file; tests hold them to Shopify's own schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import requests

from backend import strict_json
from backend.errors import MalformedJson
from backend.platforms import outgoing
from backend.platforms.base import Never, TryAgain

VERSION = "2026-10"
"""Of the Admin API and of webhooks. Shopify supports each for at least a year."""


@dataclass(frozen=True)
class Access:
    """The right to speak for one shop. `base_url` is the shop's own address, or a pretend Shopify's in demo and test."""

    domain: str
    token: str = field(repr=False)
    base_url: str
    is_rehearsal: bool = False


class TokenRefused(Exception):
    """Shopify does not take the token (any more): 401."""


def base_url(domain: str, test_url: str | None) -> str:
    """Where the shop of this domain (see `domain.py`) answers."""
    return f"https://{domain}" if test_url is None else f"{test_url}/{domain}"


@cache
def document(name: str) -> str:
    """The GraphQL text of `documents/<name>.graphql`."""
    return files("backend.platforms.shopify").joinpath("documents", f"{name}.graphql").read_text()


def ask(
    access: Access, name: str, variables: Mapping[str, Any], *, session: requests.Session | None = None
) -> Mapping[str, Any]:
    """The `data` of the answer to `documents/<name>.graphql`. Errors of the shopkeeper's kind (`userErrors`) are in it.

    Raises TryAgain, Never, and TokenRefused. `session` is one of `outgoing.open_session()`.
    """
    answer = outgoing.post(
        f"{access.base_url}/admin/api/{VERSION}/graphql.json",
        strict_json.dumps({"query": document(name), "variables": dict(variables)}),
        {"content-type": "application/json", "x-shopify-access-token": access.token},
        is_rehearsal=access.is_rehearsal,
        session=session,
    )
    if answer.status == 401:
        raise TokenRefused()
    if answer.status == 429 or answer.status >= 500:
        raise TryAgain(f"Shopify answered {answer.status}.")
    if answer.status != 200:
        raise Never(f"Shopify answered {answer.status}.")
    try:
        said = strict_json.parse(answer.body)
    except MalformedJson:
        raise TryAgain("Shopify's answer could not be read.") from None
    if said.get("errors"):
        raise Never(f"Shopify refused: {said['errors'][0].get('message')}")
    data: Mapping[str, Any] = said["data"]
    return data
