"""The pages about webhooks out: endpoints, their secrets, the log, and sending again."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text
from standardwebhooks import Webhook

from backend import clock
from backend.db import transaction
from backend.jobs import outbox
from backend.loyalty.notifications import endpoints
from backend.loyalty.notifications.endpoints import TYPES
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import TestShop
from tests.jobs.receiver import Receiver, open_receiver
from tests.jobs.test_webhooks_out import let_pass, listen, send
from tests.loyalty.rewards_world import member_with, rows


@pytest.fixture(autouse=True)
def alone(app: Any) -> None:
    outbox.publish()
    with transaction() as session:
        session.execute(text("update outbox set state = 'parked' where kind = 'webhook' and state = 'waiting'"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as opened:
        yield opened


def test_an_endpoint_is_added_and_its_secret_is_shown_once(desk: Desk, receiver: Receiver) -> None:
    assert "Nobody is told yet" in desk.page("/webhooks").text
    answer = desk.post("/webhooks/new", url=receiver.url, description="Stock system", types=["points.earned"])
    assert answer.status_code == 200
    secret = BeautifulSoup(answer.text, "html.parser").select_one("#field-secret")
    assert secret is not None
    assert str(secret["value"]).startswith("whsec_")
    assert answer.headers["Cache-Control"] == "no-store"
    page = desk.page("/webhooks")
    link = page.find("a", string="Stock system")
    assert link is not None
    shown = desk.get(str(link["href"]).removeprefix("/admin")).text
    assert "whsec_" not in shown + page.text
    assert "points.earned" in shown


def test_a_wrong_address_comes_back_with_what_was_typed(desk: Desk) -> None:
    answer = desk.post("/webhooks/new", url="https://me:pw@shop.example/", description="Mine", types=[])
    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "html.parser")
    assert "password" in said(answer)
    assert page.select_one("#field-url")["aria-invalid"] == "true"  # type: ignore[index]
    assert page.select_one("#field-description")["value"] == "Mine"  # type: ignore[index]
    assert page.select("#field-types input[checked]") == []


def test_it_is_changed_paused_resumed_and_removed(desk: Desk, shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url)
    path = f"/webhooks/{made.id}"
    assert "changed" in desk.done(f"{path}/edit", url=receiver.url + "/2", types=["member.created"], description="")
    assert "held" in desk.done(f"{path}/pause")
    member_with(shop)
    send()
    assert receiver.heard == []
    assert "1 event" in desk.done(f"{path}/resume")
    send()
    assert receiver.types == ["member.created"]
    assert "removed" in desk.done(f"{path}/remove")
    assert desk.get(path).status_code == 404


def test_a_new_secret_signs_beside_the_former_one(desk: Desk, shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url)
    answer = desk.post(f"/webhooks/{made.id}/rotate")
    field = BeautifulSoup(answer.text, "html.parser").select_one("#field-secret")
    assert field is not None
    assert "Two sign until" in desk.page(f"/webhooks/{made.id}").text
    assert "test event" in desk.done(f"/webhooks/{made.id}/test")
    send()
    (heard,) = receiver.heard
    for secret in (made.secret, str(field["value"])):
        assert Webhook(secret).verify(heard.body, heard.headers)


def test_the_log_is_filtered_and_read_page_by_page(
    desk: Desk, shop: TestShop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.admin.endpoint_log.PAGE_SIZE", 2)
    made = listen(shop, receiver.url, "member.created", "points.adjusted")
    for number in range(3):
        member_with(shop, 10, f"c-{number}")
    outbox.publish()
    seen: list[str] = []
    path, query = f"/webhooks/{made.id}", {}
    for _ in range(3):
        page = desk.page(path, **query)
        seen += [str(each["href"]) for each in page.select("#log tbody a")]
        older = page.select_one("#log [rel=next]")
        query = {"before": str(older["href"]).partition("before=")[2]} if older else {}
    assert len(set(seen)) == 6
    adjusted = desk.page(path, type="points.adjusted", state="waiting").select("#log tbody a")
    assert [each.text.strip() for each in adjusted] == ["points.adjusted"] * 2
    assert desk.page(path, state="delivered").select("#log tbody a") == []


def test_one_event_shows_every_attempt_and_is_sent_again(desk: Desk, shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url, "member.created")
    receiver.will("500")
    member_with(shop)
    send()
    let_pass(shop, minutes=1)
    send()
    (message,) = rows(shop, "select id from endpoint_message where shop_id = :shop")
    shown = desk.page(f"/webhooks/messages/{message.id}")
    assert len(shown.select(".attempts > li")) == 2
    assert "The endpoint answered 500." in shown.text
    assert "because" in shown.select(".attempts pre")[0].text
    assert '"member.created"' in shown.text
    assert "goes out again" in desk.done(f"/webhooks/messages/{message.id}/replay")
    send()
    assert len(receiver.heard) == 3
    assert made.id


def test_everything_that_failed_since_a_moment_is_sent_again(desk: Desk, shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url, "member.created")
    receiver.always("500")
    for number in range(3):
        member_with(shop, customer=f"c-{number}")
    send()
    let_pass(shop, days=3, hours=1)
    with transaction() as session:  # not yet failing for so long: given up, but not paused
        session.execute(text("update endpoint set failing_since = null where shop_id = :shop"), {"shop": shop.id})
    send()
    receiver.always("fine")
    parked = "select 1 from outbox where shop_id = :shop and state = 'parked'"
    assert len(rows(shop, parked)) == 3
    assert desk.page("/deliveries/gaps").text.count("member.created for") == 3
    long_ago = (clock.wall() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert "3 events go out again." in desk.done(f"/webhooks/{made.id}/replay", since=long_ago)
    send()
    states = rows(shop, "select distinct state from endpoint_message where shop_id = :shop")
    assert [each.state for each in states] == ["delivered"]
    assert rows(shop, parked) == []
    assert "Nothing failed" in desk.done(f"/webhooks/{made.id}/replay", since=long_ago)


def test_what_an_event_says_needs_the_right_to_see_customers(
    sign_in: Callable[..., Desk], shop: TestShop, receiver: Receiver
) -> None:
    listen(shop, receiver.url, "member.created")
    member_with(shop, customer="somebody")
    outbox.publish()
    (message,) = rows(shop, "select id from endpoint_message where shop_id = :shop")
    assert "somebody" not in sign_in(Right.SETTINGS).page(f"/webhooks/messages/{message.id}").text
    seeing = sign_in(Right.SETTINGS, Right.VIEW_CUSTOMERS).page(f"/webhooks/messages/{message.id}").text
    assert "somebody" in seeing


def test_another_shop_finds_nothing(
    sign_in: Callable[..., Desk], shop: TestShop, new_shop: Callable[..., TestShop], receiver: Receiver
) -> None:
    made = listen(shop, receiver.url)
    member_with(shop)
    outbox.publish()
    (message,) = rows(shop, "select id from endpoint_message where shop_id = :shop")
    stranger = sign_in(of=new_shop())
    for path in (f"/webhooks/{made.id}", f"/webhooks/{made.id}/edit", f"/webhooks/messages/{message.id}"):
        assert stranger.get(path).status_code == 404
    for path in ("pause", "resume", "rotate", "remove", "test"):
        assert stranger.post(f"/webhooks/{made.id}/{path}").status_code == 404
    assert stranger.post(f"/webhooks/{made.id}/replay", since="2026-01-01T00:00").status_code == 404
    assert stranger.post(f"/webhooks/messages/{message.id}/replay").status_code == 404
    with transaction() as session:
        assert endpoints.find(session, shop.id, made.id).types == tuple(TYPES)
