"""Store credit that pays a reward at Shopify: put into the customer's account, and taken out when the reward is given back.

A transaction has no name by which a repeated call would be known, so none is repeated before it is certain that the one
before was not done: that one is asked for is written down first, and the account is read before it is asked for again. What
is there since then, of the same amount and end, made by hand or by an app and nobody else's, is ours. Of each member one
transaction at a time is asked for, and each settles one coupon, so two of ours are never taken for each other. If there are
two that could be ours, a merchant has made one of them meanwhile: a person has to look.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from backend import clock
from backend.loyalty.coupons.coupons import SPENT
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import discounts, payouts
from backend.platforms.shopify.admin_api import NotBegun
from backend.shopify import asking
from backend.shopify import payouts as known
from backend.shopify.discounts import NOT_IN_TIME, Line
from backend.shopify.payouts import Payout

GONE = "Shopify does not know this store credit any more."
NOT_KNOWN_YET = "It is not known yet whether Shopify did what it was asked for."
CERTAIN_AFTER = timedelta(minutes=2)
"""What has not been done so long after it was asked for will not be: no call takes that long."""
ASKED_WITHIN = timedelta(minutes=1)
"""Who was held up for longer than this after writing down that it is asked for does not ask: what that comes to must be
certain to be over by then."""
CLOCKS_APART = timedelta(minutes=5)
"""How far Shopify's clock and ours may be apart."""
ENDS_APART = timedelta(days=1)
"""How far from what it was told Shopify may keep the end of a credit."""
ADJUSTMENT = "ADJUSTMENT"
"""What Shopify calls what is put in or taken out by hand or by an app, and not by an order."""


@dataclass(frozen=True)
class Credit:
    """The store credit of one coupon. `customer_id`: at Shopify; None: they have been forgotten."""

    shop_id: int
    coupon_id: int
    member_id: int
    customer_id: str | None
    worth: Mapping[str, Any]
    expires_at: datetime | None

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= clock.now()


class _CustomerGone(Exception):
    """Shopify knows the customer no more: deleted, or merged into another."""


@dataclass(frozen=True)
class _There:
    """A credit as Shopify has it; what was left of it when it expired stays `remaining`."""

    account: str
    amount: Decimal
    remaining: Decimal


def pay(line: Line, credit: Credit) -> None:
    """Have Shopify put it into the customer's account, once. Raises TryAgain, NotNow (nothing was asked for), Never."""
    if credit.customer_id is None:
        raise Never(known.NOBODYS)
    former = known.find(credit.shop_id, credit.coupon_id)
    if former is not None and _is_settled(line, credit, former, lambda: _account(line, credit)):
        return
    asked = payouts.credit(credit.worth, credit.expires_at)
    _ask(
        line,
        credit,
        former,
        "store_credit_credit",
        {"customer": discounts.CUSTOMER + credit.customer_id, "credit": asked},
        is_back=False,
    )


def take_back(line: Line, credit: Credit) -> None:
    """Have Shopify take it out of the account, once, if there is so much in it: money of the account is money, whichever
    credit it came with. What has expired is not taken out, for that would be something else; what is missing of it then has
    been spent, or is in the account still, in the place of what was taken out for another reward.

    Raises TryAgain, NotNow; Never(SPENT) if it was spent; Never.
    """
    paid = known.find(credit.shop_id, credit.coupon_id)
    if paid is None:
        return  # Shopify was never asked
    if not _is_settled(line, credit, paid, lambda: _account(line, credit)):
        _call_off(paid)
        return
    paid = known.find(credit.shop_id, credit.coupon_id)
    assert paid is not None and paid.gid is not None
    there = _read(line, paid.gid)
    former = known.find(credit.shop_id, credit.coupon_id, is_back=True)
    if former is not None and _is_settled(line, credit, former, lambda: there.account):
        return
    if credit.has_expired:
        if former is not None:
            _call_off(former)
        if there.remaining < there.amount:
            raise Never(SPENT)
        return
    asked = payouts.credit_debit(credit.worth)
    _ask(line, credit, former, "store_credit_debit", {"account": there.account, "debit": asked}, is_back=True)


def _ask(
    line: Line,
    credit: Credit,
    former: Payout | None,
    document: str,
    variables: Mapping[str, Any],
    *,
    is_back: bool,
) -> None:
    """Write down that it is asked for, ask for it, and write down what became of it."""
    if time.monotonic() >= line.ends_at:
        raise TryAgain(NOT_IN_TIME)
    if former is None:
        asked = known.begin(credit.shop_id, credit.coupon_id, credit.member_id, is_back=is_back)
    else:
        asked = known.again(former)
    try:
        payload = line.ask(document, variables, until=asked.last_asked_at + ASKED_WITHIN)["moved"]
    except (NotBegun, Never):
        known.call_off(asked)
        raise
    except TryAgain as lost:
        wait = max(CERTAIN_AFTER.total_seconds(), lost.retry_after_seconds or 0.0)
        raise TryAgain(lost.reason, wait) from None
    error = asking.first_user_error(payload)
    if error is None:
        known.done(asked, payload["storeCreditAccountTransaction"]["id"])
        return
    known.call_off(asked)
    if error.get("code") == "INSUFFICIENT_FUNDS":
        raise Never(SPENT)
    raise Never(discounts.said(error), f"Shopify refused: {error.get('code')}")


