"""The admin inside Shopify: the same pages, by Shopify's word for who asks instead of a cookie (docs/decisions/0027)."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from itertools import count
from threading import Barrier
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from backend import clock
from backend.admin.door import ANYBODY, DECLARED
from backend.db import db, transaction
from backend.models import ShopifyShop, ShopifyUser, Staff
from backend.platforms.shopify.oauth import AssociatedUser
from backend.shopify import team
from backend.staff import accounts
from backend.staff.rights import Right
from tests.admin.conftest import Desk, forget_request, said
from tests.admin.test_rights import address
from tests.conftest import BusinessTime, TestShop
from tests.shopify.pretend_tokens import session_token
from tests.transfer import rich_shop

_users = count(700_000_001)
ALL = tuple(Right)


@dataclass
class Window:
    """Somebody who looks at the admin in Shopify: no cookies, a session token with each request."""

    shop: TestShop
    client: FlaskClient
    user_id: int
    sid: str = "one session at Shopify"

    @property
    def token(self) -> str:
        return session_token(domain_of(self.shop), {"id": self.user_id}, sid=self.sid)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **query: str) -> TestResponse:
        forget_request()
        return self.client.get(f"/admin{path}", query_string=query, headers=self.headers)

    def post(self, path: str, **fields: object) -> TestResponse:
        forget_request()
        return self.client.post(f"/admin{path}", data=fields, headers=self.headers)

    def follow(self, answer: TestResponse) -> TestResponse:
        assert answer.status_code == 303, (answer.status_code, said(answer))
        forget_request()
        return self.client.get(answer.headers["Location"], headers=self.headers)


@pytest.fixture
def kiln(new_shop: Callable[..., TestShop]) -> TestShop:
    """A shop with the app installed at Shopify. What fills it comes by our own webhooks."""
    return installed(new_shop())


def installed(shop: TestShop) -> TestShop:
    wall = clock.wall()
    with transaction() as session:
        session.add(
            ShopifyShop(
                shop_id=shop.id,
                domain=domain_of(shop),
                state="installed",
                access_token="sealed",
                installed_at=wall,
                created_at=wall,
            )
        )
    return shop


def domain_of(shop: TestShop) -> str:
    return f"desk-{shop.id}.myshopify.com"


@pytest.fixture
def window(app: Flask, kiln: TestShop) -> Callable[..., Window]:
    """Open a window for somebody with these rights (all, if none is named), who has opened the app before."""

    def make(*rights: Right, of: TestShop | None = None) -> Window:
        shop = of or kiln
        user_id = next(_users)
        with transaction() as session:
            person = accounts.without_password(
                session, shop.id, clock.now(), email=None, name=f"Some {user_id}", rights=rights or ALL
            )
            session.add(ShopifyUser(shop_id=shop.id, user_id=str(user_id), staff_id=person.id))
        return Window(shop, app.test_client(use_cookies=False), user_id)

    return make


@pytest.fixture
def owner(window: Callable[..., Window]) -> Window:
    return window()


def staff_of(window: Window) -> Staff:
    db.session.rollback()
    link = db.session.get_one(ShopifyUser, (window.shop.id, str(window.user_id)))
    return db.session.get_one(Staff, (window.shop.id, link.staff_id))


# The same pages -------------------------------------------------------------------------------------------------------


def test_every_page_answers_a_session_token_as_it_answers_a_cookie(owner: Window, sign_in: Callable[..., Desk]) -> None:
    desk = sign_in()  # of another shop as empty, in which the same is done
    wrong = []
    for declared in DECLARED.values():
        if declared.right == ANYBODY and declared.method == "POST" and declared.name != "no_such_form":
            continue  # signing in with a password: below
        if declared.name in ("log_out", "preview_frame"):
            continue
        path = address(declared)
        ask = (
            (lambda who, path=path: who.get(path))
            if declared.method == "GET"
            else (lambda who, path=path: who.post(path))
        )
        here, there = ask(owner), ask(desk)
        same = here.status_code == there.status_code
        where = [each.headers.get("Location", "").partition("?")[0] for each in (here, there)]
        if not same or where[0] != where[1] or "Set-Cookie" in here.headers:
            wrong.append((declared.method, path, here.status_code, there.status_code, where))
    assert wrong == []


def test_a_full_shop_shows_the_same_on_its_pages(
    owner: Window, sign_in: Callable[..., Desk], time: BusinessTime
) -> None:
    rich_shop.fill(owner.shop, time)
    desk = sign_in(of=owner.shop)
    for path in (
        "/customers",
        "/member-points",
        "/redeemed-rewards",
        "/reports/points",
        "/program",
        "/reward-campaigns",
    ):
        here, there = owner.get(path), desk.get(path)
        assert here.status_code == there.status_code, path
        if here.status_code == 200:
            assert main_text(here) == main_text(there), path
            assert "Set-Cookie" not in here.headers


def main_text(answer: TestResponse) -> str:
    found = BeautifulSoup(answer.text, "html.parser").find("main")
    assert found is not None
    return " ".join(found.get_text(" ").split())


def test_no_page_shows_another_shop__request_derived_shop_scope(
    owner: Window, window: Callable[..., Window], new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    """Shopify's checks REQUEST_DERIVED_SHOP_SCOPE and REQUEST_CONTROLLED_ADMIN_CONTEXT."""
    rich_shop.fill(owner.shop, time)
    other = window(of=installed(new_shop()))
    with transaction() as session:
        member = session.execute(
            text("select id from member where shop_id = :shop limit 1"), {"shop": owner.shop.id}
        ).scalar_one()
    assert owner.get(f"/customers/{member}").status_code == 200
    for more in ({}, {"shop": domain_of(owner.shop)}, {"shop": domain_of(owner.shop), "embedded": "1"}):
        assert other.get(f"/customers/{member}", **more).status_code == 404
        page = other.get("/customers", **more)
        assert main_text(page).count("@") == 0
        assert domain_of(owner.shop) not in page.headers["Content-Security-Policy"]


