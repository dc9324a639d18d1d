"""Webhooks out (contract section 7): what happens is told to every endpoint that wants to hear of it, signed, again and again
until it is taken, and never to where it must not go."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from backend import clock
from backend.config import Config
from backend.db import transaction
from backend.errors import BadInput, Conflict, NotFound
from backend.jobs import outbox, upkeep
from backend.loyalty.members import members
from backend.loyalty.notifications import endpoints, outgoing_events
from backend.loyalty.notifications.endpoints import TYPES, NewEndpoint
from backend.staff import accounts
from backend.staff.rights import Right
from tests.conftest import BusinessTime, TestShop
from tests.jobs.receiver import Receiver, open_receiver
from tests.loyalty.rewards_world import member_with, rows

KIND = outgoing_events.OUTBOX_KIND


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    """Messages of other tests are none of ours: their receivers have closed."""
    outbox.publish()
    with transaction() as session:
        session.execute(text("update outbox set state = 'parked' where kind = 'webhook' and state = 'waiting'"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as opened:
        yield opened


@pytest.fixture
def endpoint(shop: TestShop, receiver: Receiver) -> NewEndpoint:
    return listen(shop, receiver.url)


def listen(shop: TestShop, url: str, *types: str) -> NewEndpoint:
    with transaction() as session:
        return endpoints.add(session, shop.id, clock.now(), url=url, types=types or tuple(TYPES), is_rehearsal=True)


def send() -> None:
    """Publish what happened, and send what is due, once."""
    outbox.publish()
    outbox.send_some(KIND, outbox.SENDERS[KIND])


def let_pass(shop: TestShop, **time: float) -> None:
    """As if that time had passed on the machine's clock for what waits to be sent, and for endpoints that fail."""
    with transaction() as session:
        for statement in (
            "update outbox set next_try_at = next_try_at - :time, created_at = created_at - :time"
            " where shop_id = :shop and state = 'waiting'",
            "update endpoint set failing_since = failing_since - :time, former_until = former_until - :time"
            " where shop_id = :shop",
        ):
            session.execute(text(statement), {"time": timedelta(**time), "shop": shop.id})


def messages(shop: TestShop) -> list[Any]:
    return rows(shop, "select * from endpoint_message where shop_id = :shop order by id")


def attempts(shop: TestShop) -> list[Any]:
    return rows(shop, "select * from endpoint_attempt where shop_id = :shop order by message_id, number")


def the_endpoint(shop: TestShop, made: NewEndpoint) -> endpoints.Endpoint:
    with transaction() as session:
        return endpoints.find(session, shop.id, made.id)


# What arrives


