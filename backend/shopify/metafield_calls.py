"""What Shopify is told of customers' points and levels: what these metafields are, and their values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import requests

from backend.platforms.base import Never
from backend.platforms.shopify.discounts import CUSTOMER
from backend.shopify import asking
from backend.shopify.metafields import Shown

NAMESPACE = "$app:lagniappe"
"""Shopify puts the app's id in place of `$app`, so that no other app and no merchant may write there."""
MOST = 25
"""Metafields that `metafieldsSet` takes at a time (its description in the schema)."""
POINTS = "points"
LEVEL = "tier"
_TYPES = {POINTS: "number_integer", LEVEL: "single_line_text_field"}
_NAMES = {POINTS: "Loyalty points", LEVEL: "Loyalty level"}

Metafields = list[dict[str, str]]


def define(shop_id: int, *, session: requests.Session | None = None) -> None:
    """Have Shopify know them, and let customer accounts read them. What it knows already is done. Raises TryAgain, Never."""
    for key, type_ in _TYPES.items():
        definition = {
            "ownerType": "CUSTOMER",
            "namespace": NAMESPACE,
            "key": key,
            "name": _NAMES[key],
            "type": type_,
            "access": {"customerAccount": "READ"},
        }
        said = asking.ask(shop_id, "customer_metafield_define", {"definition": definition}, session=session, bulk=True)
        error = asking.first_user_error(said["metafieldDefinitionCreate"])
        if error is not None and error["code"] != "TAKEN":
            raise Never(f"Shopify will not have the metafield “{_NAMES[key]}”: {error['message']}")


def undefine(shop_id: int, *, session: requests.Session | None = None) -> None:
    """Take them away from all customers. Raises TryAgain, Never."""
    for key in _TYPES:
        definition = {"ownerType": "CUSTOMER", "namespace": NAMESPACE, "key": key}
        said = asking.ask(
            shop_id, "customer_metafield_undefine", {"definition": definition}, session=session, bulk=True
        )
        error = asking.first_user_error(said["metafieldDefinitionDelete"])
        if error is not None and error["code"] != "NOT_FOUND":
            raise Never(f"Shopify will not take the metafield “{_NAMES[key]}” away: {error['message']}")


def together(members: Sequence[Shown]) -> Iterator[list[Shown]]:
    """Members who go in one call: as many as it has room for, each whole."""
    chunk: list[Shown] = []
    size = 0
    for each in members:
        room = max(1, len(_values(each)))
        if size + room > MOST:
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += room
    if chunk:
        yield chunk


def write(shop_id: int, members: Sequence[Shown], *, session: requests.Session | None = None) -> set[int]:
    """Write what is news of these members (of `together`); whose customer is gone at Shopify.

    All or nothing at Shopify: without those who are gone it is asked again. Raises TryAgain, Never.
    """

    def set_(metafields: Metafields) -> Mapping[str, Any]:
        variables = {"metafields": metafields}
        return asking.ask(shop_id, "customer_metafields_set", variables, session=session, bulk=True)["metafieldsSet"]  # type: ignore[no-any-return]

    def delete(metafields: Metafields) -> Mapping[str, Any]:
        variables = {"metafields": metafields}
        return asking.ask(shop_id, "customer_metafields_delete", variables, session=session, bulk=True)[  # type: ignore[no-any-return]
            "metafieldsDelete"
        ]

    gone = _without_gone([value for each in members for value in _values(each)], set_)
    left = [each for each in members if _owner(each) not in gone]
    gone |= _without_gone([_key(each, LEVEL) for each in left if each.is_level_news and each.level is None], delete)
    return {each.member_id for each in members if _owner(each) in gone}


def forget(shop_id: int, customer_id: str, *, session: requests.Session | None = None) -> None:
    """Take them away from one customer; nothing, if there is no such customer any more. Raises TryAgain, Never."""
    owner = f"{CUSTOMER}{customer_id}"
    metafields = [{"ownerId": owner, "namespace": NAMESPACE, "key": key} for key in _TYPES]
    said = asking.ask(shop_id, "customer_metafields_delete", {"metafields": metafields}, session=session)
    error = asking.first_user_error(said["metafieldsDelete"])
    if error is not None and (error["field"] or ())[-1:] != ["ownerId"]:
        raise Never(f"Shopify does not take away what the customer saw: {error['message']}")


def _without_gone(metafields: Metafields, ask: Callable[[Metafields], Mapping[str, Any]]) -> set[str]:
    gone: set[str] = set()
    while metafields:
        error = asking.first_user_error(ask(metafields))
        if error is None:
            break
        place = _place(error)
        if place is None or place >= len(metafields) or (error["field"] or ())[-1:] != ["ownerId"]:
            raise Never(f"Shopify does not take what customers are to see: {error['message']}")
        owner = metafields[place]["ownerId"]
        gone.add(owner)
        metafields = [each for each in metafields if each["ownerId"] != owner]
    return gone


def _place(error: Mapping[str, Any]) -> int | None:
    """Which of those that were sent it is about."""
    if (place := error.get("elementIndex")) is not None:
        return int(place)
    return next((int(part) for part in error["field"] or () if part.isdecimal()), None)


def _values(member: Shown) -> Metafields:
    found = []
    if member.are_points_news:
        found.append(_key(member, POINTS) | {"type": _TYPES[POINTS], "value": str(member.points)})
    if member.is_level_news and member.level is not None:
        found.append(_key(member, LEVEL) | {"type": _TYPES[LEVEL], "value": member.level})
    return found


def _key(member: Shown, key: str) -> dict[str, str]:
    return {"ownerId": _owner(member), "namespace": NAMESPACE, "key": key}


def _owner(member: Shown) -> str:
    return f"{CUSTOMER}{member.customer_id}"