def test_a_page_asks_for_its_right_inside_shopify_too(window: Callable[..., Window]) -> None:
    reader = window(Right.REPORTS)
    assert reader.get("/reports/points").status_code == 200
    for path in ("/customers", "/people", "/program", "/export"):
        answer = reader.get(path)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
    assert reader.post("/people/invite", email="a@b.example", name="A", role="Owner").status_code == 403


# Who comes ------------------------------------------------------------------------------------------------------------


def test_a_token_that_is_over_is_made_anew_by_app_bridge(owner: Window) -> None:
    wall = clock.wall() - timedelta(minutes=2)
    old = session_token(
        domain_of(owner.shop), {"id": owner.user_id}, exp=wall + timedelta(minutes=1), nbf=wall, iat=wall
    )
    for call in (owner.client.get, owner.client.post):
        answer = call("/admin/customers", headers={"Authorization": f"Bearer {old}"})
        assert answer.status_code == 401
        assert answer.headers["X-Shopify-Retry-Invalid-Session-Request"] == "1"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("word", ["Bearer", "Bearer ", "Bearer garbage", "bearer a.b.c", f"Bearer {'x' * 9000}"])
def test_a_wrong_word_is_nobody_even_with_a_cookie(app: Flask, desk: Desk, word: str) -> None:
    forget_request()
    answer = desk.client.get("/admin/customers", headers={"Authorization": word})
    assert answer.status_code in ((200,) if word == "Bearer" else (401,))


def test_somebody_who_never_opened_the_app_has_to_open_it(owner: Window, app: Flask) -> None:
    stranger = Window(owner.shop, app.test_client(use_cookies=False), next(_users))
    answer = stranger.get("/customers")
    assert answer.status_code == 401
    assert "X-Shopify-Retry-Invalid-Session-Request" not in answer.headers
    document = stranger.client.get("/admin/customers", query_string={"id_token": stranger.token, "search": "ada"})
    assert document.status_code == 303
    parts = urlsplit(document.headers["Location"])
    assert parts.path == "/shopify"
    assert dict(parse_qsl(parts.query))["return_to"] == "/admin/customers?search=ada"


def test_a_shop_without_the_app_shows_nothing(owner: Window) -> None:
    with transaction() as session:
        row = session.get_one(ShopifyShop, owner.shop.id)
        row.state, row.access_token = "uninstalled", None
    assert owner.get("/customers").status_code == 401