def test_an_event_arrives_signed_as_the_standard_says(
    shop: TestShop, receiver: Receiver, endpoint: NewEndpoint
) -> None:
    member_id = member_with(shop, 50)
    send()
    created, adjusted = receiver.in_order
    for each in (created, adjusted):
        assert Webhook(endpoint.secret).verify(each.body, each.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(endpoint.secret).verify(each.body + b" ", each.headers)
    assert created.said["type"] == "member.created"
    said = adjusted.said
    assert (said["type"], said["data"]["points"], said["data"]["available_after"]) == ("points.adjusted", 50, 50)
    assert said["data"]["member"] == {"id": str(member_id), "external_id": "c-1"}
    assert [each.headers["lagniappe-sequence"] for each in receiver.in_order] == ["1", "2"]
    assert [each.state for each in messages(shop)] == ["delivered", "delivered"]


def test_an_order_is_told_as_its_points_go(
    shop: TestShop, receiver: Receiver, endpoint: NewEndpoint, time: BusinessTime
) -> None:
    bought = {
        "id": "o-1",
        "number": "#1001",
        "customer": {"id": "c-1"},
        "currency": "EUR",
        "created_at": time.now.isoformat(),
        "subtotal": "100.00",
        "payment_status": "paid",
        "collected_at": time.now.isoformat(),
        "delivery_status": "collected",
    }
    shop.tell("order.collected", bought)
    time.advance(days=5)
    shop.work()
    shop.tell("order.cancelled", {**bought, "cancelled_at": time.now.isoformat()})
    for _ in range(3):
        send()
    assert sorted(receiver.types) == ["member.created", "points.clawed_back", "points.earned", "points.pending"]
    by_type = {each.said["type"]: each.said["data"] for each in receiver.heard}
    assert by_type["points.pending"]["due_at"] is not None
    earned = by_type["points.earned"]
    assert (earned["points"], earned["order"], earned["order_id"]) == (10, "#1001", "o-1")
    assert earned["why"]["rule"] == "order"
    assert (by_type["points.clawed_back"]["from"], by_type["points.clawed_back"]["points"]) == ("available", 10)


def test_an_endpoint_hears_only_what_it_chose(shop: TestShop, receiver: Receiver) -> None:
    listen(shop, receiver.url, "points.adjusted")
    member_with(shop, 50)
    send()
    assert receiver.types == ["points.adjusted"]


def test_without_endpoints_nothing_is_written(shop: TestShop) -> None:
    member_with(shop, 50)
    assert rows(shop, "select 1 from outgoing_event where shop_id = :shop") == []


def test_an_event_is_told_only_if_what_happened_is_committed(shop: TestShop, endpoint: NewEndpoint) -> None:
    with pytest.raises(RuntimeError), transaction() as session:
        members.enrol(session, shop.id, "c-1", clock.now())
        raise RuntimeError
    outbox.publish()
    assert messages(shop) == []


def test_other_shops_hear_nothing(shop: TestShop, new_shop: Any, receiver: Receiver, endpoint: NewEndpoint) -> None:
    member_with(new_shop(), 50)
    send()
    assert receiver.heard == []


# Failures


@pytest.mark.parametrize("mood", ["503", "404", "302", "lose"])
def test_what_is_not_taken_is_sent_again_with_the_same_bytes(shop: TestShop, receiver: Receiver, mood: str) -> None:
    listen(shop, receiver.url, "member.created")
    receiver.will(mood)
    member_with(shop)
    send()
    assert [each.state for each in messages(shop)] == ["waiting"]
    let_pass(shop, minutes=1)
    send()
    first, second = receiver.heard
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [(each.status, each.error is None) for each in attempts(shop)][1] == (204, True)
    assert attempts(shop)[0].error is not None
    assert [each.state for each in messages(shop)] == ["delivered"]


def test_the_pauses_are_one_two_and_four_seconds(shop: TestShop, receiver: Receiver) -> None:
    listen(shop, receiver.url, "member.created")
    receiver.always("500")
    member_with(shop)
    for seconds in (1, 2, 4):
        before = clock.wall()
        send()
        (call,) = rows(shop, "select next_try_at from outbox where shop_id = :shop and kind = 'webhook'")
        assert call.next_try_at - before >= timedelta(seconds=seconds)
        assert call.next_try_at - clock.wall() <= timedelta(seconds=1.2 * seconds)  # not all at the same moment
        let_pass(shop, minutes=1)


def test_a_busy_endpoint_is_asked_again_when_it_says(shop: TestShop, receiver: Receiver) -> None:
    listen(shop, receiver.url, "member.created")
    receiver.will("429 90")
    member_with(shop)
    before = clock.wall()
    send()
    (call,) = rows(shop, "select next_try_at from outbox where shop_id = :shop and kind = 'webhook'")
    assert timedelta(seconds=89) < call.next_try_at - before < timedelta(seconds=130)


def test_after_three_days_it_is_given_up_and_the_endpoint_is_paused(shop: TestShop, receiver: Receiver) -> None:
    with transaction() as session:
        for number, right in enumerate((Right.SETTINGS, Right.REPORTS)):
            address = f"{number}.of{shop.id}@shop.example"
            accounts.create(
                session, shop.id, clock.now(), email=address, name="Ada", password="x" * 20, rights=(right,)
            )
    made = listen(shop, receiver.url, "member.created")
    receiver.always("500")
    member_with(shop)
    send()
    assert the_endpoint(shop, made).failing_since is not None
    let_pass(shop, days=3, minutes=1)
    send()
    assert [each.state for each in messages(shop)] == ["failed"]
    endpoint = the_endpoint(shop, made)
    assert endpoint.state == "paused"
    assert "3 days" in (endpoint.paused_because or "")
    told = rows(shop, "select payload from outbox where shop_id = :shop and kind = 'staff_mail'")
    assert [each.payload | {"staff_id": 0} for each in told] == [
        {"purpose": "endpoint_paused", "staff_id": 0, "right": "settings", "endpoint_id": made.id}
    ]


def test_one_success_in_between_keeps_it_active(shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url, "member.created")
    for mood in ("500", "fine", "500"):
        receiver.always(mood)
        member_with(shop, customer=f"c-{len(receiver.heard)}")
        send()
        assert (the_endpoint(shop, made).failing_since is None) == (mood == "fine")
        let_pass(shop, days=2)
    send()
    assert the_endpoint(shop, made).state == "active"


def test_gone_pauses_it_at_once_and_nothing_is_lost(shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url, "member.created")
    receiver.will("410")
    member_with(shop)
    send()
    assert the_endpoint(shop, made).state == "paused"
    member_with(shop, customer="c-2")
    send()
    assert [each.state for each in messages(shop)] == ["held", "held"]
    with transaction() as session:
        endpoints.resume(session, shop.id, made.id)
        assert outgoing_events.replay_undone(session, shop.id, made.id, clock.wall() - timedelta(days=1)) == 2
    send()
    assert [each.state for each in messages(shop)] == ["delivered", "delivered"]


def test_what_was_waiting_when_it_is_paused_is_held(shop: TestShop, receiver: Receiver) -> None:
    made = listen(shop, receiver.url, "member.created")
    member_with(shop)
    outbox.publish()
    with transaction() as session:
        assert endpoints.pause(session, shop.id, made.id)
    send()
    assert (receiver.heard, [each.state for each in messages(shop)]) == ([], ["held"])


def test_a_slow_endpoint_keeps_nobody_waiting(
    shop: TestShop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twenty messages for a server that takes its time at most as many are tried as fit side by side."""
    monkeypatch.setattr("backend.jobs.webhooks.SLOW_SECONDS", 0.05)
    listen(shop, receiver.url, "member.created")
    receiver.always("slow 0.3")
    for number in range(20):
        member_with(shop, customer=f"c-{number}")
    send()
    assert len(receiver.heard) <= 8
    waiting = [each for each in messages(shop) if each.state == "waiting"]
    assert len(waiting) + len(receiver.heard) == 20


def test_a_busy_endpoint_gets_nothing_else_until_the_time_it_named(shop: TestShop, receiver: Receiver) -> None:
    """What waits meanwhile is not counted as tried, and comes when the rest is over."""
    made = listen(shop, receiver.url, "member.created")
    receiver.will("429 90")
    member_with(shop)
    send()
    member_with(shop, customer="c-2")
    send()
    assert len(receiver.heard) == 1
    assert [each.attempts for each in messages(shop)] == [1, 0]
    calls = rows(shop, "select attempts from outbox where shop_id = :shop and kind = 'webhook' order by id")
    assert [each.attempts for each in calls] == [1, 0]
    with transaction() as session:
        session.execute(
            text("update endpoint set rests_until = :at where id = :id"), {"at": clock.wall(), "id": made.id}
        )
    let_pass(shop, minutes=3)
    send()
    assert sorted(each.state for each in messages(shop)) == ["delivered", "delivered"]


def test_behind_a_slow_endpoint_others_are_served_in_between(
    shop: TestShop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many messages wait for it, another endpoint's is in the batch after the next."""
    monkeypatch.setattr("backend.jobs.webhooks.SLOW_SECONDS", 0.05)
    monkeypatch.setattr("backend.jobs.webhooks.REST", timedelta(minutes=5))
    listen(shop, receiver.url, "member.created")
    receiver.always("slow 0.3")
    for number in range(50):
        member_with(shop, customer=f"c-{number}")
    outbox.publish()
    with open_receiver() as quick:
        listen(shop, quick.url, "points.adjusted")
        outbox.publish()
        member_with(shop, 5, customer="c-0")
        for _ in range(4):
            send()
        assert quick.types == ["points.adjusted"]
    assert len(receiver.heard) <= 8


def test_a_process_that_dies_while_sending_loses_nothing(shop: TestShop, receiver: Receiver) -> None:
    """It had claimed the row; when the lease is over another one takes it."""
    listen(shop, receiver.url, "member.created")
    member_with(shop)
    outbox.publish()
    assert len(outbox.claim(KIND, 20)) == 1
    send()
    assert receiver.heard == []
    let_pass(shop, minutes=2)
    send()
    assert receiver.types == ["member.created"]


def test_only_the_first_kilobyte_of_an_answer_is_kept(shop: TestShop, receiver: Receiver) -> None:
    listen(shop, receiver.url, "member.created")
    receiver.will("talk")
    member_with(shop)
    send()
    (attempt,) = attempts(shop)
    assert len(attempt.answer) == 1024
    assert attempt.milliseconds >= 0


# Where it must not go


@pytest.mark.parametrize(
    "url", ["http://shop.example/hooks", "ftp://shop.example", "https://me:pw@shop.example/", "no"]
)
def test_addresses_that_may_not_be_called_are_refused_when_they_are_given(shop: TestShop, url: str) -> None:
    with pytest.raises(BadInput) as refused, transaction() as session:
        endpoints.add(session, shop.id, clock.now(), url=url, types=["points.earned"], is_rehearsal=False)
    assert refused.value.errors[0]["field"] == "url"


def test_a_private_address_is_never_called_outside_of_demo_and_test(
    app: Flask, shop: TestShop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(shop, receiver.url.replace("http://", "https://"), "member.created")
    member_with(shop)
    monkeypatch.setattr(Config, "is_rehearsal", property(lambda self: False))
    send()
    (message,) = messages(shop)
    assert (receiver.heard, message.state) == ([], "failed")
    assert "public internet" in message.last_error


# Secrets


def test_both_secrets_sign_for_a_day_after_a_rotation(
    shop: TestShop, receiver: Receiver, endpoint: NewEndpoint
) -> None:
    with transaction() as session:
        secret = endpoints.rotate(session, shop.id, endpoint.id, clock.wall())
    assert secret != endpoint.secret
    member_with(shop)
    send()
    (heard,) = receiver.heard
    for each in (endpoint.secret, secret):
        assert Webhook(each).verify(heard.body, heard.headers)
    let_pass(shop, hours=25)
    member_with(shop, customer="c-2")
    send()
    heard = receiver.heard[-1]
    assert Webhook(secret).verify(heard.body, heard.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(heard.body, heard.headers)


def test_secrets_are_sealed(shop: TestShop, endpoint: NewEndpoint) -> None:
    (row,) = rows(shop, "select secret from endpoint where shop_id = :shop")
    assert endpoint.secret not in row.secret
    assert endpoint.secret not in repr(endpoint)


# Again


def test_a_replay_sends_the_same_bytes_under_the_same_id(
    shop: TestShop, receiver: Receiver, endpoint: NewEndpoint
) -> None:
    member_with(shop)
    send()
    (message,) = messages(shop)
    with transaction() as session:
        outgoing_events.replay(session, shop.id, message.id)
    with pytest.raises(Conflict), transaction() as session:
        outgoing_events.replay(session, shop.id, message.id)
    send()
    first, second = receiver.heard
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [each.number for each in attempts(shop)] == [1, 2]


def test_nobody_replays_for_another_shop(shop: TestShop, new_shop: Any, endpoint: NewEndpoint) -> None:
    member_with(shop)
    outbox.publish()
    (message,) = messages(shop)
    other = new_shop()
    with pytest.raises(NotFound), transaction() as session:
        outgoing_events.replay(session, other.id, message.id)
    with pytest.raises(NotFound), transaction() as session:
        endpoints.rotate(session, other.id, endpoint.id, clock.wall())


def test_a_test_event_says_that_it_is_one(shop: TestShop, receiver: Receiver, endpoint: NewEndpoint) -> None:
    with transaction() as session:
        outgoing_events.send_test(session, shop.id, endpoint.id, clock.now(), clock.wall())
    send()
    (heard,) = receiver.heard
    assert heard.said["type"] == "webhook.test"
    assert Webhook(endpoint.secret).verify(heard.body, heard.headers)


def test_a_removed_endpoint_hears_nothing_more(shop: TestShop, receiver: Receiver, endpoint: NewEndpoint) -> None:
    member_with(shop)
    outbox.publish()
    with transaction() as session:
        endpoints.remove(session, shop.id, endpoint.id, clock.wall())
    member_with(shop, customer="c-2")
    send()
    assert (receiver.heard, len(messages(shop))) == ([], 1)
    with pytest.raises(NotFound):
        the_endpoint(shop, endpoint)


# Forgetting


def test_with_the_person_goes_what_was_told_of_them(shop: TestShop, receiver: Receiver, endpoint: NewEndpoint) -> None:
    receiver.will("500")
    member_with(shop, customer="somebody-known")
    send()
    with transaction() as session:
        members.erase(session, shop.id, "somebody-known", clock.now())
    (event,) = rows(shop, "select body from outgoing_event where shop_id = :shop")
    (attempt,) = attempts(shop)
    assert (event.body, attempt.answer) == (None, None)
    let_pass(shop, minutes=1)
    send()
    (message,) = messages(shop)
    assert (len(receiver.heard), message.state) == (1, "emptied")
    with pytest.raises(Conflict), transaction() as session:
        outgoing_events.replay(session, shop.id, message.id)


def test_after_thirty_days_the_log_is_cleared_away(shop: TestShop, receiver: Receiver, endpoint: NewEndpoint) -> None:
    member_with(shop)
    send()
    with transaction() as session:
        session.execute(
            text("update outgoing_event set published_at = published_at - interval '31 days' where shop_id = :shop"),
            {"shop": shop.id},
        )
    upkeep.purge()
    assert (messages(shop), attempts(shop)) == ([], [])
    assert rows(shop, "select 1 from outgoing_event where shop_id = :shop") == []
