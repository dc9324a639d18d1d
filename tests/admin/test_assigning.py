"""Assign points: added, taken, with a reason, once, and never one's own (S3.22, S3.26, S4.18)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.loyalty.members import members
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import entries, has, lots, mails, member_with, rows, violations


def form_key(desk: Desk, member_id: int) -> str:
    field = desk.page(f"/customers/{member_id}").select_one("#assign [name=key]")
    assert field is not None
    return str(field["value"])


def assign(desk: Desk, member_id: int, points: int | str, reason: str = "A late parcel", **more: Any) -> str:
    return desk.done(
        f"/customers/{member_id}/points", key=form_key(desk, member_id), points=str(points), reason=reason, **more
    )


def wrong(answer: Any, field: str) -> str:
    found = BeautifulSoup(answer.text, "html.parser").select_one(f"#wrong-{field}")
    return found.get_text(strip=True) if found else ""


def test_points_are_added_and_taken_with_who_and_why(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop)
    assert "50 points added." in assign(desk, member, 50)
    assert "20 points taken." in assign(desk, member, -20, "Given twice")
    assert has(shop, member).available == 30
    done = rows(
        shop,
        "select kind, points, actor, actor_name, reason from entry where shop_id = :shop and member_id = :member"
        " order by id",
        member=member,
    )
    assert [tuple(each) for each in done] == [
        ("grant", 50, "staff", "Ada Admin", "A late parcel"),
        ("deduct", 20, "staff", "Ada Admin", "Given twice"),
    ]
    assert violations(shop) == []


def test_they_end_by_the_program_or_on_the_day_that_is_said(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-03-02T12:00:00+00:00")
    member = member_with(shop)
    assign(desk, member, 10, expires_on="2026-06-30")
    assign(desk, member, 20)
    assert lots(shop, member) == [
        (10, datetime(2026, 6, 30, 22, tzinfo=UTC)),  # the end of that day in Paris
        (20, datetime(2027, 12, 31, 23, tzinfo=UTC)),
    ]


def test_the_same_form_counts_once(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop)
    key = form_key(desk, member)
    for _ in range(3):  # a double click, and a reload
        said = desk.done(f"/customers/{member}/points", key=key, points="50", reason="A late parcel")
        assert "50 points added" in said
    assert has(shop, member).available == 50
    assert len(rows(shop, "select 1 from manual_change where shop_id = :shop")) == 1


def test_two_forms_count_twice(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop)
    for _ in range(2):
        assign(desk, member, 50)
    assert has(shop, member).available == 100


def test_a_reason_is_required_and_what_was_typed_comes_back(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop)
    key = form_key(desk, member)
    answer = desk.post(f"/customers/{member}/points", key=key, points="50", reason="  ", expires_on="2031-01-02")
    assert answer.status_code == 422
    assert "why" in wrong(answer, "reason")
    page = BeautifulSoup(answer.text, "html.parser")
    assert page.select_one("#field-points")["value"] == "50"  # type: ignore[index]
    assert page.select_one("#field-expires_on")["value"] == "2031-01-02"  # type: ignore[index]
    assert page.select_one("#assign [name=key]")["value"] == key  # type: ignore[index]
    assert has(shop, member).available == 0


@pytest.mark.parametrize("points", ["0", "", "many", "1.5", "1000000001", "-1000000001", "1e3"])
def test_points_that_are_none_are_refused_at_the_field(desk: Desk, shop: TestShop, points: str) -> None:
    member = member_with(shop, 5)
    answer = desk.post(f"/customers/{member}/points", key=form_key(desk, member), points=points, reason="A late parcel")
    assert answer.status_code == 422
    assert wrong(answer, "points")
    assert has(shop, member).available == 5


@pytest.mark.parametrize("points", [0, 10**9 + 1, -(10**9) - 1])
def test_how_many_there_may_be_is_said_in_one_sentence(desk: Desk, shop: TestShop, points: int) -> None:
    member = member_with(shop)
    answer = desk.post(f"/customers/{member}/points", key=form_key(desk, member), points=points, reason="A late parcel")
    assert wrong(answer, "points") == "should be 1 to 1,000,000,000, or as many below zero"


def test_more_than_is_there_cannot_be_taken(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 5)
    answer = desk.post(f"/customers/{member}/points", key=form_key(desk, member), points="-6", reason="Given twice")
    assert answer.status_code == 409
    assert "5 are available" in said(answer)
    assert entries(shop, member) == []


@pytest.mark.parametrize(
    ("points", "day", "message"),
    [("5", "2001-01-01", "past"), ("-5", "2099-01-01", "no end"), ("5", "9999-12-31", "too far"), ("5", "soon", "")],
)
def test_an_end_that_makes_no_sense_is_refused(desk: Desk, shop: TestShop, points: str, day: str, message: str) -> None:
    member = member_with(shop, 5)
    answer = desk.post(
        f"/customers/{member}/points", key=form_key(desk, member), points=points, reason="Why not", expires_on=day
    )
    assert answer.status_code == 422
    assert message in wrong(answer, "expires_on")
    assert wrong(answer, "expires_on")
    assert has(shop, member).available == 5


def test_the_customer_is_told_if_wanted_and_always_of_a_loss(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, email="ada@mail.example")
    assign(desk, member, 10)
    assert mails(shop, "points_adjusted") == []
    assign(desk, member, 20, tell="1")
    assign(desk, member, -5, "Given twice")
    assert [each["points"] for each in mails(shop, "points_adjusted")] == [20, -5]


@pytest.mark.parametrize(
    ("staff", "member"),
    [
        ("ada{n}@mail.example", "Ada{n}@Mail.example"),
        ("bea{n}@mail.example", "bea{n}+shop@mail.example"),
        ("cleo{n}+work@mail.example", "cleo{n}@mail.example"),
        ("d.o.r.a{n}@gmail.com", "dora{n}+x@googlemail.com"),
    ],
)
def test_nobody_assigns_points_to_themselves(
    sign_in: Callable[..., Desk], shop: TestShop, staff: str, member: str
) -> None:
    ada = sign_in(email=staff.format(n=shop.id))
    own = member_with(shop, 10, email=member.format(n=shop.id))
    page = ada.page(f"/customers/{own}")
    assert "your own account" in page.select_one("#assign").text  # type: ignore[union-attr]
    for points in ("50", "-5"):
        answer = ada.post(f"/customers/{own}/points", key="k" * 20, points=points, reason="For me")
        assert answer.status_code == 409
        assert "your own account" in said(answer)
    assert has(shop, own).available == 10


def test_a_verified_address_and_a_merged_account_are_ones_own_as_well(
    sign_in: Callable[..., Desk], shop: TestShop
) -> None:
    address = f"ada.of{shop.id}@mail.example"
    ada = sign_in(email=address)
    verified = member_with(shop, customer="c-1", email="other@mail.example")
    kept, gone, further = (member_with(shop, customer=f"c-{n}") for n in (2, 3, 4))
    with transaction() as session:
        member = members.by_external_id(session, shop.id, "c-1")
        assert member is not None
        members.verify_address(session, member, address)
        for pair in ((kept, gone), (further, kept)):
            session.execute(
                text("insert into same_person values (:shop, :kept, :gone)"),
                {"shop": shop.id, "kept": pair[0], "gone": pair[1]},
            )
        session.execute(
            text("update member set email = upper(:email) where shop_id = :shop and id = :id"),
            {"shop": shop.id, "id": gone, "email": address},
        )
    for own in (verified, kept, gone, further):
        answer = ada.post(f"/customers/{own}/points", key=f"{own}".zfill(20), points="50", reason="For me")
        assert (answer.status_code, has(shop, own).available) == (409, 0)


def test_only_who_may_assign_points_can(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    member = member_with(shop)
    for rights in ((Right.VIEW_CUSTOMERS,), (Right.VIEW_CUSTOMERS, Right.MANAGE_CUSTOMERS)):
        answer = sign_in(*rights).post(f"/customers/{member}/points", key="k" * 20, points="5", reason="A late parcel")
        assert answer.status_code == 403
    assert has(shop, member).available == 0


def test_an_erased_customer_gets_nothing(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop)
    key = form_key(desk, member)
    with transaction() as session:
        members.erase(session, shop.id, "c-1", clock.now())
    answer = desk.post(f"/customers/{member}/points", key=key, points="5", reason="A late parcel")
    assert (answer.status_code, entries(shop, member)) == (409, [])


def test_another_shops_customer_is_not_there(
    sign_in: Callable[..., Desk], shop: TestShop, new_shop: Callable[..., TestShop]
) -> None:
    member = member_with(shop)
    stranger = sign_in(of=new_shop())
    answer = stranger.post(f"/customers/{member}/points", key="k" * 20, points="5", reason="A late parcel")
    assert answer.status_code == 404
    assert has(shop, member).available == 0


def test_it_stands_in_the_shoppers_own_history(desk: Desk, shop: TestShop) -> None:
    """S4.18: in the merchant's words; which person it was stays in the shop."""
    member = member_with(shop)
    assign(desk, member, 50)
    (done,) = rows(shop, "select actor, reason, why from entry where shop_id = :shop and member_id = :m", m=member)
    assert (done.actor, done.reason) == ("staff", "A late parcel")
    assert "Ada" not in str(done.why)
