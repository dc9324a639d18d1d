"""What the column `Cashback status` says (S1.37, S1.38, A8)."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.loyalty.redemptions.cashback_status import cashback_status


@dataclass
class Had:
    """What is read of a redemption."""

    frozen: dict[str, Any] = field(default_factory=lambda: {"type": "cashback"})
    status: str = "issued"
    ending: str | None = None


def paid_by_paytm(code: str, message: str) -> str:
    return cashback_status(
        Had({"type": "cashback", "payout": {"provider": "paytm", "code": code, "message": message}}, status="issued")
    )


@pytest.mark.parametrize("kind", ["coupon_based_reward", "gift", "event_invitation", "custom"])
def test_everything_else_has_a_dash(kind: str) -> None:  # S1.37
    assert cashback_status(Had({"type": kind})) == "-"


def test_the_three_forms_of_paytm_are_exactly_these() -> None:  # S1.38
    assert paid_by_paytm("0", "INIT: INIT") == "0: INIT: INIT"
    assert paid_by_paytm("2", "GE_1032: Invalid mobile number") == "2: GE_1032: Invalid mobile number"
    assert paid_by_paytm("3", "DE_101: Waiting for the bank") == "3: DE_101: Waiting for the bank"


@pytest.mark.parametrize("code", ["1", "4", "200", "SUCCESS", "DE_001"])
def test_a_code_that_no_document_lists_is_shown_as_it_came(code: str) -> None:  # A8
    assert paid_by_paytm(code, "ok") == f"{code}: ok"
    assert paid_by_paytm(code, "") == code


@pytest.mark.parametrize(
    ("status", "ending", "words"),
    [
        ("requested", None, "On hold for a checkout"),
        ("requested", "released", "Being released: no order came in time"),
        ("issued", None, "Paid to an order"),
        ("issued", "order_undone", "Being given back with its order"),
        ("expired", None, "Released: no order came in time"),
        ("returned", None, "Given back with its order"),
        ("failed", None, "Failed"),
    ],
)
def test_our_own_cashback_tells_its_state_in_plain_words(status: str, ending: str | None, words: str) -> None:
    assert cashback_status(Had(status=status, ending=ending)) == words
