"""The team: rights that count at once, letting somebody go, and the last one who stays."""

from collections.abc import Callable

import pyotp
from bs4 import BeautifulSoup
from flask import Flask

from backend import clock
from backend.db import transaction
from backend.staff import sessions
from backend.staff.rights import ROLES, Right
from tests.admin.conftest import PASSWORD, Desk, PostOffice, said
from tests.admin.test_joining import choose, log_in
from tests.conftest import TestShop

SignIn = Callable[..., Desk]


def words(desk: Desk, path: str) -> str:
    return " ".join(desk.page(path).get_text(" ").split())


def test_a_right_that_is_taken_is_gone_with_the_next_page(desk: Desk, sign_in: SignIn) -> None:
    helper = sign_in(*ROLES["Marketing"], name="Mia Market")
    assert helper.get("/program").status_code != 403
    desk.done(f"/people/{helper.staff_id}/rights", role="Custom", rights=[Right.REWARDS.value])
    assert helper.get("/program").status_code == 403
    assert helper.get("/reward-campaigns").status_code == 200


def test_rights_keep_their_capitals_where_one_chooses_them(desk: Desk) -> None:
    assert "The team and API keys" in desk.page("/people/invite").text


def test_a_role_is_a_set_of_rights(desk: Desk, sign_in: SignIn) -> None:
    helper = sign_in(Right.REWARDS, name="Mia Market")
    desk.done(f"/people/{helper.staff_id}/rights", role="Accountant", rights=[Right.STAFF.value])
    assert "Accountant" in words(desk, "/people")
    assert helper.get("/people").status_code == 403, "what was ticked below counts only for Custom"


def test_somebody_without_any_right_is_refused(desk: Desk, sign_in: SignIn) -> None:
    helper = sign_in(Right.REWARDS)
    answer = desk.post(f"/people/{helper.staff_id}/rights", role="Custom")
    assert (answer.status_code, said(answer)) == (422, "Choose at least one right.")


def test_who_is_let_go_is_out_at_once_and_may_come_back(app: Flask, desk: Desk, sign_in: SignIn) -> None:
    helper = sign_in(Right.REWARDS, name="Leo Leaves")
    desk.done(f"/people/{helper.staff_id}/remove")
    assert helper.get("/account").headers["Location"].startswith("/admin/log-in")
    assert log_in(app, helper.email, PASSWORD).status_code == 422
    assert desk.get(f"/people/{helper.staff_id}").status_code == 404
    desk.done("/people/invite", name="Leo Leaves", email=helper.email, role="Marketing")
    assert "Invited" in words(desk, "/people")


def test_the_last_one_who_looks_after_the_team_stays(desk: Desk, sign_in: SignIn) -> None:
    complaint = "Nobody could look after the team any more. Give somebody else the right to first."
    answer = desk.post(f"/people/{desk.staff_id}/remove")
    assert (answer.status_code, said(answer)) == (409, complaint)
    answer = desk.post(f"/people/{desk.staff_id}/rights", role="Marketing")
    assert (answer.status_code, said(answer)) == (409, complaint)
    other = sign_in(Right.STAFF)
    desk.post(f"/people/{desk.staff_id}/rights", role="Marketing")
    assert desk.get("/people").status_code == 403
    assert other.get("/people").status_code == 200


def test_an_address_is_on_the_team_once(desk: Desk) -> None:
    answer = desk.post("/people/invite", name="Ada Again", email=desk.email.upper(), role="Owner")
    assert answer.status_code == 422
    assert "is on the team already" in said(answer)


def test_nobody_of_another_shop_can_be_seen_or_touched(
    desk: Desk, sign_in: SignIn, new_shop: Callable[..., TestShop]
) -> None:
    stranger = sign_in(of=new_shop(), name="Otto Other")
    assert "Otto Other" not in words(desk, "/people")
    assert desk.get(f"/people/{stranger.staff_id}").status_code == 404
    for verb in ("rights", "invite", "sign-out", "two-factor/off", "remove"):
        assert desk.post(f"/people/{stranger.staff_id}/{verb}", role="Owner").status_code == 404, verb
    assert stranger.get("/account").status_code == 200


