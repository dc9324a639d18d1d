"""What an order earns and what refunds take back: the expected numbers are worked out by hand."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.loyalty.orders.earning import (
    MAX_POINTS,
    OrderLine,
    OrderSum,
    Refund,
    RefundLine,
    Sum,
    after_refunds,
    earned,
    outcome,
    points_for,
    share,
    undone,
    why,
)
from backend.loyalty.program.settings import Earn, ProgramSettings


def program(**earn: Any) -> Earn:
    """Earning settings as a merchant writes them; "every 10 earn 1 point" unless told otherwise."""
    return ProgramSettings.model_validate({"points_name": {"en": {"other": "points"}}, "earn": earn}).earn


EVERY_10 = program()


def line(id: str, total: str, quantity: int = 1, **more: Any) -> OrderLine:
    return OrderLine(id=id, title=f"Item {id}", quantity=quantity, total=Decimal(total), **more)


def order(subtotal: str, *lines: OrderLine, currency: str = "EUR", **more: Any) -> OrderSum:
    money = {name: Decimal(value) if name.endswith("total") else value for name, value in more.items()}
    return OrderSum(currency=currency, subtotal=Decimal(subtotal), lines=lines, **money)


def refund(id: str, *parts: tuple[str, int | None, str | None]) -> Refund:
    return Refund(
        id=id,
        lines=tuple(RefundLine(name, pieces, Decimal(money) if money else None) for name, pieces, money in parts),
    )


def earns(an_order: OrderSum, earn: Earn = EVERY_10) -> Sum:
    return earned(an_order, earn, shop_currency="EUR")


def points_of_lines(made: Sum) -> list[int]:
    return [part.points for part in made.lines]


def taken_back(made: Sum) -> list[int]:
    return [part.taken_back for part in made.lines]


# Rate and rounding


def test_s3_3_every_10_dollars_earned_1_point_so_1000_dollars_earn_100() -> None:
    assert earned(order("1000", currency="USD"), EVERY_10, shop_currency="USD").points == 100


@pytest.mark.parametrize(
    ("counted", "step", "per_step", "floor", "nearest", "ceil"),
    [
        ("0", "10", 1, 0, 0, 0),
        ("0.01", "10", 1, 0, 0, 1),
        ("4.99", "10", 1, 0, 0, 1),
        ("5.00", "10", 1, 0, 1, 1),  # a half goes up
        ("9.99", "10", 1, 0, 1, 1),
        ("10", "10", 1, 1, 1, 1),
        ("14.99", "10", 1, 1, 1, 2),
        ("15", "10", 1, 1, 2, 2),
        ("25", "10", 1, 2, 3, 3),  # up again, not to the even number
        ("1000", "10", 1, 100, 100, 100),
        ("19.99", "10", 5, 5, 10, 10),  # whole steps: every 10 earn 5
        ("1", "1", 3, 3, 3, 3),
        ("0.30", "0.1", 1, 3, 3, 3),  # in binary floating point 0.3 / 0.1 is 2.9999…
        ("1.10", "0.05", 1, 22, 22, 22),
        ("100", "3", 1, 33, 33, 34),
        ("100", "30", 2, 6, 6, 8),
        ("2.675", "0.01", 1, 267, 268, 268),
        ("999999999999999.9999", "1", 1, MAX_POINTS, MAX_POINTS, MAX_POINTS),
        ("999999999", "1", 1, 999_999_999, 999_999_999, 999_999_999),
        ("0.0001", "0.0001", 1, 1, 1, 1),
    ],
)
def test_points_are_the_rounded_number_of_steps_times_the_points_of_a_step(
    counted: str, step: str, per_step: int, floor: int, nearest: int, ceil: int
) -> None:
    for rounding, expected in (("floor", floor), ("nearest", nearest), ("ceil", ceil)):
        earn = program(spend_step=step, points_per_step=per_step, round=rounding)
        assert points_for(Decimal(counted), earn) == expected
        assert earns(order(counted), earn).points == expected


ROUNDINGS = {"floor": ROUND_FLOOR, "nearest": ROUND_HALF_UP, "ceil": ROUND_CEILING}


@given(
    cents=st.integers(0, 10**9),
    step_cents=st.integers(1, 10**5),
    per_step=st.integers(1, 50),
    rounding=st.sampled_from(sorted(ROUNDINGS)),
)
def test_rounding_agrees_with_decimal_s_own(cents: int, step_cents: int, per_step: int, rounding: str) -> None:
    step = Decimal(step_cents) / 100
    earn = program(spend_step=str(step), points_per_step=per_step, round=rounding)
    with localcontext(prec=60):
        whole = int((Decimal(cents) / step_cents).quantize(Decimal(1), ROUNDINGS[rounding]))
    assert points_for(Decimal(cents) / 100, earn) == min(whole * per_step, MAX_POINTS)


# What counts (S3.24, A4)

BASKET = order(
    "200.00",
    line("tea", "90.00", 2, discount=Decimal("10.00")),
    line("cup", "60.00", discount=Decimal("5.00")),
    line("card", "50.00", gift_card=True),
    discount_total="15.00",
    shipping_total="4.90",
    fee_total="1.00",
    tax_total="30.00",
    total="220.90",
)


@pytest.mark.parametrize(
    ("base", "counted", "points", "of_lines"),
    [
        ("items", "150.00", 15, [9, 6, 0]),
        ("items_net", "135.00", 13, [8, 5, 0]),  # 80 and 55 of 135: 7.70 and 5.30, the point left goes to 0.70
        ("total", "220.90", 22, [10, 7, 5]),  # 9.90, 6.60, 5.50 of 22
    ],
)
def test_the_base_says_what_counts(base: str, counted: str, points: int, of_lines: list[int]) -> None:
    made = earns(BASKET, program(base=base))
    assert made.counted == Decimal(counted)
    assert made.points == points
    assert points_of_lines(made) == of_lines


def test_delivery_fee_additional_fee_and_discounts_are_not_counted() -> None:
    bare = earns(order("100.00"))
    dressed = earns(
        order("100.00", shipping_total="20", fee_total="30", tax_total="40", discount_total="50", total="140")
    )
    assert bare.points == dressed.points == 10


def test_with_items_net_a_discounted_line_earns_less_than_its_neighbour() -> None:
    lines = (line("a", "100", discount=Decimal(50)), line("b", "100"))
    assert points_of_lines(earns(order("200", *lines), program(base="items_net"))) == [5, 10]
    assert points_of_lines(earns(order("200", *lines), program(base="items"))) == [10, 10]


def test_what_did_not_count_is_told() -> None:
    assert earns(BASKET).excluded == (
        ("gift_cards", Decimal("50.00")),
        ("shipping", Decimal("4.90")),
        ("fees", Decimal("1.00")),
        ("tax", Decimal("30.00")),
    )
    assert ("discounts", Decimal("15.00")) in earns(BASKET, program(base="items_net")).excluded
    assert earns(BASKET, program(base="total")).excluded == ()


def test_tax_that_is_in_the_prices_is_not_told_as_left_out() -> None:
    inside = order("119.00", line("a", "119.00"), tax_total="19.00", shipping_total="5.00", total="124.00")
    assert earns(inside).excluded == (("shipping", Decimal("5.00")),)
    assert earns(inside).points == 11


def test_a_discount_of_a_gift_card_is_not_subtracted_twice() -> None:
    with_card = order(
        "150",
        line("a", "100", discount=Decimal(10)),
        line("card", "50", gift_card=True, discount=Decimal(5)),
        discount_total="15",
    )
    assert earns(with_card, program(base="items_net")).counted == 90


@pytest.mark.parametrize(
    ("an_order", "base", "counted"),
    [
        (order("100", line("a", "100", discount=Decimal(20))), "items_net", "80"),  # discount_total left out
        (order("100", line("a", "100"), discount_total="20"), "items_net", "80"),  # the lines say nothing of it
        (order("100", line("a", "100", discount=Decimal(20)), discount_total="30"), "items_net", "70"),
        (order("100", discount_total="130"), "items_net", "0"),  # never below 0
        (order("100", discount_total="10", shipping_total="5", fee_total="1", tax_total="2"), "total", "98"),
        (order("100", total="0"), "total", "0"),
        (order("0"), "items", "0"),
        (order("40", line("card", "50", gift_card=True)), "items", "0"),
    ],
)
def test_money_left_out_is_made_from_what_is_there(an_order: OrderSum, base: str, counted: str) -> None:
    assert earns(an_order, program(base=base)).counted == Decimal(counted)


def test_a_line_without_a_total_is_its_unit_price_times_its_quantity() -> None:
    lines = (
        OrderLine("a", quantity=3, unit_price=Decimal("10.00")),
        OrderLine("card", quantity=2, unit_price=Decimal("25.00"), gift_card=True),
    )
    made = earns(order("80.00", *lines))
    assert made.counted == 30
    assert [part.counted for part in made.lines] == [30, 0]


# Lines


@pytest.mark.parametrize(
    ("whole", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),  # equal remainders: line order
        (1, [1, 1], [1, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (10, [15, 15, 70], [2, 1, 7]),  # 1.5, 1.5, 7
        (7, [6, 3, 1], [4, 2, 1]),  # 4.2, 2.1, 0.7
        (5, [0, 10], [0, 5]),
        (0, [3, 4], [0, 0]),
        (0, [], []),
        (0, [0, 0], [0, 0]),
        (12, [12], [12]),
    ],
)
def test_shares_go_by_largest_remainder_and_then_by_the_order_of_the_lines(
    whole: int, weights: list[int], parts: list[int]
) -> None:
    assert share(whole, weights) == parts


@given(
    whole=st.integers(0, MAX_POINTS),
    weights=st.lists(st.integers(0, 10**19), min_size=1, max_size=20).filter(any),
)
def test_shares_add_up_and_are_off_by_less_than_one(whole: int, weights: list[int]) -> None:
    parts = share(whole, weights)
    assert sum(parts) == whole
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - whole * weight) < sum(weights)


def test_an_order_without_line_items_is_one_line() -> None:
    made = earns(order("1000"))
    assert [(part.id, part.points, part.counted) for part in made.lines] == [(None, 100, 1000)]


def test_a_line_of_a_gift_card_earns_nothing_and_says_so() -> None:
    made = earns(BASKET)
    assert [part.excluded for part in made.lines] == [None, None, "gift_card"]
    assert points_of_lines(made)[2] == 0
    assert [part.excluded for part in earns(BASKET, program(base="total")).lines] == [None, None, None]


def test_an_order_of_gift_cards_alone_earns_nothing() -> None:
    made = earns(order("50", line("card", "50", gift_card=True)))
    assert made.points == 0
    assert len(made.lines) == 1


def test_what_the_subtotal_says_beyond_the_gift_cards_is_a_line_of_its_own() -> None:
    made = earns(order("150", line("card", "50", gift_card=True)))
    assert made.points == 10
    assert [(part.id, part.points) for part in made.lines] == [("card", 0), (None, 10)]


def test_the_counted_amounts_of_the_lines_add_up_to_the_order_s() -> None:
    spread = earns(
        order("100", line("a", "33.33"), line("b", "33.33"), line("c", "33.34"), discount_total="10"),
        program(base="items_net"),
    )
    assert [str(part.counted) for part in spread.lines] == ["30.00", "30.00", "30.00"]
    disagreeing = earns(order("100", line("a", "30"), line("b", "30")))
    assert [part.counted for part in disagreeing.lines] == [50, 50]


def test_lines_without_any_price_share_by_their_pieces() -> None:
    made = earns(order("100", OrderLine("a", quantity=3), OrderLine("b", quantity=1)))
    assert points_of_lines(made) == [8, 2]  # 7.5 and 2.5: equal remainders, so the first


def test_lines_that_share_an_id_are_one_line() -> None:
    made = earns(order("100", line("a", "30"), line("b", "20"), line("a", "50", 2)))
    assert [(part.id, part.quantity, part.points) for part in made.lines] == [("a", 3, 8), ("b", 1, 2)]


def test_a_line_below_zero_takes_no_part() -> None:
    made = earns(order("90", line("a", "100"), line("voucher", "-10")))
    assert points_of_lines(made) == [9, 0]


# Orders that bring nothing


@pytest.mark.parametrize(
    ("more", "circumstances", "note"),
    [
        ({}, {"enabled": False}, "disabled"),
        ({}, {"uninstalled": True}, "uninstalled"),
        ({"currency": "USD"}, {}, "other_currency"),
        ({"source": "pos"}, {}, "pos"),
        ({"payment_status": "voided"}, {}, "voided"),
        ({"payment_status": "refunded"}, {}, "refunded"),
        ({"cancelled": True}, {}, "cancelled"),
        ({"returned": True}, {}, "returned"),
    ],
)
def test_an_order_that_brings_nothing_says_why(more: dict[str, Any], circumstances: dict[str, bool], note: str) -> None:
    made = outcome(
        order("1000", line("a", "1000"), **more), [], program(pos=False), shop_currency="EUR", **circumstances
    )
    assert made.target == 0
    assert made.note == note
    assert made.counted == 1000  # the sum stays readable


def test_an_order_that_never_earned_shows_no_points_and_one_that_was_undone_shows_them_taken_back() -> None:
    never = outcome(order("1000", currency="USD"), [], EVERY_10, shop_currency="EUR")
    undone_later = outcome(order("1000", cancelled=True), [], EVERY_10, shop_currency="EUR")
    assert (never.points, never.taken_back) == (0, 0)
    assert (undone_later.points, undone_later.taken_back) == (100, 100)


def test_an_order_of_the_point_of_sale_earns_unless_the_merchant_says_no() -> None:
    assert outcome(order("1000", source="pos"), [], EVERY_10, shop_currency="EUR").target == 100
    assert outcome(order("1000", source="online"), [], program(pos=False), shop_currency="EUR").target == 100


def test_undoing_what_never_earned_keeps_the_first_reason() -> None:
    made = outcome(order("1000", currency="USD", cancelled=True), [], EVERY_10, shop_currency="EUR")
    assert made.note == "other_currency"
    assert undone(made, "cancelled").note == "other_currency"


# Refunds

TWO_LINES = order("1000", line("a", "600", 3), line("b", "400", 1))  # 60 and 40 points


@pytest.mark.parametrize(
    ("refunds", "back"),
    [
        ([], [0, 0]),
        ([refund("r", ("a", 1, "200"))], [20, 0]),
        ([refund("r", ("a", 1, None))], [20, 0]),  # a piece without an amount is its part of the line
        ([refund("r", ("a", None, "200"))], [20, 0]),
        ([refund("r", ("a", 0, "55.55"))], [5, 0]),  # 5.555, rounded down
        ([refund("r", ("a", 0, "55.55")), refund("s", ("a", 0, "55.55"))], [11, 0]),  # 11.11: over all refunds together
        ([refund("r", ("a", 3, "1.00"))], [60, 0]),  # all pieces: all points
        ([refund("r", ("a", 2, "1.00")), refund("s", ("a", 1, "1.00"))], [60, 0]),
        ([refund("r", ("a", None, "600"))], [60, 0]),
        ([refund("r", ("a", None, "9999"))], [60, 0]),  # never more than earned
        ([refund("r", ("a", 99, None))], [60, 0]),
        ([refund("r", ("a", 1, "200"), ("b", 1, "400"))], [20, 40]),
        ([refund("r", ("a", 1, "200"), ("a", 1, "200"))], [40, 0]),
        ([refund("r", ("a", 1, "200")), refund("r", ("a", 1, "200"))], [20, 0]),  # the same refund twice
        ([refund("r")], [0, 0]),  # money back without lines
        ([refund("r", ("unknown", 1, "500"))], [0, 0]),
        ([refund("r", ("b", None, None))], [0, 0]),
        ([refund("r", ("b", None, "0.01"))], [0, 0]),
        ([refund("r", ("a", None, "200")), refund("s", ("a", None, "-100"))], [20, 0]),  # a refund never gives points
    ],
)
def test_a_refund_takes_back_the_points_of_its_lines(refunds: list[Refund], back: list[int]) -> None:
    made = outcome(TWO_LINES, refunds, EVERY_10, shop_currency="EUR")
    assert taken_back(made) == back
    assert made.target == 100 - sum(back)


def test_refunds_to_the_last_piece_take_exactly_everything() -> None:
    three_thirds = order("100", line("a", "100", 3))
    assert [
        outcome(
            three_thirds, [refund(str(n), ("a", 1, None)) for n in range(pieces)], EVERY_10, shop_currency="EUR"
        ).target
        for pieces in (0, 1, 2, 3)
    ] == [10, 7, 4, 0]


def test_an_order_refunded_as_a_whole_keeps_nothing_even_without_lines() -> None:
    made = outcome(replace(TWO_LINES, payment_status="refunded"), [refund("r")], EVERY_10, shop_currency="EUR")
    assert (made.target, made.note) == (0, "refunded")
    partly = outcome(
        replace(TWO_LINES, payment_status="partially_refunded"), [refund("r")], EVERY_10, shop_currency="EUR"
    )
    assert (partly.target, partly.note) == (100, None)


def test_refunds_that_leave_nothing_say_so() -> None:
    everything = [refund("r", ("a", 3, "600")), refund("s", ("b", 1, "400"))]
    assert outcome(TWO_LINES, everything, EVERY_10, shop_currency="EUR").note == "refunded"
    assert outcome(TWO_LINES, everything[:1], EVERY_10, shop_currency="EUR").note is None
    assert outcome(order("1"), [], EVERY_10, shop_currency="EUR").note is None  # it brought nothing to begin with


def test_a_refund_of_an_order_without_lines_goes_by_its_amount() -> None:
    assert outcome(order("1000"), [refund("r", ("x", 1, "250"))], EVERY_10, shop_currency="EUR").target == 75
    assert outcome(order("1000"), [refund("r", ("x", 5, None))], EVERY_10, shop_currency="EUR").target == 100
    assert outcome(order("1000"), [refund("r", ("x", 1, "1000"))], EVERY_10, shop_currency="EUR").target == 0


def test_a_refunded_gift_card_takes_nothing() -> None:
    assert outcome(BASKET, [refund("r", ("card", 1, "50"))], EVERY_10, shop_currency="EUR").target == 15


def test_lines_without_a_price_go_back_by_their_pieces() -> None:
    free = order("100", OrderLine("a", quantity=4))
    assert (
        outcome(free, [refund("r", ("a", 1, None))], EVERY_10, shop_currency="EUR").target == 8
    )  # 2.5 back, down to 2
    assert outcome(free, [refund("r", ("a", 4, None))], EVERY_10, shop_currency="EUR").target == 0


def test_a_line_edited_to_no_pieces_has_nothing_to_give_back() -> None:
    edited = order("400", line("a", "0", 0), line("b", "400"))
    assert outcome(edited, [refund("r", ("a", 3, "600"))], EVERY_10, shop_currency="EUR").target == 40


def test_two_versions_of_one_refund_end_the_same_whichever_is_named_first() -> None:
    one, other = refund("r", ("a", 1, "200")), refund("r", ("a", 2, "400"))
    made = earns(TWO_LINES)
    assert after_refunds(made, [one, other]) == after_refunds(made, [other, one])


MONEY = st.integers(0, 100_000).map(lambda cents: Decimal(cents) / 100)
LINES = st.lists(st.tuples(MONEY, st.integers(0, 5), st.booleans()), min_size=1, max_size=6).map(
    lambda rows: tuple(
        OrderLine(id=str(n), quantity=pieces, total=total, gift_card=card)
        for n, (total, pieces, card) in enumerate(rows)
    )
)
REFUND_LINES = st.builds(
    RefundLine,
    line_item_id=st.sampled_from(["0", "1", "2", "3", "elsewhere"]),
    quantity=st.none() | st.integers(0, 4),
    amount=st.none() | MONEY,
)
REFUNDS = st.lists(st.lists(REFUND_LINES, max_size=3), max_size=6).map(
    lambda groups: [Refund(id=f"r{n}", lines=tuple(lines)) for n, lines in enumerate(groups)]
)
PROGRAMS = st.builds(
    lambda step, points, base, rounding: program(
        spend_step=str(Decimal(step) / 100), points_per_step=points, base=base, round=rounding
    ),
    st.integers(1, 5000),
    st.integers(1, 20),
    st.sampled_from(["items", "items_net", "total"]),
    st.sampled_from(["floor", "nearest", "ceil"]),
)


def sum_of(lines: tuple[OrderLine, ...], earn: Earn) -> Sum:
    subtotal = sum((part.before_discount() for part in lines), Decimal(0))
    return earns(OrderSum("EUR", subtotal, lines=lines), earn)


@given(lines=LINES, refunds=REFUNDS, earn=PROGRAMS, data=st.data())
def test_refunds_in_any_order_and_however_often_repeated_end_the_same(
    lines: tuple[OrderLine, ...], refunds: list[Refund], earn: Earn, data: st.DataObject
) -> None:
    made = sum_of(lines, earn)
    repeated = refunds + (data.draw(st.lists(st.sampled_from(refunds), max_size=5)) if refunds else [])
    assert after_refunds(made, data.draw(st.permutations(repeated))) == after_refunds(made, refunds)


@given(lines=LINES, refunds=REFUNDS, earn=PROGRAMS)
def test_points_add_up_and_no_line_gives_back_more_than_it_earned(
    lines: tuple[OrderLine, ...], refunds: list[Refund], earn: Earn
) -> None:
    made = after_refunds(sum_of(lines, earn), refunds)
    assert sum(points_of_lines(made)) == made.points
    assert sum(part.counted for part in made.lines) == made.counted
    assert all(0 <= part.taken_back <= part.points for part in made.lines)
    assert 0 <= made.target <= made.points


@given(lines=LINES, refunds=REFUNDS, earn=PROGRAMS)
def test_another_refund_never_gives_points(lines: tuple[OrderLine, ...], refunds: list[Refund], earn: Earn) -> None:
    made = sum_of(lines, earn)
    targets = [after_refunds(made, refunds[:count]).target for count in range(len(refunds) + 1)]
    assert targets == sorted(targets, reverse=True)


@given(lines=LINES, earn=PROGRAMS, data=st.data())
def test_partial_refunds_that_add_up_to_everything_take_exactly_everything(
    lines: tuple[OrderLine, ...], earn: Earn, data: st.DataObject
) -> None:
    made = sum_of(lines, earn)
    parts = []
    for part in lines:
        cents = int(part.before_discount() * 100)
        first = data.draw(st.integers(0, cents))
        second = data.draw(st.integers(0, cents - first))
        parts += [
            RefundLine(part.id, part.quantity if part.before_discount() == 0 else None, Decimal(amount) / 100)
            for amount in (first, second, cents - first - second)
        ]
    refunds = [Refund(id=str(n), lines=(part,)) for n, part in enumerate(data.draw(st.permutations(parts)))]
    paid = [part for part in after_refunds(made, refunds).lines if part.total > 0]
    assert all(part.taken_back == part.points for part in paid)


@settings(max_examples=50)
@given(lines=LINES, earn=PROGRAMS)
def test_the_order_of_the_lines_moves_no_point_in_or_out_of_the_order(lines: tuple[OrderLine, ...], earn: Earn) -> None:
    assert sum_of(lines, earn).points == sum_of(tuple(reversed(lines)), earn).points


# The sum as people read it


def test_the_sum_of_an_order_reads_exactly_so() -> None:
    made = outcome(
        order(
            "1050.00",
            line("1", "500", 2),
            line("2", "500.00"),
            line("3", "50", gift_card=True),
            shipping_total="5",
        ),
        [refund("r", ("1", 1, "250"))],
        EVERY_10,
        shop_currency="EUR",
    )
    read = why(
        made,
        program_version=3,
        order="#1001",
        due_at=datetime.fromisoformat("2026-12-04T00:00:00+01:00"),
        expires_at=datetime.fromisoformat("2028-01-01T00:00:00+01:00"),
    )
    assert read == {
        "rule": "order",
        "program_version": 3,
        "order": "#1001",
        "base": "items",
        "spend_step": "10",
        "points_per_step": 1,
        "round": "floor",
        "counted": "1000.00",
        "currency": "EUR",
        "points": 100,
        "lines": [
            {
                "id": "1",
                "title": "Item 1",
                "quantity": 2,
                "counted": "500.00",
                "points": 50,
                "taken_back": 25,
                "excluded": None,
            },
            {
                "id": "2",
                "title": "Item 2",
                "quantity": 1,
                "counted": "500.00",
                "points": 50,
                "taken_back": 0,
                "excluded": None,
            },
            {
                "id": "3",
                "title": "Item 3",
                "quantity": 1,
                "counted": "0.00",
                "points": 0,
                "taken_back": 0,
                "excluded": "gift_card",
            },
        ],
        "excluded": [{"what": "gift_cards", "amount": "50.00"}, {"what": "shipping", "amount": "5.00"}],
        "note": None,
        "due_at": "2026-12-03T23:00:00Z",
        "expires_at": "2027-12-31T23:00:00Z",
    }
    assert json.loads(json.dumps(read)) == read


@pytest.mark.parametrize(
    ("currency", "subtotal", "text"),
    [
        ("EUR", "5", "5.00"),
        ("EUR", "5.1", "5.10"),
        ("EUR", "5.1234", "5.1234"),  # nothing is hidden
        ("EUR", "1000", "1000.00"),
        ("JPY", "500", "500"),
        ("JPY", "500.00", "500"),
        ("KWD", "1.5", "1.500"),
        ("EUR", "999999999999999.9999", "999999999999999.9999"),
        ("EUR", "0", "0.00"),
    ],
)
def test_amounts_are_written_with_the_digits_of_their_currency(currency: str, subtotal: str, text: str) -> None:
    made = earned(order(subtotal, currency=currency), EVERY_10, shop_currency=currency)
    read = why(made, program_version=1, order=None, due_at=None, expires_at=None)
    assert read["counted"] == read["lines"][0]["counted"] == text
    assert read["due_at"] is None and read["expires_at"] is None


def test_absurd_numbers_are_only_large() -> None:
    huge = OrderLine("a", quantity=10**30, unit_price=Decimal("999999999999999.9999"))
    made = outcome(
        order("999999999999999.9999", huge, line("b", "0.0001")),
        [refund("r", ("a", 10**29, None))],
        program(spend_step="0.0001", points_per_step=1_000_000, base="total"),
        shop_currency="EUR",
    )
    assert made.points == MAX_POINTS
    assert made.target == MAX_POINTS - MAX_POINTS // 10
    json.dumps(why(made, program_version=1, order="1", due_at=None, expires_at=None))
    card = replace(huge, id="c", gift_card=True)
    told = why(earns(order("0", card)), program_version=1, order="1", due_at=None, expires_at=None)["excluded"]
    assert told == [{"what": "gift_cards", "amount": "999999999999999999900000000000000000000000000.00"}]
