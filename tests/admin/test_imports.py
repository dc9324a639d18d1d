"""Importing at the merchant's desk: upload, look, change, try out, import, report."""

import io
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from backend.loyalty.points import approvals
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import TestShop
from tests.loyalty.rewards_world import free_codes, member_with, reward, rows

PEOPLE = b"Customer ID;First Name;Note\n1;Zo\xeb;x\n2;Bob;y\n"


def test_a_file_is_looked_at_tried_out_and_imported(desk: Desk) -> None:
    where = _upload(desk, "members", PEOPLE)
    page = desk.page(where)
    assert [each["value"] for each in page.select("select[name=column] option[selected]")] == [
        "external_id",
        "first_name",
    ]
    assert "Zoë" in page.text
    assert "Windows-1252" in page.text
    assert "first 2 rows can all be read" in page.text
    form: dict[str, Any] = {
        "separator": ";",
        "encoding": "cp1252",
        "heading": "1",
        "column": ["external_id", "last_name", ""],
    }
    assert desk.post(f"{where}/columns", **form).status_code == 303
    assert desk.post(f"{where}/try", **form).status_code == 303
    assert desk.page(where).select_one("[data-poll]") is not None
    upkeep.import_rows()
    assert "What the import would do" in desk.page(where).text
    assert desk.post(f"{where}/start", **form).status_code == 303
    upkeep.import_rows()
    page = desk.page(where)
    assert page.select_one("[data-poll]") is None
    assert [dd.text for dd in page.select(".figure dd")] == ["2", "0", "0", "0"]
    report = desk.get(f"{where}/report.csv")
    assert report.text.splitlines()[1:] == ["2,made,1,", "3,made,2,"]
    assert report.headers["Content-Disposition"].startswith("attachment")
    again = _upload(desk, "members", PEOPLE)
    assert "This very file was imported" in desk.page(again).text


def test_refused_rows_are_shown_with_their_lines(desk: Desk) -> None:
    where = _upload(desk, "balances", b"id,points\n9,5\n")
    desk.post(f"{where}/start")
    upkeep.import_rows()
    assert "Nobody here has this id" in desk.page(where).text


def test_two_columns_of_one_field_and_a_missing_field_are_refused(desk: Desk) -> None:
    where = _upload(desk, "members", PEOPLE)
    form: dict[str, Any] = {"separator": ";", "encoding": "cp1252", "heading": "1"}
    twice = desk.post(f"{where}/start", **form, column=["external_id", "external_id", ""])
    assert (twice.status_code, "same field" in said(twice)) == (422, True)
    none = desk.post(f"{where}/start", **form, column=["", "first_name", ""])
    assert "Choose the column for" in said(none)


def test_points_need_the_right_to_assign_points(sign_in: Callable[..., Desk]) -> None:
    accountant = sign_in(Right.EXPORT)
    assert _posted(accountant, "balances", b"id,points\n1,5\n").status_code == 403
    assert _posted(accountant, "members", PEOPLE).status_code == 303
    assert sign_in(Right.REPORTS).get("/import").status_code == 403


def test_above_a_limit_a_second_person_lets_points_in(desk: Desk, sign_in: Callable[..., Desk], shop: TestShop) -> None:
    both = (Right.EXPORT, Right.ASSIGN_POINTS)
    ada, ben, reader = sign_in(*both), sign_in(*both), sign_in(Right.EXPORT)
    _limit(shop, 100)
    member_with(shop, customer="c-1")
    where = _upload(ada, "balances", b"id,points\nc-1,5\n")
    assert "has to let it in" in ada.done(f"{where}/start")
    upkeep.import_rows()
    page = ben.page(where)
    assert "Nothing has happened yet" in page.text
    assert [dd.text for dd in page.select(".figure dd")] == ["1", "0", "0", "5", "0"]
    assert rows(shop, "select 1 from entry where shop_id = :shop") == []
    own = ada.post(f"{where}/approve")
    assert (own.status_code, "somebody else has to decide" in said(own)) == (409, True)
    assert reader.post(f"{where}/approve").status_code == 403
    assert ada.page(where).select_one("form[action$=approve]") is None
    assert "You have let it in" in ben.done(f"{where}/approve")
    assert ben.post(f"{where}/approve").status_code == 409
    upkeep.import_rows()
    (entry,) = rows(shop, "select points, actor_name from entry where shop_id = :shop")
    assert (entry.points, entry.actor_name) == (5, f"{_name(shop, ada)}, approved by {_name(shop, ben)}")


