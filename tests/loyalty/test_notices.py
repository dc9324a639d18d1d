"""Who is told of what: purpose, the program's switch, unsubscribed, no address, erased (docs/decisions/0014)."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from backend import clock
from backend.db import transaction
from backend.loyalty.notifications import notices
from backend.loyalty.notifications.notices import LOSSES, Notice
from backend.loyalty.program.settings import Notifications
from backend.mail.messages import Kind
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import mails, member_with

ABOUT: dict[str, dict[str, Any]] = {"points_adjusted": {"points": 5}}
SWITCHES = tuple(Notifications.model_fields)
KINDS: tuple[str, ...] = get_args(Kind)
QUIET = tuple(sorted(set(KINDS) - LOSSES))
"""Kinds that unsubscribing silences."""


@pytest.fixture
def shop(time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    time.set("2026-05-04T12:00:00Z")
    return new_shop()


def tell(shop: TestShop, member: int, purpose: str, **about: Any) -> bool:
    with transaction() as session:
        return notices.tell(
            session, shop.id, member, purpose, f"mail:{purpose}:{member}", **(about or ABOUT.get(purpose, {}))
        )


def unsubscribe(shop: TestShop, member: int) -> None:
    with transaction() as session:
        notices.unsubscribe(session, shop.id, member, clock.now())


def test_every_loss_and_every_switch_is_a_kind_of_mail() -> None:
    assert set(KINDS) >= LOSSES
    assert set(KINDS) >= set(SWITCHES)
    assert LOSSES.isdisjoint(SWITCHES)


@pytest.mark.parametrize("purpose", KINDS)
def test_whoever_has_an_address_is_told(shop: TestShop, purpose: str) -> None:
    member = member_with(shop, email="ada@example.com")
    assert tell(shop, member, purpose)
    assert [each["member_id"] for each in mails(shop, purpose)] == [member]


@pytest.mark.parametrize("purpose", KINDS)
def test_whoever_has_none_is_not(shop: TestShop, purpose: str) -> None:
    assert not tell(shop, member_with(shop), purpose)


@pytest.mark.parametrize("purpose", KINDS)
def test_whoever_was_erased_is_not(shop: TestShop, purpose: str) -> None:
    member = member_with(shop, email="ada@example.com")
    shop.tell("customer.redacted", {"id": "c-1"})
    assert not tell(shop, member, purpose)


@pytest.mark.parametrize("purpose", QUIET)
def test_whoever_has_unsubscribed_has_peace(shop: TestShop, purpose: str) -> None:
    member = member_with(shop, email="ada@example.com")
    unsubscribe(shop, member)
    assert not tell(shop, member, purpose)
    with transaction() as session:
        notices.subscribe(session, shop.id, member)
    assert tell(shop, member, purpose)


@pytest.mark.parametrize("purpose", sorted(LOSSES))
def test_nobody_loses_anything_untold(shop: TestShop, purpose: str) -> None:
    """Neither by having unsubscribed nor by any switch of the program."""
    shop.set_program(**PROGRAM, notifications=dict.fromkeys(SWITCHES, False))
    member = member_with(shop, email="ada@example.com")
    unsubscribe(shop, member)
    assert tell(shop, member, purpose)


def test_points_deducted_by_hand_are_a_loss_and_points_given_are_not(shop: TestShop) -> None:
    member = member_with(shop, email="ada@example.com")
    unsubscribe(shop, member)
    assert not tell(shop, member, "points_adjusted", points=5)
    assert tell(shop, member, "points_adjusted", points=-5)


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_switch_of_the_program_silences_its_own_mails_and_no_others(shop: TestShop, switch: str) -> None:
    shop.set_program(**PROGRAM, notifications={switch: False})
    member = member_with(shop, email="ada@example.com")
    assert [purpose for purpose in KINDS if not tell(shop, member, purpose)] == [switch]


def test_the_same_key_is_one_mail(shop: TestShop) -> None:
    member = member_with(shop, email="ada@example.com")
    assert tell(shop, member, "tier_ending")
    assert not tell(shop, member, "tier_ending")


def test_a_batch_is_told_shop_by_shop_each_by_its_own_program(
    shop: TestShop, new_shop: Callable[..., TestShop]
) -> None:
    quiet = new_shop(program={**PROGRAM, "notifications": {"points_earned": False}})
    ada, bob = member_with(shop, email="ada@example.com"), member_with(shop, customer="c-2")
    eve = member_with(quiet, email="eve@example.com")
    batch = [Notice(shop.id, ada, "a"), Notice(shop.id, bob, "b"), Notice(quiet.id, eve, "c")]
    with transaction() as session:
        assert notices.tell_all(session, "points_earned", batch) == 1
    assert [each["member_id"] for each in mails(shop, "points_earned")] == [ada]