def test_somebody_can_be_signed_out_everywhere(desk: Desk, sign_in: SignIn) -> None:
    helper = sign_in(Right.REWARDS, name="Sam Sample")
    assert "Sam Sample was signed out in 1 place." in desk.done(f"/people/{helper.staff_id}/sign-out")
    assert helper.get("/account").status_code == 303


def test_whoever_has_lost_phone_and_codes_is_helped_and_told(
    desk: Desk, sign_in: SignIn, post_office: PostOffice
) -> None:
    helper = sign_in(Right.REWARDS, name="Pat Phone")
    page = helper.page("/account/two-factor")
    secret = page.find("code").get_text().replace(" ", "")
    sealed = page.find("input", {"name": "sealed"})["value"]
    helper.post("/account/two-factor", sealed=sealed, code=pyotp.TOTP(secret).at(clock.wall()), password=PASSWORD)
    desk.done(f"/people/{helper.staff_id}/two-factor/off")
    assert "Off" in words(helper, "/account")
    assert {str(each["Subject"]) for each in post_office.to(helper.email)} == {
        "Two-factor sign-in was turned on (Maison Test)",
        "Two-factor sign-in was turned off (Maison Test)",
    }


def test_what_was_changed_stands_below_with_who_did_it(desk: Desk, sign_in: SignIn) -> None:
    helper = sign_in(Right.REWARDS, name="Mia Market")
    desk.done(f"/people/{helper.staff_id}/rights", role="Accountant")
    desk.done(f"/people/{helper.staff_id}/remove")
    log = desk.page("/people").select("section:last-of-type li")
    said_of = [" ".join(each.get_text(" ").split()).split(" ·")[0] for each in log]
    assert said_of == ["Ada Admin removed Mia Market", "Ada Admin changed the rights of Mia Market"]


class TestOnesOwnAccount:
    def test_the_password_is_changed_with_the_old_one_and_ends_every_other_session(
        self, desk: Desk, sign_in: SignIn
    ) -> None:
        answer = desk.post("/account/password", password="not this", new_password="n" * 12, repeated="n" * 12)
        assert (answer.status_code, said(answer)) == (422, "This is not your password.")
        notice = desk.done("/account/password", password=PASSWORD, new_password="n" * 12, repeated="n" * 12)
        assert notice == "Your password is changed, and you are signed out everywhere else."

    def test_a_session_elsewhere_can_be_ended(self, app: Flask, desk: Desk) -> None:
        elsewhere = app.test_client()
        choose(elsewhere, "/admin/log-in", email=desk.email, password=PASSWORD)
        assert elsewhere.get("/admin/account").status_code == 200
        assert desk.done("/account/sessions/end") == "Signed out in 1 other place."
        assert elsewhere.get("/admin/account").status_code == 303

    def test_nobody_ends_the_session_of_somebody_else(self, desk: Desk, sign_in: SignIn) -> None:
        helper = sign_in(Right.REWARDS)
        with transaction() as session:
            (theirs,) = sessions.of(session, helper.shop.id, helper.staff_id, clock.wall())
            session_id = theirs.id
        assert desk.post(f"/account/sessions/{session_id}/end").status_code == 404
        assert helper.get("/account").status_code == 200


class TestApiKeys:
    def test_a_key_is_shown_once_works_and_can_be_revoked(self, desk: Desk) -> None:
        answer = desk.post("/api-keys", label="Till", scopes=["read"])
        key = BeautifulSoup(answer.text, "html.parser").find("input", {"id": "field-key"})["value"]
        assert key not in desk.get("/api-keys").text
        headers = {"Authorization": f"Bearer {key}"}
        assert desk.client.get("/api/v1/rewards", headers=headers).status_code == 200
        row = next(each for each in desk.page("/api-keys").select("tbody tr") if "Till" in each.get_text())
        desk.done(str(row.find("form")["action"]).removeprefix("/admin"))
        assert desk.client.get("/api/v1/rewards", headers=headers).status_code == 401

    def test_only_who_can_have_every_right_makes_one(self, sign_in: SignIn) -> None:
        helper = sign_in(*(frozenset(Right) - {Right.STAFF}))
        assert helper.post("/api-keys", label="Till", scopes=["points:assign"]).status_code == 403

    def test_a_key_without_a_purpose_is_refused(self, desk: Desk) -> None:
        assert desk.post("/api-keys", label="Till").status_code == 422
        assert desk.post("/api-keys", label="Till", scopes=["everything"]).status_code == 422
