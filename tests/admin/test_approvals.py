"""Two people above a limit: who asks, who agrees, and what becomes of it (docs/decisions/0020)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup

from backend.db import transaction
from backend.loyalty.points import approvals
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, entries, has, member_with, redeem, reward, rows, violations
from tests.widget_api.conftest import Widget

SignIn = Callable[..., Desk]


def set_limit(shop: TestShop, points: int | None, time: BusinessTime) -> None:
    with transaction() as session:
        approvals.set_limit(session, shop.id, points, "Olga Owner", time.now)


def form_key(desk: Desk, member_id: int) -> str:
    """The key of the form to add points, as the page gives it."""
    field = desk.page(f"/customers/{member_id}").select_one("#assign [name=key]")
    assert field is not None
    return str(field["value"])


def assign(desk: Desk, member_id: int, points: int, reason: str = "A late parcel", **more: Any) -> str:
    return desk.done(
        f"/customers/{member_id}/points", key=form_key(desk, member_id), points=str(points), reason=reason, **more
    )


def waiting_ids(shop: TestShop) -> list[int]:
    return [row.id for row in rows(shop, "select id from manual_change where shop_id = :shop and state = 'waiting'")]


@pytest.fixture
def ada(sign_in: SignIn) -> Desk:
    return sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, name="Ada Asks")


@pytest.fixture
def ben(sign_in: SignIn) -> Desk:
    return sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, name="Ben Agrees")


def test_above_the_limit_a_change_waits_and_the_log_shows_both_people(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assert "waits for a second person" in assign(ada, member, 101)
    assert has(shop, member).available == 0
    (waiting,) = waiting_ids(shop)
    assert "101" in ben.page("/approvals").select_one("#waiting").text  # type: ignore[union-attr]
    assert "Done" in ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    assert has(shop, member).available == 101
    log = ada.page(f"/customers/{member}/log").text
    assert "Ada Asks, approved by Ben Agrees" in log
    assert "A late parcel" in log
    assert violations(shop) == []


def test_the_customer_does_not_read_who_asked_and_who_agreed(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop, customer="c-1")
    assign(ada, member, 101)
    (waiting,) = waiting_ids(shop)
    ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    history = Widget(shop, "c-1").call("me/activity").text
    assert "A late parcel" in history
    assert "Ada" not in history
    assert "Ben" not in history


def test_up_to_the_limit_nobody_else_is_asked(ada: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assert "100 points added" in assign(ada, member, 100)
    assert has(shop, member).available == 100


def test_the_sum_of_a_day_counts_so_that_splitting_does_not_help(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    first, second = member_with(shop, customer="c-1"), member_with(shop, customer="c-2")
    assign(ada, first, 60)
    assert "waits for a second person" in assign(ada, second, 60)
    assign(ada, second, 40)
    assert "waits for a second person" in assign(ada, second, -1)
    assert has(shop, second).available == 40
    assign(ben, second, 60)
    time.advance(days=1)
    assert "points added" in assign(ada, second, 60)


def test_what_a_second_person_agreed_to_takes_nothing_from_the_day(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    assert "points added" in assign(ada, member, 100)
    assert has(shop, member).available == 600


def test_who_asked_cannot_agree(ada: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    answer = ada.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert answer.status_code == 409
    assert "somebody else has to decide" in said(answer)
    assert has(shop, member).available == 0


def test_a_second_account_is_not_a_second_person(sign_in: SignIn, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    rights = (Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS)
    one = sign_in(*rights, email="ada@care.example")
    other = sign_in(*rights, email="ada+second@care.example")
    assign(one, member, 500)
    (waiting,) = waiting_ids(shop)
    answer = other.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (answer.status_code, has(shop, member).available) == (409, 0)


def test_the_member_cannot_agree(ada: Desk, sign_in: SignIn, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop, email="Cleo+Shop@Shop.example")
    cleo = sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, email="cleo@shop.example")
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    answer = cleo.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert answer.status_code == 409
    assert "own account" in said(answer)
    assert has(shop, member).available == 0


def test_refusing_needs_a_reason_and_gives_nothing(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    answer = ben.post(f"/approvals/{waiting}", decision="refused", reason=" ")
    assert answer.status_code == 422
    assert "Refused" in ben.done(f"/approvals/{waiting}", decision="refused", reason="Too much for a parcel")
    page = ada.page("/approvals")
    assert "Too much for a parcel" in page.select_one("#past").text  # type: ignore[union-attr]
    assert has(shop, member).available == 0
    answer = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (answer.status_code, has(shop, member).available) == (409, 0)


def test_after_seven_days_it_is_over(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    time.advance(days=7, seconds=1)
    answer = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (answer.status_code, has(shop, member).available) == (409, 0)
    page = ben.page("/approvals")
    assert page.select_one("#waiting form") is None
    assert "Not decided in time" in page.select_one("#past").text  # type: ignore[union-attr]


def test_who_asked_may_take_it_back(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    assert ben.post(f"/approvals/{waiting}/withdraw").status_code == 409
    assert "taken it back" in ada.done(f"/approvals/{waiting}/withdraw")
    answer = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (answer.status_code, has(shop, member).available) == (409, 0)


def test_a_double_click_on_approve_gives_it_once(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    for _ in range(2):
        ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    assert has(shop, member).available == 500


def test_nothing_is_given_for_somebody_who_may_not_any_more(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    rows(
        shop,
        "update staff set rights = '{customers:view}' where shop_id = :shop and id = :id returning 1",
        id=ada.staff_id,
    )
    answer = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert answer.status_code == 409
    assert "may not change points any more" in said(answer)
    assert "Refused" in ben.done(f"/approvals/{waiting}", decision="refused", reason="Ada has left")


def test_what_cannot_be_done_any_more_goes_on_waiting(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop, 500)
    five_off = reward(shop, FIVE_OFF)
    assign(ada, member, -400)
    redeem(shop, member, five_off)
    (waiting,) = waiting_ids(shop)
    answer = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert answer.status_code == 409
    assert "needs 400 points" in said(answer)
    assert waiting_ids(shop) == [waiting]


def test_what_cannot_be_done_is_not_asked_of_anybody(ada: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop, 50)
    answer = ada.post(
        f"/customers/{member}/points", key=form_key(ada, member), points="-400", reason="A mistake of ours"
    )
    assert answer.status_code == 409
    assert waiting_ids(shop) == []
    assert entries(shop, member) == []


def test_a_reward_on_behalf_and_its_return_wait_as_well(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop, 1_000)
    five_off = reward(shop, FIVE_OFF)
    key = form_key(ada, member)
    assert "waits for a second person" in ada.done(
        f"/customers/{member}/redeem", key=key, reward=five_off.public_id, reason="On the phone"
    )
    assert has(shop, member).available == 1_000
    (waiting,) = waiting_ids(shop)
    ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    assert has(shop, member).available == 500
    (had,) = rows(shop, "select id from redemption where shop_id = :shop and status = 'issued'")
    answer = ada.done(f"/customers/{member}/redemptions/{had.id}/return", key=f"{key}r", reason="Changed her mind")
    assert "waits for a second person" in answer
    (waiting,) = waiting_ids(shop)
    ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    assert "Ada Asks, approved by Ben Agrees" in ada.page(f"/customers/{member}/log").text
    (ended,) = rows(shop, "select returned_by from redemption where shop_id = :shop")
    assert ended.returned_by == "Ada Asks, approved by Ben Agrees"


def test_only_who_looks_after_the_team_sets_the_limit(ada: Desk, sign_in: SignIn, shop: TestShop) -> None:
    assert ada.post("/approvals/limit", points="5").status_code == 403
    assert ada.get("/approvals/limit").status_code == 403
    owner = sign_in(name="Olga Owner")
    assert "250 points" in owner.done("/approvals/limit", points="250")
    assert owner.page("/approvals/limit").select_one("#field-points")["value"] == "250"  # type: ignore[index]
    shown = ada.page("/approvals").select_one("#limit").text  # type: ignore[union-attr]
    assert "250 points" in shown
    assert "Olga Owner" in shown
    assert owner.post("/approvals/limit", points="-3").status_code == 422
    assert "Nobody else" in owner.done("/approvals/limit", points="")


def test_a_limit_that_only_one_person_could_lift_is_said(sign_in: SignIn, shop: TestShop) -> None:
    owner = sign_in()
    owner.done("/approvals/limit", points="250")
    assert "only one person" in " ".join(owner.page("/approvals").text.split())
    sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS)
    assert "only one person" not in " ".join(owner.page("/approvals").text.split())


def test_who_may_approve_gets_a_mail(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    told = rows(
        shop,
        "select payload from outbox where shop_id = :shop and kind = 'staff_mail'"
        " and payload ->> 'purpose' = 'approval_waiting' order by id",
    )
    assert [each.payload["staff_id"] for each in told] == [ben.staff_id]
    (waiting,) = waiting_ids(shop)
    assert told[0].payload["change_id"] == waiting


def test_nobody_lifts_the_limit_unseen(ada: Desk, sign_in: SignIn, shop: TestShop) -> None:
    owner, other = sign_in(name="Olga Owner"), sign_in(name="Otto Owner")
    owner.done("/approvals/limit", points="250")
    owner.done("/approvals/limit", points="")
    told = rows(
        shop,
        "select payload from outbox where shop_id = :shop and kind = 'staff_mail'"
        " and payload ->> 'purpose' = 'limit_changed' order by id",
    )
    assert [(each.payload["staff_id"], each.payload["points"]) for each in told] == [
        (other.staff_id, 250),
        (other.staff_id, None),
    ]
    log = " ".join(other.page("/people").text.split())
    assert "Olga Owner changed the limit for approvals to 250 points a day" in log
    assert "Olga Owner changed the limit for approvals to none" in log


def test_approvals_are_read_page_by_page(
    ada: Desk, shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.admin.approving.PAGE_SIZE", 2)
    set_limit(shop, 1, time)
    member = member_with(shop)
    for number in range(5):
        assign(ada, member, 10 + number)
    for waiting in waiting_ids(shop):
        ada.done(f"/approvals/{waiting}/withdraw")
    seen: list[str] = []
    query: dict[str, str] = {}
    for _ in range(3):
        page = ada.page("/approvals", **query)
        seen += [each.text.strip() for each in page.select("#past .points")]
        older = page.select_one("#past [rel=next]")
        query = {"before": str(older["href"]).partition("before=")[2]} if older else {}
    assert seen == ["+14", "+13", "+12", "+11", "+10"]


def test_another_shop_sees_nothing_of_it(
    ada: Desk, sign_in: SignIn, shop: TestShop, new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 500)
    (waiting,) = waiting_ids(shop)
    stranger = sign_in(of=new_shop())
    assert stranger.post(f"/approvals/{waiting}", decision="approved", reason="").status_code == 404
    assert stranger.page("/approvals").select_one("#waiting form") is None
    assert has(shop, member).available == 0


def test_the_key_of_an_address_is_the_members_own_rule(shop: TestShop) -> None:
    """`email_key_of` and `member.email_key` must never part: one finds people of the team among the members."""
    for number, address in enumerate(
        ("Ada@Shop.example", "ada+x@shop.example", "A.d.a+y@GoogleMail.com", "a.da@gmail.com", "a.da@shop.example")
    ):
        member_with(shop, customer=f"key-{number}", email=address)
    assert (
        rows(shop, "select email from member where shop_id = :shop and email_key is distinct from email_key_of(email)")
        == []
    )


def test_a_day_is_the_shops(shop: TestShop, ada: Desk, time: BusinessTime) -> None:
    time.set("2026-03-03T22:30:00+00:00")  # 23:30 in Paris
    set_limit(shop, 100, time)
    member = member_with(shop)
    assign(ada, member, 100)
    assert "waits" in assign(ada, member, 1)
    time.advance(hours=1)
    assert "added" in assign(ada, member, 100)
    assert timedelta(days=7) == approvals.WAITS


def test_old_pages_of_the_form_say_so(ada: Desk, shop: TestShop, desk: Desk) -> None:
    member = member_with(shop)
    key = form_key(ada, member)
    ada.done(f"/customers/{member}/points", key=key, points="5", reason="A late parcel")
    answer = ada.post(f"/customers/{member}/points", key=key, points="7", reason="A late parcel")
    assert answer.status_code == 409
    assert "sent before" in said(answer)
    assert BeautifulSoup(answer.text, "html.parser").select_one("#field-points")["value"] == "7"  # type: ignore[index]