def test_a_preview_ends_when_the_app_is_taken_away(owner: Window) -> None:
    page = owner.get("/preview/frame", visitor="1")
    found = re.search(r'src="(/preview/[^"/]+/widget/v1)/loader', page.text)
    assert found is not None
    program = f"{found[1]}/{owner.shop.facts.widget_key}/program"
    assert owner.client.get(program).status_code == 200
    with transaction() as session:
        session.get_one(ShopifyShop, owner.shop.id).state = "uninstalled"
    assert owner.client.get(program).status_code == 401
    with transaction() as session:
        session.get_one(ShopifyShop, owner.shop.id).state = "installed"
    assert owner.client.get(program).status_code == 200


def test_who_is_removed_is_refused_at_once_and_comes_back_by_invitation(
    owner: Window, window: Callable[..., Window]
) -> None:
    other = window()
    assert other.get("/customers").status_code == 200
    removed = owner.follow(owner.post(f"/people/{staff_of(other).id}/remove"))
    assert "is not on the team any more" in said(removed)
    answer = other.get("/customers")
    assert answer.status_code == 403
    assert "not on this program's team any more" in main_text(answer)
    assert f"frame-ancestors https://{domain_of(owner.shop)}" in answer.headers["Content-Security-Policy"]


def test_a_session_that_was_ended_here_stays_ended__session_lifecycle_and_replay(
    owner: Window, window: Callable[..., Window]
) -> None:
    """Shopify's check SESSION_LIFECYCLE_AND_REPLAY: not even a token that is new opens it again."""
    other = window()
    assert other.get("/account").status_code == 200
    owner.post(f"/people/{staff_of(other).id}/sign-out")
    answer = other.get("/account")
    assert answer.status_code == 401
    assert "X-Shopify-Retry-Invalid-Session-Request" not in answer.headers
    other.sid = "another session at Shopify"
    assert other.get("/account").status_code == 200


def test_a_session_goes_on_as_long_as_shopifys(owner: Window) -> None:
    assert owner.get("/account").status_code == 200
    with transaction() as session:
        long_ago = clock.wall() - timedelta(days=20)
        session.execute(
            text("update staff_session set seen_at = :at, expires_at = :at, created_at = :at where shop_id = :shop"),
            {"at": long_ago, "shop": owner.shop.id},
        )
    assert owner.get("/account").status_code == 200
    db.session.rollback()
    asked = text("select count(*) from staff_session where shop_id = :shop")
    assert db.session.execute(asked, {"shop": owner.shop.id}).scalar_one() == 1


def test_the_same_token_may_come_many_times_in_its_minute(owner: Window) -> None:
    headers = owner.headers
    for _ in range(3):
        assert owner.client.get("/admin/customers", headers=headers).status_code == 200


# Forms ----------------------------------------------------------------------------------------------------------------


def test_a_form_needs_no_token_against_forgery_with_shopifys_word_and_one_without_it__csrf_missing_protection(
    owner: Window, sign_in: Callable[..., Desk]
) -> None:
    """Shopify's check CSRF_MISSING_PROTECTION: what a browser sends by itself is never enough."""
    assert owner.post("/people/invite", email="new@shop.example", name="New", role="Manager").status_code == 303
    desk = sign_in(of=owner.shop)
    forget_request()
    sent = {"email": "other@shop.example", "name": "Other", "role": "Manager"}
    assert desk.client.post("/admin/people/invite", data=sent).status_code == 400
    forget_request()
    in_address = desk.client.post("/admin/people/invite", data=sent, query_string={"id_token": owner.token})
    assert in_address.status_code == 400
    forget_request()
    in_body = desk.client.post("/admin/people/invite", data={**sent, "id_token": owner.token})
    assert in_body.status_code == 400
    stranger = owner.client.post("/admin/people/invite", data=sent, query_string={"id_token": owner.token})
    assert stranger.status_code == 400
    db.session.rollback()
    asked = select(Staff).where(Staff.shop_id == owner.shop.id, Staff.email == sent["email"])
    assert db.session.execute(asked).first() is None


