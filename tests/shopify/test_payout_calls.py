"""What Shopify is told when it pays rewards in money, as its own schema allows it (platforms.md 5.2)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from graphql import parse
from graphql.execution import get_variable_values

from backend.platforms.base import Never
from backend.platforms.shopify import admin_api, payouts
from tests.shopify.deprecation import deprecated, operation
from tests.shopify.pretend import schema

WORTH = {"kind": "gift_card", "value": "10.00", "currency": "EUR", "product_id": None, "minimum_subtotal": None}
ENDS = datetime(2026, 12, 26, 23, 0, tzinfo=UTC)
"""Midnight in Paris."""


def taken(document: str, **variables: Any) -> None:
    """Shopify's own schema takes the variables, and nothing in them is deprecated."""
    parsed = parse(admin_api.document(document))
    values = get_variable_values(schema(), list(operation(parsed).variable_definitions or ()), variables)
    assert not isinstance(values, list), values
    assert deprecated(schema(), parsed, variables) == []


def test_a_gift_card_has_our_code_an_amount_in_its_currency_a_note_and_a_last_day() -> None:
    card = payouts.gift_card(WORTH, code="LGN7G4MQ2XD9PTR", note="Ten (lagniappe-7-1)", last_day=date(2026, 12, 26))
    taken("gift_card_create", card=card)
    assert card == {
        "code": "LGN7G4MQ2XD9PTR",
        "initialAmount": {"amount": "10.00", "currencyCode": "EUR"},
        "note": "Ten (lagniappe-7-1)",
        "expiresOn": "2026-12-26",
    }


def test_the_last_day_is_one_of_the_shops() -> None:
    assert payouts.last_day(ENDS, "Europe/Paris") == date(2026, 12, 26)
    assert payouts.last_day(ENDS, "America/New_York") == date(2026, 12, 26)
    assert payouts.last_day(ENDS, "Asia/Tokyo") == date(2026, 12, 27)
    assert payouts.last_day(None, "Europe/Paris") is None


def test_what_is_taken_off_a_card_is_what_was_given_and_says_for_what() -> None:
    debit = payouts.gift_card_debit(WORTH, "Ten (lagniappe-7-1)")
    taken("gift_card_debit", card="gid://shopify/GiftCard/1", debit=debit)
    assert debit == {"debitAmount": {"amount": "10.00", "currencyCode": "EUR"}, "note": "Ten (lagniappe-7-1)"}


def test_store_credit_ends_at_an_instant_and_its_owner_hears_of_it_from_us_alone() -> None:
    credit = payouts.credit(WORTH, ENDS)
    taken("store_credit_credit", customer="gid://shopify/Customer/1", credit=credit)
    assert (credit["expiresAt"], credit["notify"]) == ("2026-12-26T23:00:00Z", False)
    taken("store_credit_debit", account="gid://shopify/StoreCreditAccount/1", debit=payouts.credit_debit(WORTH))


def test_a_reward_that_says_no_figure_is_paid_to_nobody() -> None:
    with pytest.raises(Never, match="in figures"):
        payouts.credit(WORTH | {"value": None}, None)