def _call_off(payout: Payout) -> None:
    """Raises TryAgain if somebody else is asking for it once more."""
    if not known.call_off(payout):
        raise TryAgain(known.SOMEBODY_ELSE)


def _is_settled(line: Line, credit: Credit, payout: Payout, account: Callable[[], str | None]) -> bool:
    """Whether what was asked for is done; False: it is not, for certain. Raises TryAgain while neither is, and Never if
    nobody but a person can say."""
    if payout.state == "done":
        return True
    if payout.state == "unclear":
        raise Never(_unclear(credit, payout))
    try:
        where = account()
    except _CustomerGone:  # what they had may have gone to another customer
        known.mark_unclear(payout)
        raise Never(_unclear(credit, payout)) from None
    alike = [] if where is None else list(_alike(line, where, credit, payout))
    ours = known.unclaimed(credit.shop_id, alike)
    if len(ours) == 1:
        known.done(payout, ours[0])
        return True
    if ours:
        known.mark_unclear(payout)
        raise Never(_unclear(credit, payout))
    left = payout.last_asked_at + CERTAIN_AFTER - clock.wall()
    if left > timedelta():
        raise TryAgain(NOT_KNOWN_YET, left.total_seconds())
    return False


def _alike(line: Line, account: str, credit: Credit, payout: Payout) -> Iterator[str]:
    """Transactions in the account, since Shopify was first asked, that could be the one that it was asked for."""
    kind = "StoreCreditAccountDebitTransaction" if payout.is_back else "StoreCreditAccountCreditTransaction"
    value, since = payouts.value(credit.worth), payout.asked_at - CLOCKS_APART
    for each in _transactions(line, account):
        if datetime.fromisoformat(each["createdAt"]) < since:
            return
        is_alike = (
            each["__typename"] == kind
            and each["event"] == ADJUSTMENT
            and Decimal(each["amount"]["amount"]).copy_abs() == value
            and (payout.is_back or _is_same_end(each["expiresAt"], credit.expires_at))
        )
        if is_alike:
            yield each["id"]


def _is_same_end(said: str | None, expires_at: datetime | None) -> bool:
    """Shopify need not keep an end to the second."""
    if said is None or expires_at is None:
        return said is None and expires_at is None
    return abs(datetime.fromisoformat(said) - expires_at) <= ENDS_APART


def _transactions(line: Line, account: str) -> Iterator[Mapping[str, Any]]:
    """Newest first."""
    after = None
    while True:
        found = line.ask("store_credit_transactions", {"account": account, "after": after})["account"]
        if found is None:
            return
        yield from found["transactions"]["nodes"]
        page = found["transactions"]["pageInfo"]
        if not page["hasNextPage"]:
            return
        after = page["endCursor"]


def _account(line: Line, credit: Credit) -> str | None:
    """The customer's account in this currency; None: they have none. Raises _CustomerGone, Never."""
    if credit.customer_id is None:
        raise Never(known.NOBODYS)
    customer = line.ask("store_credit_accounts", {"customer": discounts.CUSTOMER + credit.customer_id})["customer"]
    if customer is None:
        raise _CustomerGone()
    accounts = customer["storeCreditAccounts"]["nodes"]
    return next((each["id"] for each in accounts if each["balance"]["currencyCode"] == credit.worth["currency"]), None)


def _read(line: Line, gid: str) -> _There:
    (node,) = line.ask("store_credits", {"credits": [gid]})["credits"]
    if not node:
        raise Never(GONE)
    return _There(node["account"]["id"], Decimal(node["amount"]["amount"]), Decimal(node["remainingAmount"]["amount"]))


def _unclear(credit: Credit, payout: Payout) -> str:
    amount = f"{credit.worth['value']} {credit.worth['currency']}"
    since = f"{payout.asked_at:%Y-%m-%d %H:%M} UTC"
    if payout.is_back:
        return (
            f"Shopify was asked at {since} to take {amount} out of the customer's store credit, and it is not certain that it"
            " did. Open the customer in Shopify and look at their store credit: if it was taken out, give the points back by"
            " hand."
        )
    return (
        f"Shopify was asked at {since} for {amount} of store credit, and it is not certain that the customer has it. Open the"
        " customer in Shopify and look at their store credit: add or take away what is wrong. The reward counts as given."
    )