def test_what_was_done_is_said_on_the_next_page_and_only_there(owner: Window, window: Callable[..., Window]) -> None:
    answer = owner.post("/people/invite", email="new@shop.example", name="New", role="Manager")
    assert "Set-Cookie" not in answer.headers
    assert "An invitation is on its way to new@shop.example" in said(owner.follow(answer))
    assert "invitation is on its way" not in said(owner.get("/people"))
    told = answer.headers["Location"]
    assert "invitation is on its way" not in said(window().client.get(told, headers=window().headers))
    forged = re.sub(r"said=[^&]{8}", "said=WzEsW1si", told)
    assert said(owner.client.get(forged, headers=owner.headers)) == ""


def test_what_is_wrong_with_a_form_is_said_on_it(owner: Window) -> None:
    answer = owner.post("/people/invite", email="nonsense", name="New", role="Manager")
    assert answer.status_code == 422
    assert "is not an e-mail address" in said(answer)


def test_a_file_goes_up_and_a_file_comes_down(owner: Window, time: BusinessTime) -> None:
    rich_shop.fill(owner.shop, time)
    grid = owner.get("/redeemed-rewards")
    link = BeautifulSoup(grid.text, "html.parser").find(id="file")
    assert link is not None
    assert "token" not in link["href"]
    file = owner.client.get(link["href"], headers=owner.headers)
    assert file.status_code == 200
    assert file.headers["Content-Disposition"].startswith("attachment")
    sent = owner.post("/import", kind="members", file=(BytesIO(b"id,first_name\n1,Zoe\n"), "people.csv"))
    assert "people.csv" in owner.follow(sent).text


def test_passwords_and_logging_out_are_for_the_window_of_its_own(owner: Window) -> None:
    for declared in DECLARED.values():
        if declared.method == "POST" and declared.right == ANYBODY and declared.name != "no_such_form":
            answer = owner.post(address(declared))
            assert answer.status_code == 403, declared.name
            assert "Set-Cookie" not in answer.headers
    assert owner.post("/log-out").status_code == 403
    page = owner.get("/account")
    assert "Log out" not in page.text
    assert "You come in through Shopify" in page.text


def test_nobody_signs_in_without_a_password_that_was_never_chosen(app: Flask, owner: Window) -> None:
    with transaction() as session:
        session.get_one(Staff, (owner.shop.id, staff_of(owner).id)).email = "owner@shop.example"
    client = app.test_client()
    forget_request()
    page = BeautifulSoup(client.get("/admin/log-in").text, "html.parser").find("meta", {"name": "csrf-token"})
    assert page is not None
    for password in ("", "None", "null"):
        forget_request()
        sent = {"csrf_token": page["content"], "email": "owner@shop.example", "password": password}
        assert client.post("/admin/log-in", data=sent).status_code == 422


# Frames ---------------------------------------------------------------------------------------------------------------


def test_each_page_is_for_the_frame_of_its_own_shop__missing_embedded_csp(
    owner: Window, window: Callable[..., Window], new_shop: Callable[..., TestShop]
) -> None:
    """Shopify's checks MISSING_EMBEDDED_CSP and STATIC_FRAME_ANCESTORS."""
    other = window(of=installed(new_shop()))
    for each in (owner, other):
        for answer in (
            each.get(""),
            each.get("/nothing-here"),
            each.post("/people/invite", email="x"),
            each.client.get("/admin/customers", query_string={"id_token": each.token}),
        ):
            policy = answer.headers["Content-Security-Policy"]
            ancestors = f"frame-ancestors https://{domain_of(each.shop)} https://admin.shopify.com"
            assert policy.split("; ")[-1] == ancestors
            assert "script-src 'self' https://cdn.shopify.com;" in policy
            assert "unsafe" not in policy
            assert "X-Frame-Options" not in answer.headers


