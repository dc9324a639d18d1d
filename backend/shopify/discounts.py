"""Discounts of a shop at Shopify: made, found again, filled with codes and taken away. Knows nothing of our coupons.

Every call may be lost after it was done. So nothing is believed but what Shopify shows: a code that it calls taken is looked
up, and is ours if the discount's title says so; what is to be taken away and is not there has been taken away.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import discounts
from backend.platforms.shopify.admin_api import NotBegun
from backend.platforms.shopify.discounts import MOST_CODES, Reference
from backend.shopify import asking

NOT_IN_TIME = "Shopify was not done in time."
LONGEST_WAIT_SECONDS = 8.0
"""For one thing that Shopify does by and by; then it is looked at again with the next attempt."""
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_LATER = ("INTERNAL_ERROR",)
_TAKEN = ("TAKEN", "DUPLICATE")


class CodeTaken(Exception):
    """The shop has another discount with this code."""


class Gone(Exception):
    """The discount is not there any more: somebody has deleted it."""


@dataclass(frozen=True)
class Line:
    """Calls to Shopify for one shop, all of which begin before `ends_at` (`time.monotonic()`).

    `bulk`: nobody waits for them, so half of what the shop may be asked is left to others."""

    shop_id: int
    session: requests.Session
    ends_at: float
    bulk: bool = False

    def ask(self, document: str, variables: Mapping[str, Any], *, until: datetime | None = None) -> Mapping[str, Any]:
        """Raises TryAgain and Never as `asking.ask` does, and NotBegun when the time is over."""
        if time.monotonic() >= self.ends_at:
            raise NotBegun(NOT_IN_TIME)
        return asking.ask(self.shop_id, document, variables, session=self.session, bulk=self.bulk, until=until)

    def looks(self) -> Iterator[None]:
        """Once now, and again after pauses that grow. Raises TryAgain when the time is over."""
        began, pause = time.monotonic(), _FIRST_PAUSE_SECONDS
        while True:
            yield
            until = time.monotonic() + pause
            if until >= min(began + LONGEST_WAIT_SECONDS, self.ends_at):
                raise TryAgain(NOT_IN_TIME)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


@dataclass(frozen=True)
class RedeemCode:
    """A code as Shopify has it. `uses` lags behind."""

    id: str
    code: str
    uses: int


@dataclass(frozen=True)
class Found:
    """The discount that has a code. `code`: the code itself, if Shopify's search showed it."""

    gid: str
    reference: Reference | None
    codes: int
    code: RedeemCode | None


@dataclass(frozen=True)
class Listed:
    """A discount of ours. `is_on`: it has not been switched off."""

    gid: str
    reference: Reference
    is_on: bool


def make(line: Line, creation: tuple[str, Mapping[str, Any]], reference: Reference) -> str:
    """Make the discount (`platforms/shopify/discounts.creation`) and return its id; one that has the code and our
    `reference` is the one. Raises CodeTaken, TryAgain, Never."""
    document, variables = creation
    code = variables["discount"]["code"]
    payload = line.ask(document, variables)["made"]
    error = asking.first_user_error(payload)
    if error is None:
        return str(payload["codeDiscountNode"]["id"])
    if error.get("code") in _TAKEN or "code" in (error.get("field") or ())[-1:]:
        found = find(line, code)
        if found is not None and reference.names_the_same(found.reference):
            return found.gid
        if found is not None:
            raise CodeTaken()
        if error.get("code") in _TAKEN:
            raise TryAgain("Shopify says that the code is taken, and does not show by what.")
    raise _refusal(error, code)


def find(line: Line, code: str) -> Found | None:
    """The discount that has this code, whatever its case."""
    asked = {"code": code, "search": discounts.search_for(code)}
    node = line.ask("discount_by_code", asked)["found"]
    if node is None:
        return None
    discount = node["codeDiscount"]
    codes = [_code(each) for each in discount["codes"]["nodes"]]
    return Found(
        gid=node["id"],
        reference=discounts.reference_in(discount["title"]),
        codes=(discount["codesCount"] or {"count": len(codes)})["count"],
        code=next((each for each in codes if each.code.upper() == code.upper()), None),
    )


