"""Making and disabling discount codes at a store's `discounts_url` (contract section 3, last paragraph).

A call may be repeated as often as it takes: the store knows it by its reference, and answers 409 with that reference
if it has the code already. What the store says in words is shown to the merchant, but never with the code in it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import requests

from backend import strict_json
from backend.errors import MalformedJson
from backend.platforms import outgoing
from backend.platforms.base import Never, TryAgain
from backend.platforms.custom.signature import sign
from backend.platforms.events import time_text

Kind = Literal["fixed_amount", "percentage", "free_shipping", "gift"]

_LONGEST_EXCERPT = 200
_LOOKED_AT = 2000
_TAG = re.compile(r"<[^<>]*>")


class CodeTaken(Exception):
    """The store has a discount of this code that is not ours: another code must be made."""


@dataclass(frozen=True)
class DiscountAddress:
    """Where a store takes its discounts, and the secret that it knows us by."""

    url: str
    secret: str = field(repr=False)
    is_rehearsal: bool = False


def create(
    call: DiscountAddress,
    *,
    reference: str,
    code: str,
    kind: Kind,
    value: str | None,
    currency: str | None,
    product_id: str | None = None,
    minimum_subtotal: str | None = None,
    customer_id: str | None = None,
    expires_at: datetime | None = None,
    wall: datetime,
    session: requests.Session | None = None,
) -> None:
    """Have the store make a discount of this code, for one use. Returns when the store has it.

    Raises CodeTaken if it has another one of that code, TryAgain if it may be repeated (with the same reference and
    code), Never if no repetition will help. `session` is one of `outgoing.open_session()`.
    """
    data = {
        "reference": reference,
        "code": code,
        "kind": kind,
        "value": value,
        "currency": currency,
        "product_id": product_id,
        "minimum_subtotal": minimum_subtotal,
        "usage_limit": 1,
        "customer_id": customer_id,
        "expires_at": None if expires_at is None else time_text(expires_at),
    }
    answer = _send(call, "discount.create", data, wall, session)
    if answer.status == 409:
        holder = _holder(answer)
        if holder is None:
            raise Never("The store answered 409 and did not say whose discount has the code.")
        if holder["reference"] != reference:
            raise CodeTaken()
        return
    _judge(answer, call, code, wall)


def disable(
    call: DiscountAddress,
    *,
    reference: str,
    code: str,
    is_ours: bool = True,
    wall: datetime,
    session: requests.Session | None = None,
) -> None:
    """Have the store take this code no more. Returns when it is so; a store that has no such discount is done, too, if the
    code is ours (`is_ours`): one that the merchant brought along may work elsewhere.

    Raises TryAgain and Never as `create` does.
    """
    answer = _send(call, "discount.disable", {"reference": reference, "code": code}, wall, session)
    if not (is_ours and answer.status in (404, 410)):
        _judge(answer, call, code, wall)


def _send(
    call: DiscountAddress, what: str, data: Mapping[str, Any], wall: datetime, session: requests.Session | None
) -> outgoing.Answer:
    body = strict_json.dumps({"type": what, "data": data})
    message_id = _message_id(what, data["reference"], data["code"])
    sent_at = int(wall.timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": sign(call.secret, message_id, sent_at, body),
    }
    return outgoing.post(call.url, body, headers, is_rehearsal=call.is_rehearsal, session=session)


def _message_id(what: str, reference: str, code: str) -> str:
    """The same for every repetition, and another one for another code: stores drop ids that they have seen."""
    return "msg_" + hashlib.sha256("\n".join((what, reference, code)).encode()).hexdigest()[:32]


def _judge(answer: outgoing.Answer, call: DiscountAddress, code: str, wall: datetime) -> None:
    status = answer.status
    if 200 <= status <= 299:
        return
    if status == 429 or status >= 500:
        raise TryAgain(f"The store answered {status}.", outgoing.retry_after(answer, wall))
    if 300 <= status <= 399:
        raise Never(f"The store answered {status}: its discounts address must not redirect.")
    words = _excerpt(answer.body, hidden=(code, call.secret))
    raise Never(f"The store answered {status}: {words}" if words else f"The store answered {status}.")


def _holder(answer: outgoing.Answer) -> dict[str, Any] | None:
    """`{"reference": …}` of a 409; null for a discount that never had one."""
    try:
        said = strict_json.parse(answer.body)
    except MalformedJson:  # a page of something in between, or cut off where it became too long
        return None
    return said if isinstance(said, dict) and "reference" in said else None


def _excerpt(body: bytes, hidden: tuple[str, ...]) -> str:
    """The begin of what the store said, in one line of plain text, without what is nobody's business."""
    text = body.decode("utf-8", "replace")
    for each in hidden:
        text = re.sub(re.escape(each), "…", text, flags=re.IGNORECASE)
    text = _TAG.sub(" ", text[:_LOOKED_AT])
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "…"
