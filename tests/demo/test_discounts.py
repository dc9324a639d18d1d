"""What a discount code is worth and how it is shared."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import discounts
from demo.discounts import Applied, Malformed

A_FIVER = {"kind": "fixed_amount", "value": "5.00", "currency": "EUR"}


def applied(kind: str, value: str | None = None, product_id: str | None = None) -> Applied:
    return Applied(f"code-{kind}", kind, Decimal(value) if value else None, product_id)


def shared(lines: list[str], *codes: Applied) -> tuple[list[str], list[str]]:
    shares = discounts.share([Decimal(line) for line in lines], Decimal("6.90"), codes)
    return [str(each) for each in shares.by_code], [str(each) for each in shares.by_line]


def test_a_fixed_amount_is_shared_by_worth_to_the_cent() -> None:
    assert shared(["10.00", "10.00", "10.00"], applied("fixed_amount", "10.00")) == (
        ["10.00"],
        ["3.34", "3.33", "3.33"],
    )


def test_percentages_count_on_the_items_as_they_are_and_amounts_on_what_is_left() -> None:
    codes = applied("fixed_amount", "80.00"), applied("percentage", "25")
    assert shared(["100.00"], *codes) == (["75.00", "25.00"], ["100.00"])


def test_nothing_falls_below_zero() -> None:
    by_code, by_line = shared(["2.50"], applied("fixed_amount", "2"), applied("fixed_amount", "3"))
    assert (by_code, by_line) == (["2.00", "0.50"], ["2.50"])


def test_free_delivery_and_gifts_take_nothing_off_the_items() -> None:
    shares = discounts.share([Decimal(10)], Decimal("6.90"), [applied("free_shipping"), applied("gift", None, "mug")])
    assert (shares.by_code, shares.by_line, shares.shipping) == ((0, 0), (0,), Decimal("6.90"))


@given(
    lines=st.lists(st.decimals(0, 5000, places=2), min_size=1, max_size=8),
    codes=st.lists(
        st.one_of(
            st.builds(lambda value: applied("fixed_amount", str(value)), st.decimals("0.01", 3000, places=2)),
            st.builds(lambda value: applied("percentage", str(value)), st.decimals("0.01", 100, places=2)),
        ),
        max_size=5,
    ),
)
def test_shares_add_up_and_no_line_costs_less_than_nothing(lines: list[Decimal], codes: list[Applied]) -> None:
    shares = discounts.share(lines, Decimal(0), codes)
    assert sum(shares.by_code) == sum(shares.by_line)
    for line, off in zip(lines, shares.by_line, strict=True):
        assert 0 <= off <= line
        assert off == off.quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("kind", "value", "product_id", "words"),
    [
        ("fixed_amount", "5.00", None, "€5 off"),
        ("fixed_amount", "7.5", None, "€7.50 off"),
        ("percentage", "20.00", None, "20% off"),
        ("percentage", "12.5", None, "12.5% off"),
        ("free_shipping", None, None, "Free delivery"),
        ("gift", None, "whisk", "Gift: Matcha whisk"),
    ],
)
def test_each_kind_has_its_words(kind: str, value: str | None, product_id: str | None, words: str) -> None:
    assert applied(kind, value, product_id).label == words


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "half_price"},
        {"kind": None},
        {"value": None},
        {"value": "0.00"},
        {"value": 5},
        {"value": "-5"},
        {"value": "1e3"},
        {"currency": "USD"},
        {"kind": "percentage", "value": "101"},
        {"kind": "gift"},
        {"kind": "gift", "product_id": "a-boat"},
        {"minimum_subtotal": "many"},
        {"usage_limit": 0},
        {"usage_limit": "1"},
        {"usage_limit": True},
        {"customer_id": 7},
        {"customer_id": ""},
        {"expires_at": "soon"},
        {"expires_at": "2026-11-29T10:00:00"},
    ],
)
def test_terms_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        discounts.read_terms({**A_FIVER, **change})


@pytest.mark.parametrize("code", ["", "A B", "A/B", "É", "A\n", "x" * 256, None, 5])
def test_a_code_must_fit_into_an_address(code: object) -> None:
    with pytest.raises(Malformed, match=r"^code"):
        discounts.read_code({"reference": "r1", "code": code})