def test_the_stand_alone_admin_is_framed_by_nobody(desk: Desk, owner: Window, app: Flask) -> None:
    asked = {"embedded": "1", "shop": domain_of(owner.shop), "host": "YWRtaW4"}
    for answer in (
        desk.get(""),
        desk.get("", **asked),
        desk.get("/customers", **asked),
        desk.post("/people/invite", email="x"),
        app.test_client().get("/admin/log-in", query_string=asked),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.endswith("frame-ancestors 'none'")
        assert "shopify" not in policy
        assert "app-bridge" not in answer.text


def test_app_bridge_is_the_first_script_and_the_page_names_the_app(owner: Window) -> None:
    page = BeautifulSoup(owner.get("").text, "html.parser")
    scripts = page.find_all("script")
    assert scripts[0]["src"] == "https://cdn.shopify.com/shopifycloud/app-bridge.js"
    assert not {"async", "defer", "type"} & set(scripts[0].attrs)
    head = page.head
    assert head is not None
    assert head.find("meta", {"name": "shopify-api-key"}) is not None
    menu = page.find("s-app-nav")
    assert menu is not None
    assert [each.get_text() for each in menu.find_all("s-link")][:2] == ["Home", "Customer management"]
    assert page.find("meta", {"name": "csrf-token"})["content"] == ""  # type: ignore[index]


def test_a_document_that_comes_without_a_word_goes_to_fetch_one(owner: Window) -> None:
    asked = {"embedded": "1", "shop": domain_of(owner.shop), "host": "YWRtaW4", "search": "ada"}
    answer = owner.client.get("/admin/customers", query_string=asked)
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["Location"])
    query = dict(parse_qsl(parts.query))
    assert (parts.path, query["return_to"]) == ("/shopify/token", "/admin/customers?search=ada")
    forged = owner.client.get("/admin/customers", query_string={**asked, "shop": "evil.example"})
    assert forged.headers["Location"].startswith("/admin/log-in")


def test_no_link_of_a_page_carries_the_token_on__credential_browser_leakage(owner: Window, time: BusinessTime) -> None:
    """Shopify's check CREDENTIAL_BROWSER_LEAKAGE."""
    rich_shop.fill(owner.shop, time)
    for path in ("", "/customers", "/redeemed-rewards", "/member-points", "/deliveries", "/program", "/preview"):
        token = owner.token
        asked = {
            "id_token": token,
            "shop": domain_of(owner.shop),
            "hmac": "a1b2c3",
            "session": "s3ss10n",
            "embedded": "1",
        }
        answer = owner.client.get(f"/admin{path}", query_string=asked)
        assert answer.status_code == 200, path
        for secret in (token, "a1b2c3", "s3ss10n"):
            assert secret not in answer.text, path
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")


def test_a_page_that_leads_on_takes_the_word_with_it(owner: Window) -> None:
    token = owner.token
    answer = owner.client.get("/admin/log-in", query_string={"id_token": token, "shop": domain_of(owner.shop)})
    assert answer.status_code == 303
    assert owner.client.get(answer.headers["Location"]).status_code == 200


def test_the_preview_in_the_frame_opens_without_a_cookie_and_nothing_else_does(owner: Window) -> None:
    page = BeautifulSoup(owner.get("/preview").text, "html.parser")
    frame = page.find("iframe")
    assert frame is not None
    shown = owner.client.get(frame["src"])
    assert shown.status_code == 200
    domain = domain_of(owner.shop)
    policy = shown.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors 'self' https://{domain} https://admin.shopify.com")
    loader = BeautifulSoup(shown.text, "html.parser").find_all("script")[-1]["src"]
    assert owner.client.get(loader).status_code == 200
    query = urlsplit(str(frame["src"])).query
    assert owner.client.get(f"/admin/customers?{query}").headers["Location"].startswith("/admin/log-in")
    assert owner.client.get(f"/admin/preview?{query}").status_code == 303
    with transaction() as session:
        session.execute(
            text("update staff_session set ended_at = now() where shop_id = :shop"), {"shop": owner.shop.id}
        )
    assert owner.client.get(frame["src"]).status_code == 303


# Whom Shopify names ---------------------------------------------------------------------------------------------------


def user(user_id: int, **changed: object) -> AssociatedUser:
    told = {
        "id": str(user_id),
        "email": "ben@shop.example",
        "email_verified": True,
        "first_name": "Ben",
        "last_name": "Kiln",
        "account_owner": False,
        "collaborator": False,
        "locale": "en",
        "scopes": ("read_customers",),
    } | changed
    return AssociatedUser(**told)  # type: ignore[arg-type]


