"""What the program's rules make of an order: exclusions, multipliers, levels and bonuses per piece, in one order."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
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
    Terms,
    earned,
    outcome,
    why,
)
from backend.loyalty.program.settings import ProgramSettings

AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEVELS = [{"id": "gold", "from": 1000, "name": {"en": "Gold"}, "multiplier": "1.5"}]


def program(*rules: dict[str, Any], **more: Any) -> ProgramSettings:
    """Every 10 earn 1 point, and these rules."""
    written = [{"id": f"r{number}", "title": {"en": "A rule"}, **rule} for number, rule in enumerate(rules)]
    return ProgramSettings.model_validate({"points_name": {"en": {"other": "points"}}, "rules": written, **more})


def exclusion(**more: Any) -> dict[str, Any]:
    return {"kind": "exclusion", "items": {"categories": ["Books"]}, **more}


def times(factor: str, **more: Any) -> dict[str, Any]:
    return {"kind": "multiplier", "factor": factor, **more}


def per_piece(points: int, **more: Any) -> dict[str, Any]:
    return {"kind": "product", "points": points, "items": {"skus": ["TEA"]}, **more}


def line(id: str, total: str, quantity: int = 1, **more: Any) -> OrderLine:
    return OrderLine(id=id, quantity=quantity, total=Decimal(total), **more)


TEA = line("tea", "100.00", 4, sku="TEA", product_id="p-1", categories=("Drinks",))
BOOK = line("book", "70.00", sku="BOOK", product_id="p-2", categories=(" books ",))
CARD = line("card", "50.00", gift_card=True, sku="TEA")


def order(*lines: OrderLine, **more: Any) -> OrderSum:
    subtotal = sum((each.before_discount() for each in lines), Decimal(0))
    return OrderSum(**{"currency": "EUR", "subtotal": subtotal, "lines": lines} | more)


def made(settings: ProgramSettings, *lines: OrderLine, at: datetime = AT, of: Any = None, **frozen: Any) -> Sum:
    return earned(of or order(*lines), settings.earn, shop_currency="EUR", terms=Terms.of(settings, at, **frozen))


def by_line(a_sum: Sum) -> dict[str | None, int]:
    return {part.id: part.points for part in a_sum.lines}


def said(a_sum: Sum) -> dict[str, tuple[bool, str | None]]:
    return {each["id"]: (each["applied"], each["because"]) for each in a_sum.rules}


# Without rules


def test_a_program_without_such_rules_says_nothing_of_rules() -> None:
    plain = program({"kind": "signup", "points": 5})
    a_sum = made(plain, TEA, BOOK)
    assert a_sum == earned(order(TEA, BOOK), plain.earn, shop_currency="EUR")
    shown = why(a_sum, program_version=1, order="#1", due_at=None, expires_at=None)
    assert "rules" not in shown
    assert "factor" not in shown["lines"][0]


# Exclusions


@pytest.mark.parametrize("items", [{"product_ids": ["p-2"]}, {"skus": ["BOOK"]}, {"categories": ["BOOKS"]}])
def test_a_line_that_an_exclusion_names_does_not_count(items: dict[str, Any]) -> None:
    a_sum = made(program(exclusion(items=items)), TEA, BOOK)
    assert (a_sum.counted, a_sum.points) == (Decimal("100.00"), 10)
    assert by_line(a_sum) == {"tea": 10, "book": 0}
    assert a_sum.lines[1].excluded == "rule"
    assert a_sum.excluded == (("excluded_items", Decimal("70.00")),)
    assert said(a_sum) == {"r0": (True, None)}


def test_ids_and_skus_are_compared_to_the_letter() -> None:
    assert made(program(exclusion(items={"skus": ["book"]})), TEA, BOOK).points == 17


@pytest.mark.parametrize(
    ("base", "counted"),
    [("items", "100.00"), ("items_net", "90.00"), ("total", "104.90")],  # 170 - 15 + 9.90 - (70 - 10)
)
def test_an_excluded_line_goes_with_its_own_discount(base: str, counted: str) -> None:
    lines = (replace(TEA, discount=Decimal("10.00")), replace(BOOK, discount=Decimal("10.00")))
    if base == "total":
        lines = (replace(TEA, discount=Decimal("5.00")), lines[1])
    a_sum = made(program(exclusion(), earn={"base": base}), of=order(*lines, shipping_total=Decimal("9.90")))
    assert a_sum.counted == Decimal(counted)


def test_an_order_of_excluded_lines_alone_brings_nothing() -> None:
    assert made(program(exclusion()), BOOK).points == 0


# Multipliers


def test_a_multiplier_multiplies_the_points_of_the_lines_it_names() -> None:
    a_sum = made(program(times("3", items={"categories": ["drinks"]})), TEA, BOOK)
    assert (a_sum.points, by_line(a_sum)) == (37, {"tea": 30, "book": 7})


def test_without_items_it_multiplies_the_whole_order() -> None:
    a_sum = made(program(times("2")), TEA, BOOK)
    assert (a_sum.points, by_line(a_sum)) == (34, {"tea": 20, "book": 14})


def test_of_several_multipliers_on_a_line_the_best_counts_and_they_are_never_stacked() -> None:
    rules = program(times("2"), times("3", items={"skus": ["TEA"]}), times("1.5", items={"skus": ["TEA"]}))
    a_sum = made(rules, TEA, BOOK)
    assert by_line(a_sum) == {"tea": 30, "book": 14}
    assert said(a_sum) == {"r0": (True, None), "r1": (True, None), "r2": (False, "better_rule")}


def test_of_two_equal_multipliers_the_first_is_the_one_that_applied() -> None:
    assert said(made(program(times("2"), times("2")), TEA)) == {"r0": (True, None), "r1": (False, "better_rule")}


@pytest.mark.parametrize(
    ("at", "points"),
    [(AT - HOUR, 10), (AT, 20), (AT + HOUR - timedelta(microseconds=1), 20), (AT + HOUR, 10)],
)
def test_a_window_is_decided_by_when_the_order_was_made(at: datetime, points: int) -> None:
    window = {"active_from": AT.isoformat(), "active_to": (AT + HOUR).isoformat()}
    a_sum = made(program(times("2", **window)), TEA, at=at)
    assert a_sum.points == points
    assert said(a_sum)["r0"] == ((True, None) if points == 20 else (False, "not_in_window"))


def test_a_multiplier_below_one_makes_less_of_it() -> None:
    assert made(program(times("0.5")), TEA).points == 5


@pytest.mark.parametrize(("rounding", "points"), [("floor", 25), ("nearest", 26), ("ceil", 26)])
def test_multiplied_points_are_rounded_once_as_the_order_is(rounding: str, points: int) -> None:
    # 17 whole steps either way; 17 × 1.5 = 25.5
    a_sum = made(program(times("1.5"), earn={"round": rounding}), TEA, BOOK)
    assert a_sum.points == points == sum(by_line(a_sum).values())


# The member's level


def test_the_level_multiplies_what_the_multipliers_made() -> None:
    rules = program(times("2", items={"skus": ["TEA"]}), tiers={"levels": LEVELS})
    a_sum = made(rules, TEA, BOOK, level="gold", factor=Decimal("1.5"))
    assert by_line(a_sum) == {"tea": 30, "book": 10}  # 10 × 2 × 1.5 and 7 × 1.5 = 10.5; 40.5 is 40 in all
    assert a_sum.rules[-1] == {
        "id": "gold", "kind": "tier", "title": {"en": "Gold"}, "applied": True, "factor": "1.5", "because": None,
    }  # fmt: skip


def test_a_member_without_a_level_hears_of_none() -> None:
    assert made(program(tiers={"levels": LEVELS}), TEA).rules == ()


# Bonuses per piece


def test_each_piece_brings_its_points_on_top_and_nothing_multiplies_them() -> None:
    rules = program(per_piece(5), times("2"), tiers={"levels": LEVELS})
    a_sum = made(rules, TEA, BOOK, level="gold", factor=Decimal("1.5"))
    assert by_line(a_sum) == {"tea": 30 + 20, "book": 21}
    assert next(each for each in a_sum.rules if each["id"] == "r0")["points"] == 20


def test_a_limit_counts_pieces_of_the_order() -> None:
    rules = program(per_piece(5, limit={"times": 3, "per": "order"}))
    a_sum = made(rules, replace(TEA, quantity=2), replace(TEA, id="more", quantity=4))
    assert [part.bonus for part in a_sum.lines] == [10, 5]
    assert said(a_sum) == {"r0": (True, "limit")}
    assert said(made(rules, replace(TEA, quantity=3))) == {"r0": (True, None)}


def test_two_rules_about_one_piece_both_pay() -> None:
    assert made(program(per_piece(5), per_piece(1)), TEA).lines[0].bonus == 24


@pytest.mark.parametrize("barred", [CARD, replace(TEA, categories=("Books",))])
def test_what_earns_nothing_brings_nothing_on_top_either(barred: OrderLine) -> None:
    a_sum = made(program(exclusion(), per_piece(5), times("2", items={"skus": ["TEA"]})), barred)
    assert a_sum.points == 0
    assert {rule: said(a_sum)[rule] for rule in ("r1", "r2")} == {"r1": (False, "excluded"), "r2": (False, "excluded")}


def test_a_piece_that_was_paid_with_points_still_brings_its_bonus() -> None:
    rules = program(per_piece(5))
    a_sum = earned(
        order(TEA), rules.earn, shop_currency="EUR", paid_with_points=Decimal(100), terms=Terms.of(rules, AT)
    )
    assert (a_sum.counted, a_sum.points) == (Decimal(0), 20)


def test_an_order_never_brings_more_than_the_most() -> None:
    rules = program(times("100"), per_piece(1_000_000))
    a_sum = made(rules, line("gold", "999999999999999", 10**9, sku="TEA"))
    assert a_sum.points == MAX_POINTS == sum(by_line(a_sum).values())


# Which rules applied


def test_every_rule_says_whether_it_applied_and_why_not() -> None:
    nobody = [{"conditions": [{"attribute": "User Tags", "operator": "Contain any of", "value": ["vip"]}]}]
    rules = program(
        exclusion(items={"skus": ["SOAP"]}),
        times("2", eligibility=nobody),
        per_piece(5, active_from=(AT + HOUR).isoformat()),
        times("3", eligibility=nobody),
    )
    a_sum = made(rules, TEA, open_to=["r3"])
    assert said(a_sum) == {
        "r0": (False, "no_such_items"),
        "r1": (False, "not_eligible"),
        "r2": (False, "not_in_window"),
        "r3": (True, None),
    }
    shown = why(a_sum, program_version=1, order="#1", due_at=None, expires_at=None)
    assert shown["rules"] == list(a_sum.rules)
    assert (shown["lines"][0]["factor"], shown["lines"][0]["bonus"]) == ("3", 0)


@pytest.mark.parametrize(
    "order_of_nothing",
    [order(TEA, currency="USD"), order(TEA, source="pos")],
)
def test_to_an_order_that_brings_nothing_no_rule_applies(order_of_nothing: OrderSum) -> None:
    rules = program(times("2"), per_piece(5), tiers={"levels": LEVELS}, earn={"pos": False})
    a_sum = made(rules, of=order_of_nothing, level="gold", factor=Decimal("1.5"))
    assert a_sum.points == 0
    assert set(said(a_sum).values()) == {(False, "no_points")}


def test_an_order_without_lines_is_met_by_rules_for_everything_alone() -> None:
    rules = program(times("2"), times("5", items={"skus": ["TEA"]}), per_piece(5), exclusion())
    a_sum = made(rules, of=order(subtotal=Decimal("100.00")))
    assert a_sum.points == 20
    assert [why_not for _, why_not in said(a_sum).values()] == [None, *["no_such_items"] * 3]


# Refunds


def gone(*parts: tuple[str, int]) -> list[Refund]:
    return [
        Refund(id=str(number), lines=(RefundLine(line_id, quantity=pieces),))
        for number, (line_id, pieces) in enumerate(parts)
    ]


def test_a_refund_takes_multiplied_points_and_bonuses_back_with_the_line() -> None:
    rules = program(times("3", items={"skus": ["TEA"]}), per_piece(5))  # tea 30 + 20, book 7
    terms = Terms.of(rules, AT)
    after = outcome(order(TEA, BOOK), gone(("tea", 1)), rules.earn, shop_currency="EUR", terms=terms)
    assert [part.taken_back for part in after.lines] == [12, 0]  # 50 ÷ 4, rounded down
    after = outcome(order(TEA, BOOK), gone(("tea", 1), ("tea", 3)), rules.earn, shop_currency="EUR", terms=terms)
    assert (after.target, [part.taken_back for part in after.lines]) == (7, [50, 0])


AMOUNTS = st.decimals(min_value=0, max_value=5000, places=2)
FACTORS = st.sampled_from(["0.5", "1.25", "1.5", "2", "3", "10"])


@st.composite
def baskets(draw: st.DrawFn) -> tuple[ProgramSettings, OrderSum, Terms]:
    """An order of a few lines under a few rules, bought by somebody of some level."""
    lines = [
        OrderLine(
            id=f"l{number}",
            quantity=draw(st.integers(0, 5)),
            total=draw(AMOUNTS),
            discount=draw(st.none() | st.just(Decimal("1.00"))),
            gift_card=draw(st.integers(0, 5)) == 0,
            sku=draw(st.sampled_from(["TEA", "BOOK", None])),
            categories=draw(st.sampled_from([(), ("Books",), ("Drinks", "Sale")])),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    items = st.sampled_from([{"skus": ["TEA"]}, {"categories": ["sale"]}, {"categories": ["books"]}])
    rules = draw(
        st.lists(
            st.one_of(
                st.builds(lambda i: exclusion(items=i), items),
                st.builds(lambda f, i: times(f, items=i), FACTORS, st.none() | items),
                st.builds(lambda p, i: per_piece(p, items=i), st.integers(1, 50), items),
                st.builds(lambda p: per_piece(p, limit={"times": 2, "per": "order"}), st.integers(1, 50)),
            ),
            max_size=5,
        )
    )
    earn = {
        "base": draw(st.sampled_from(["items", "items_net", "total"])),
        "round": draw(st.sampled_from(["floor", "nearest", "ceil"])),
    }
    a_program = program(*rules, earn=earn, tiers={"levels": LEVELS})
    level = draw(st.sampled_from([("gold", Decimal("1.5")), (None, None)]))
    return a_program, order(*lines), Terms.of(a_program, AT, (), *level)


def whole(a_program: ProgramSettings, an_order: OrderSum, terms: Terms, refunds: list[Refund] | None = None) -> Sum:
    return outcome(an_order, refunds or [], a_program.earn, shop_currency="EUR", terms=terms)


@settings(max_examples=300, deadline=None)
@given(baskets())
def test_the_lines_add_up_to_the_order_and_each_comes_near_its_exact_part(
    basket: tuple[ProgramSettings, OrderSum, Terms],
) -> None:
    a_sum = whole(*basket)
    assert a_sum.points == sum(part.points for part in a_sum.lines)
    assert a_sum.counted == sum(part.counted for part in a_sum.lines)
    assert all(part.points >= part.bonus >= 0 for part in a_sum.lines)
    for part in a_sum.lines:
        if part.excluded is not None:
            assert (part.points, part.counted, part.factor) == (0, 0, 1)


@settings(max_examples=200, deadline=None)
@given(baskets(), st.randoms(use_true_random=False))
def test_refunding_every_line_takes_exactly_everything_whatever_the_order(
    basket: tuple[ProgramSettings, OrderSum, Terms], rng: random.Random
) -> None:
    a_program, an_order, terms = basket
    refunds = [
        Refund(id=f"{each.id}-{piece}", lines=(RefundLine(each.id, quantity=1),))
        for each in an_order.lines
        for piece in range(max(each.quantity, 1))
    ]
    half = refunds[: len(refunds) // 2]
    shuffled = [*half, *rng.sample(half, len(half))]
    rng.shuffle(shuffled)
    assert whole(a_program, an_order, terms, refunds).target == 0
    assert whole(a_program, an_order, terms, half) == whole(a_program, an_order, terms, shuffled)


@settings(max_examples=200, deadline=None)
@given(baskets())
def test_more_of_one_thing_never_changes_what_another_line_is_multiplied_by(
    basket: tuple[ProgramSettings, OrderSum, Terms],
) -> None:
    a_program, an_order, terms = basket
    alone = {part.id: part.factor for part in whole(a_program, an_order, terms).lines}
    first = an_order.lines[0]
    doubled = replace(first, quantity=first.quantity * 2, total=(first.total or Decimal(0)) * 2)
    more = whole(a_program, replace(an_order, lines=(doubled, *an_order.lines[1:])), terms)
    assert {part.id: part.factor for part in more.lines if part.id is not None} == {
        name: factor for name, factor in alone.items() if name is not None
    }


def test_the_worked_example_of_the_docs() -> None:
    """docs/points-rules.md, "In which order rules are evaluated"."""
    rules = program(
        exclusion(),
        times("2", items={"categories": ["Drinks"]}),
        per_piece(5, limit={"times": 2, "per": "order"}),
        tiers={"levels": LEVELS},
    )
    soap = line("soap", "37.50", categories=("Care",))
    a_sum = made(rules, TEA, soap, BOOK, level="gold", factor=Decimal("1.5"))
    assert a_sum.counted == Decimal("137.50")
    assert [part.factor for part in a_sum.lines] == [3, Fraction(3, 2), 1]
    assert [part.points for part in a_sum.lines] == [28 + 10, 5, 0]
    assert a_sum.points == 43