def test_who_may_not_bring_points_any_more_asked_in_vain(
    desk: Desk, sign_in: Callable[..., Desk], shop: TestShop
) -> None:
    ada, ben = (sign_in(Right.EXPORT, Right.ASSIGN_POINTS) for _ in range(2))
    _limit(shop, 100)
    where = _upload(ada, "balances", b"id,points\nc-1,5\n")
    ada.done(f"{where}/start")
    upkeep.import_rows()
    with transaction() as session:
        session.execute(
            text("update staff set rights = '{}' where shop_id = :shop and id = :id"),
            {"shop": shop.id, "id": ada.staff_id},
        )
    assert "may not change points any more" in said(ben.post(f"{where}/approve"))
    assert "is stopped" in ben.done(f"{where}/cancel")


def test_nobody_brings_points_for_their_own_account(desk: Desk, shop: TestShop) -> None:
    name, domain = desk.email.split("@")
    shop.tell("customer.created", {"id": "me", "email": f"{name}+x@{domain}".upper()})
    shop.tell("customer.created", {"id": "other", "email": "other@example.com"})
    where = _upload(desk, "balances", b"id,points\nme,5\nother,7\n")
    desk.post(f"{where}/start")
    upkeep.import_rows()
    assert "Nobody brings points for their own account" in desk.page(where).text
    assert [row.points for row in rows(shop, "select points from entry where shop_id = :shop")] == [7]


def test_codes_go_into_the_pool_that_was_chosen(desk: Desk, shop: TestShop) -> None:
    pool = reward(shop, coupons=["A-1"])
    answer = desk.post("/import", kind="codes", reward_id=str(pool.id), file=(io.BytesIO(b"B-1\na-1\nB-2\n"), "c.txt"))
    where = str(answer.headers["Location"]).removeprefix("/admin")
    desk.post(f"{where}/start")
    upkeep.import_rows()
    assert free_codes(shop, pool) == ["A-1", "B-1", "B-2"]
    assert [dd.text for dd in desk.page(where).select(".figure dd")] == ["2", "0", "1"]
    other = desk.post("/import", kind="codes", reward_id="999", file=(io.BytesIO(b"B-1\n"), "c.txt"))
    assert other.status_code == 422


def _limit(shop: TestShop, points: int) -> None:
    with transaction() as session:
        approvals.set_limit(session, shop.id, points, "Ada", clock.now())


def _name(shop: TestShop, desk: Desk) -> str:
    (row,) = rows(shop, "select name from staff where shop_id = :shop and id = :id", id=desk.staff_id)
    return str(row.name)


def test_another_shops_import_is_not_there(
    desk: Desk, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop]
) -> None:
    where = _upload(desk, "members", PEOPLE)
    stranger = sign_in(of=new_shop())
    assert stranger.get(where).status_code == 404
    assert stranger.post(f"{where}/start").status_code == 404
    assert stranger.get(f"{where}/report.csv").status_code == 404


def test_without_a_file_the_form_says_so(desk: Desk) -> None:
    answer = desk.post("/import", kind="members")
    assert answer.status_code == 422
    assert "Choose a file" in said(answer)


def test_a_file_without_rows_is_not_called_readable(desk: Desk) -> None:
    page = desk.page(_upload(desk, "members", b"%PDF-1.4"))
    assert "No row can be read" in page.text
    assert "can all be read" not in page.text


def test_it_can_be_stopped(desk: Desk) -> None:
    where = _upload(desk, "members", PEOPLE)
    desk.post(f"{where}/start")
    assert "stopped" in desk.done(f"{where}/cancel")


def _posted(desk: Desk, kind: str, content: bytes) -> Any:
    return desk.post("/import", kind=kind, file=(io.BytesIO(content), "people.csv"))


def _upload(desk: Desk, kind: str, content: bytes) -> str:
    answer = _posted(desk, kind, content)
    assert answer.status_code == 303, said(answer)
    return str(answer.headers["Location"]).removeprefix("/admin")