def welcome(shop: TestShop, user_id: int, **changed: object) -> Staff:
    with transaction() as session:
        team.welcome(session, shop.id, str(user_id), user(user_id, **changed), clock.now())
    db.session.rollback()
    link = db.session.get_one(ShopifyUser, (shop.id, str(user_id)))
    return db.session.get_one(Staff, (shop.id, link.staff_id))


def test_of_two_who_come_first_at_once_one_is_the_first(app: Flask, kiln: TestShop) -> None:
    together = Barrier(2)

    def come(user_id: int) -> None:
        with app.app_context():
            together.wait(60)
            with transaction() as session:
                team.welcome(session, kiln.id, str(user_id), None, clock.now())

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(come, (next(_users), next(_users))))
    rights = db.session.execute(select(Staff.rights).where(Staff.shop_id == kiln.id)).scalars().all()
    assert sorted(len(each) for each in rights) == [1, len(Right)]


def test_whoever_has_an_account_with_the_verified_address_is_that_person(
    kiln: TestShop, sign_in: Callable[..., Desk]
) -> None:
    desk = sign_in(Right.REWARDS, of=kiln, email="ben@shop.example", name="Ben of the desk")
    person = welcome(kiln, next(_users))
    assert (person.id, person.name, person.rights) == (desk.staff_id, "Ben of the desk", [Right.REWARDS])
    assert desk.get("").status_code == 200


def test_an_address_that_is_not_verified_makes_nobody_somebody(kiln: TestShop, sign_in: Callable[..., Desk]) -> None:
    desk = sign_in(of=kiln, email="ben@shop.example")
    person = welcome(kiln, next(_users), email_verified=False)
    assert person.id != desk.staff_id
    assert (person.name, person.email, set(person.rights)) == ("Ben Kiln", None, {Right.REPORTS, Right.VIEW_CUSTOMERS})


def test_an_address_that_is_verified_later_is_taken_then(owner: Window) -> None:
    number = next(_users)
    welcome(owner.shop, number, email_verified=False)
    person = welcome(owner.shop, number, first_name="Benjamin")
    assert (person.name, person.email) == ("Ben Kiln", "ben@shop.example")


def test_whoever_sees_no_customers_at_shopify_sees_none_here(owner: Window) -> None:
    assert set(welcome(owner.shop, next(_users), scopes=("read_orders",)).rights) == {Right.REPORTS}


def test_an_invitation_is_taken_up_by_coming_in_through_shopify(owner: Window) -> None:
    owner.post("/people/invite", email="ben@shop.example", name="Ben", role="Marketing")
    person = welcome(owner.shop, next(_users))
    assert (person.status, person.password_hash) == ("active", None)
    assert Right.REWARDS in person.rights
    assert "came in through Shopify" in owner.get("/people").text


def test_who_was_removed_and_is_invited_again_comes_in_again(owner: Window, app: Flask) -> None:
    number = next(_users)
    person = welcome(owner.shop, number)
    ben = Window(owner.shop, app.test_client(use_cookies=False), number)
    assert ben.get("/account").status_code == 200
    owner.post(f"/people/{person.id}/remove")
    with pytest.raises(team.Forbidden):
        welcome(owner.shop, number)
    assert ben.get("/account").status_code == 403
    owner.post("/people/invite", email="ben@shop.example", name="Ben", role="Marketing")
    assert ben.get("/account").status_code == 401  # the invitation is taken up by opening the app
    assert welcome(owner.shop, number).id == person.id
    assert ben.get("/account").status_code == 200


def test_what_shopify_says_of_another_is_not_of_them(owner: Window) -> None:
    person = welcome(owner.shop, next(_users), id="1", account_owner=True)
    assert person.name.startswith("Shopify user")
    assert set(person.rights) == {Right.REPORTS}


def test_a_name_that_is_none_is_replaced(owner: Window) -> None:
    assert welcome(owner.shop, next(_users), first_name="\x00\u202e", last_name=None).name == "ben@shop.example"
