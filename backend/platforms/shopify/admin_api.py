"""Calls to Shopify's Admin API (GraphQL), one at a time, and what an answer means (platforms.md 5.3 to 5.5).

The documents stand in `documents/`, each with the name of its file; tests hold them to Shopify's own schema.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import requests

from backend import clock, strict_json
from backend.errors import MalformedJson
from backend.platforms import outgoing
from backend.platforms.base import Never, TryAgain

VERSION = "2026-10"
"""Of the Admin API and of webhooks. Shopify supports each for at least a year."""
LIMITS = outgoing.Limits(read=15.0, total=20.0, largest=8 * 1024 * 1024)
"""A page of orders with their lines takes seconds and may be longer than what stores answer."""
CLOSED_PAUSE_SECONDS = 3600.0
"""How long a shop is left alone that Shopify itself has closed for now."""

_WAITS = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE", "BAD_GATEWAY"})
_INTERNAL = re.compile(r"internal (?:server )?error", re.IGNORECASE)
"""Shopify's own errors do not always come with a code."""
_HIDDEN = re.compile(r"not approved to (?:use|access) the \w+ (?:field|object)", re.IGNORECASE)
"""What Shopify says of protected customer data, each beside the field that is null because of it: with a code or without."""
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+\b")
_LONGEST_REASON = 300

log = logging.getLogger(__name__)
_versions_told: set[str] = set()


@dataclass(frozen=True)
class Access:
    """The right to speak for one shop. `base_url` is the shop's own address, or a pretend Shopify's in demo and test."""

    domain: str
    token: str = field(repr=False)
    base_url: str
    is_rehearsal: bool = False


@dataclass(frozen=True)
class Budget:
    """What Shopify says of a shop's bucket: points left of how many, and how many come back each second."""

    available: float
    maximum: float
    restore_rate: float


@dataclass(frozen=True)
class Reply:
    """An answer without errors. `requested`: the cost that the call was reckoned at before it ran."""

    data: Mapping[str, Any]
    requested: float | None
    budget: Budget | None


class TokenRefused(Exception):
    """Shopify does not take the token (any more): 401."""


class Denied(Never):
    """The shop does not let the app do this."""


class NotBegun(TryAgain):
    """Nothing was done, for certain: it did not come to that."""


class Throttled(NotBegun):
    """Nothing was done: the shop's bucket is too low. `retry_after_seconds`: until it holds enough, if that is known."""

    def __init__(self, wait: float | None, requested: float | None = None, budget: Budget | None = None) -> None:
        super().__init__("Shopify asks to be asked more slowly.", wait)
        self.requested = requested
        self.budget = budget


def base_url(domain: str, test_url: str | None) -> str:
    """Where the shop of this domain (see `domain.py`) answers."""
    return f"https://{domain}" if test_url is None else f"{test_url}/{domain}"


@cache
def document(name: str) -> str:
    """The GraphQL text of `documents/<name>.graphql`."""
    return files("backend.platforms.shopify").joinpath("documents", f"{name}.graphql").read_text()


def ask(access: Access, name: str, variables: Mapping[str, Any], *, session: requests.Session | None = None) -> Reply:
    """What Shopify answers to `documents/<name>.graphql`. Errors of the shopkeeper's kind (`userErrors`) are in its data.

    Raises TokenRefused; NotBegun and Never, if nothing was done; TryAgain, if it may have been. An answer with top-level
    errors is an error, whatever data comes with it: a mutation with some has been done, and a part of its answer failed.
    Only what an app is not shown of customers is no error of a query: such fields are null. `session` is one of
    `outgoing.open_session()`.
    """
    answer = outgoing.post(
        f"{access.base_url}/admin/api/{VERSION}/graphql.json",
        strict_json.dumps({"query": document(name), "variables": dict(variables)}),
        {"content-type": "application/json", "x-shopify-access-token": access.token},
        is_rehearsal=access.is_rehearsal,
        session=session,
        limits=LIMITS,
    )
    if answer.status != 200:
        raise _of_status(answer)
    _look_at_version(answer.headers.get("x-shopify-api-version"))
    if len(answer.body) >= LIMITS.largest:
        raise Never("Shopify's answer is too long.")
    said = _read(answer.body)
    requested, budget = _cost(said.get("extensions"))
    data = said.get("data")
    if (errors := said.get("errors")) and not _only_hides(name, errors, data):
        raise _of_errors(name, errors, data, requested, budget)
    if not isinstance(data, dict):
        raise TryAgain("Shopify's answer could not be read.")
    return Reply(data, requested, budget)


