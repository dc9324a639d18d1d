"""Importing at the merchant's desk: upload, look, change, try out, import, report."""

import io
from collections.abc import Callable
from typing import Any

from backend.jobs import upkeep
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import TestShop

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