def add(line: Line, gid: str, codes: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
    """Add at most `MOST_CODES` codes to the discount: for each, as Shopify spells it in capitals, None or the error.

    Raises Gone; TryAgain also if Shopify is not done in time: then they may come yet.
    """
    assert len(codes) <= MOST_CODES
    asked = {"discount": gid, "codes": [{"code": code} for code in codes]}
    payload = line.ask("discount_add_codes", asked)["added"]
    if (error := asking.first_user_error(payload)) is not None:
        if not exists(line, gid):
            raise Gone()
        raise _refusal(error, *codes)
    creation = payload["bulkCreation"]["id"]
    for _ in line.looks():
        said = line.ask("discount_added_codes", {"creation": creation, "first": len(codes)})["creation"]
        if said is not None and said["done"]:
            break
    return {
        each["code"].upper(): None if each["discountRedeemCode"] else next(iter(each["errors"]), {})
        for each in said["codes"]["nodes"]
    }


def pages(line: Line, gid: str) -> Iterator[list[RedeemCode]]:
    """All codes of the discount, page by page, the newest first. Raises Gone."""
    after = None
    while True:
        codes = _page(line, gid, MOST_CODES, after)
        yield [_code(each) for each in codes["nodes"]]
        if not codes["pageInfo"]["hasNextPage"]:
            return
        after = codes["pageInfo"]["endCursor"]


def ours(line: Line) -> Iterator[Listed]:
    """All discounts of the shop whose titles say that they are ours, whoever's they are really."""
    after = None
    while True:
        said = line.ask("discounts_of_ours", {"search": f"tag:{discounts.TAG}", "after": after})["discounts"]
        for node in said["nodes"]:
            reference = discounts.reference_in(node["discount"].get("title"))
            if reference is not None:
                is_on = node["discount"]["status"] != "EXPIRED"
                yield Listed(discounts.code_node(node["id"]), reference, is_on)
        if not said["pageInfo"]["hasNextPage"]:
            return
        after = said["pageInfo"]["endCursor"]


def exists(line: Line, gid: str) -> bool:
    try:
        _page(line, gid, 1, None)
    except Gone:
        return False
    return True


def remove(line: Line, gid: str, codes: Sequence[RedeemCode]) -> None:
    """Take these codes away from the discount. Returns when they are gone; raises TryAgain, Never."""
    for begin in range(0, len(codes), MOST_CODES):
        ids = [each.id for each in codes[begin : begin + MOST_CODES]]
        payload = line.ask("discount_remove_codes", {"discount": gid, "ids": ids})["removed"]
        if (error := asking.first_user_error(payload)) is not None:
            if not exists(line, gid):
                return
            raise _refusal(error, *(each.code for each in codes))
        job = payload["job"]
        if job is None or job["done"]:
            continue
        for _ in line.looks():
            said = line.ask("job", {"job": job["id"]})["job"]
            if said is None or said["done"]:
                break


def deactivate(line: Line, gid: str) -> None:
    """Let the discount work no more from now on. One that is gone works no more, either."""
    _end(line, gid, "discount_deactivate", "deactivated")


def delete(line: Line, gid: str) -> None:
    """Delete the discount with all its codes; nothing, if it is gone."""
    _end(line, gid, "discount_delete", "deleted")


def _end(line: Line, gid: str, document: str, answered: str) -> None:
    error = asking.first_user_error(line.ask(document, {"discount": gid})[answered])
    if error is not None and exists(line, gid):
        raise _refusal(error)


def _page(line: Line, gid: str, first: int, after: str | None) -> Mapping[str, Any]:
    node = line.ask("discount_codes", {"discount": gid, "first": first, "after": after})["found"]
    if not node:
        raise Gone()
    codes: Mapping[str, Any] = node["codeDiscount"]["codes"]
    return codes


def _code(node: Mapping[str, Any]) -> RedeemCode:
    return RedeemCode(node["id"], node["code"], node["asyncUsageCount"])


def _refusal(error: Mapping[str, Any], *hidden: str) -> TryAgain | Never:
    said = discounts.said(error, *hidden)
    return TryAgain(said) if error.get("code") in _LATER else Never(said)