def _read(body: bytes) -> dict[str, Any]:
    try:
        said = strict_json.parse(body)
    except MalformedJson:
        said = None
    if not isinstance(said, dict):
        raise TryAgain("Shopify's answer could not be read.")
    return said


def _of_status(answer: outgoing.Answer) -> Exception:
    wait = outgoing.retry_after(answer, clock.wall())
    match answer.status:
        case 401:
            return TokenRefused()
        case 402:
            return NotBegun("The shop is frozen until its owner has paid Shopify.", CLOSED_PAUSE_SECONDS)
        case 403:
            return _denied(answer.body.decode(errors="replace"))
        case 404:
            return Never("Shopify knows no shop of this name.")
        case 423:
            return NotBegun("Shopify has locked the shop.", CLOSED_PAUSE_SECONDS)
        case 429:
            return NotBegun("Shopify asks to be asked more slowly.", wait)
        case status if status >= 500 or status == 408:
            return TryAgain(f"Shopify answered {status}.", wait)
        case status:
            return Never(f"Shopify answered {status}.")


def _of_errors(name: str, errors: Any, data: Any, requested: float | None, budget: Budget | None) -> Exception:
    """What top-level errors mean. Whoever must wait is told so even if something else is wrong beside it."""
    told = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
    codes = {_code(each) for each in told}
    if "THROTTLED" in codes:
        return _throttled(requested, budget) if data is None else TryAgain("Shopify answered in part.")
    if codes & _WAITS or any(_code(each) is None and _INTERNAL.search(_message(each)) for each in told):
        return TryAgain("Shopify had an error of its own.")
    if _is_mutation(name) and isinstance(data, dict) and (not told or None in codes or any(data.values())):
        # It was begun, and only an error with a code can be a refusal: else it may have been done before it failed.
        return TryAgain("Shopify answered in part.")
    for each in told:
        if _code(each) == "ACCESS_DENIED":
            extensions = each.get("extensions")
            required = extensions.get("requiredAccess") if isinstance(extensions, dict) else None
            return _denied(f"{required or each.get('message')}")
    for_log = f"Shopify refused the document {name}: {', '.join(sorted(filter(None, codes))) or 'no code'}"
    log.error("%s", for_log)
    message = next(filter(None, map(_message, told)), "no reason given")
    # The messages may quote what was sent: they are for the merchant alone.
    return Never(f"Shopify refused: {message[:_LONGEST_REASON]}", for_log)


def _only_hides(name: str, errors: Any, data: Any) -> bool:
    """Whether all that is wrong is that the app may not see who a customer is (docs/shopify.md, protected customer data)."""
    return (
        not _is_mutation(name)
        and isinstance(data, dict)
        and not any(each is None or (isinstance(each, list) and None in each) for each in data.values())
        and isinstance(errors, list)
        and all(isinstance(each, dict) and _HIDDEN.search(_message(each)) for each in errors)
    )


@cache
def _is_mutation(name: str) -> bool:
    return any(line.startswith("mutation") for line in document(name).splitlines())


def _throttled(requested: float | None, budget: Budget | None) -> Throttled:
    wait = None
    if requested is not None and budget is not None:
        wait = max(0.0, requested - budget.available) / budget.restore_rate
    return Throttled(wait, requested, budget)


def _code(error: Mapping[str, Any]) -> str | None:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if isinstance(code, str) else None


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) else ""


def _denied(said: str) -> Denied:
    scopes: Sequence[str] = sorted(set(_SCOPE.findall(said)))
    which = f" ({' or '.join(scopes)})" if scopes else ""
    return Denied(
        f"The app lacks a permission{which} in this shop: open the app in Shopify and accept what it asks for."
    )


def _cost(extensions: Any) -> tuple[float | None, Budget | None]:
    """What the answer says of its cost, if it says so in numbers that make sense."""
    try:
        cost = extensions["cost"]
        status = cost["throttleStatus"]
        budget = Budget(
            float(status["currentlyAvailable"]), float(status["maximumAvailable"]), float(status["restoreRate"])
        )
        requested = float(cost["requestedQueryCost"])
    except (KeyError, TypeError, ValueError):
        return None, None
    return requested, budget if budget.maximum > 0 and budget.restore_rate > 0 else None


def _look_at_version(version: str | None) -> None:
    """A version that Shopify supports no longer is answered by the oldest that it does: told once per process."""
    if version is not None and version != VERSION and version not in _versions_told and len(_versions_told) < 10:
        _versions_told.add(version)
        log.warning("Shopify answers by version %.20r of the Admin API, not by %s", version, VERSION)
