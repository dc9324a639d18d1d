"""What a platform is answered: every row of contract section 3's table, and what is kept of it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import orjson
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from backend import clock
from backend.app import create_app
from backend.db import db
from backend.jobs import inbox
from backend.loyalty.shops import shops
from tests.conftest import TestShop

CUSTOMER = {"id": "c-1"}


def kept(shop: TestShop) -> list[tuple[str, str | None, str]]:
    """(state, error, type) of the shop's deliveries in the order of arrival."""
    rows = db.session.execute(
        text("select state, error, type from delivery where shop_id = :shop order by id"), {"shop": shop.id}
    ).all()
    db.session.rollback()
    return [(row.state, row.error, row.type) for row in rows]


def body(type_: str = "customer.created", data: Any = CUSTOMER, **more: Any) -> bytes:
    return orjson.dumps({"type": type_, "timestamp": "2026-11-20T10:00:00Z", "data": data} | more)


def test_a_new_delivery_is_accepted_and_handled_once_the_worker_has_been(shop: TestShop) -> None:
    answer = shop.post(body())
    assert (answer.status_code, answer.get_json()) == (202, {"status": "accepted"})
    assert kept(shop) == [("received", None, "customer.created")]
    inbox.drain()
    assert kept(shop) == [("handled", None, "customer.created")]


def test_a_delivery_id_seen_before_is_a_duplicate_whatever_its_body(shop: TestShop) -> None:
    shop.post(body(), "msg_same")
    answer = shop.post(body(data={"id": "c-2"}), "msg_same")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "duplicate"})
    assert len(kept(shop)) == 1


def test_the_same_delivery_fifty_times_at_once_has_one_effect(app: Flask, shop: TestShop) -> None:
    statuses: list[int] = []

    def send() -> None:
        with app.app_context():
            answer = app.test_client().post(
                f"/webhooks/custom/{shop.id}", data=raw, headers=shop.signed(raw, "msg_fifty")
            )
            statuses.append(answer.status_code)

    raw = body()
    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 49 + [202]
    assert len(kept(shop)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,nonsense"},
        {"webhook-id": "another"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_is_kept(shop: TestShop, wrong: dict[str, str]) -> None:
    raw = body()
    answer = shop.client.post(f"/webhooks/custom/{shop.id}", data=raw, headers=shop.signed(raw) | wrong)
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert kept(shop) == []


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(shop: TestShop, header: str) -> None:
    raw = body()
    headers = shop.signed(raw)
    del headers[header]
    assert shop.client.post(f"/webhooks/custom/{shop.id}", data=raw, headers=headers).status_code == 401


def test_another_shops_secret_is_refused(shop: TestShop, new_shop: Any) -> None:
    raw = body()
    other = new_shop()
    assert other.client.post(f"/webhooks/custom/{other.id}", data=raw, headers=shop.signed(raw)).status_code == 401


@pytest.mark.parametrize("seconds, status", [(-301, 401), (-300, 202), (300, 202), (301, 401)])
def test_five_minutes_is_how_old_a_signature_may_be(
    shop: TestShop, seconds: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, now = body(), clock.wall().replace(microsecond=0)
    monkeypatch.setattr(clock, "wall", lambda: now)
    headers = shop.signed(raw, at=now + timedelta(seconds=seconds))
    assert shop.client.post(f"/webhooks/custom/{shop.id}", data=raw, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/webhooks/custom/99999999", "/webhooks/custom/x", "/webhooks/nowhere/1"])
def test_an_unknown_shop_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.post(path, data=b"{}").status_code == 404


def test_an_id_larger_than_any_is_not_found(client: FlaskClient) -> None:
    assert client.post(f"/webhooks/custom/{10**30}", data=b"{}").status_code == 404


NOT_STRICT = {
    "not json": b"hello",
    "duplicate keys": b'{"type":"customer.created","type":"x"}',
    "NaN": b'{"type":"customer.created","data":NaN}',
    "100,000 nested brackets": b"[" * 100_000,
    "depth 21": b'{"type":"a","data":' + b"[" * 20 + b"]" * 20 + b"}",
    "not UTF-8": b'{"type":"\xff"}',
    "U+0000": b'{"type":"customer.created","data":{"id":"a\\u0000b"}}',
    "a lone surrogate": b'{"type":"customer.created","data":{"id":"\\ud800"}}',
    "a raw zero byte": b'{"type":"customer.created","data":{"id":"a\x00b"}}',
    "empty": b"",
}


@pytest.mark.parametrize("raw", NOT_STRICT.values(), ids=NOT_STRICT.keys())
def test_what_is_not_strict_json_is_a_400_kept_as_rejected_and_a_400_again(shop: TestShop, raw: bytes) -> None:
    for _ in range(2):
        answer = shop.post(raw, "msg_bad")
        assert answer.status_code == 400
        assert answer.get_json()["detail"]
    (state, error, _), *others = kept(shop)
    assert state == "rejected" and error and not others


@pytest.mark.parametrize(
    "type_, data, field",
    [
        ("customer.created", {}, "data.id"),
        ("customer.created", {"id": 7}, "data.id"),
        ("customer.created", {"id": ""}, "data.id"),
        ("order.created", {"id": "1", "currency": "EUR", "created_at": "2026-11-20T10:00:00Z"}, "data.subtotal"),
        (
            "order.created",
            {"id": "1", "currency": "XXQ", "created_at": "2026-11-20T10:00:00Z", "subtotal": "1"},
            "data.currency",
        ),
        (
            "order.created",
            {"id": "1", "currency": "EUR", "created_at": "2026-11-20T10:00:00", "subtotal": "1"},
            "data.created_at",
        ),
        (
            "order.created",
            {"id": "1", "currency": "EUR", "created_at": "2026-11-20T10:00:00Z", "subtotal": 1},
            "data.subtotal",
        ),
        (
            "order.created",
            {"id": "1", "currency": "EUR", "created_at": "2026-11-20T10:00:00Z", "subtotal": "1.00001"},
            "data.subtotal",
        ),
        ("order.refunded", {"order_id": "1", "refund": {}}, "data.refund.id"),
        ("app.uninstalled", {}, "data.at"),
    ],
)
def test_a_malformed_field_is_named_and_the_delivery_kept_as_rejected(
    shop: TestShop, type_: str, data: dict[str, Any], field: str
) -> None:
    answer = shop.post(body(type_, data))
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.get_json()["errors"]]
    assert kept(shop)[0][0] == "rejected"


def test_a_rejected_id_stays_rejected_even_with_a_good_body(shop: TestShop) -> None:
    shop.post(b"hello", "msg_bad")
    assert shop.post(body(), "msg_bad").status_code == 400


def test_a_type_that_is_not_known_is_accepted_and_ignored(shop: TestShop) -> None:
    answer = shop.post(body("parcel.weighed", {"grams": 3}))
    assert (answer.status_code, answer.get_json()) == (202, {"status": "accepted"})
    assert kept(shop) == [("ignored", None, "parcel.weighed")]


@pytest.mark.parametrize("size, status", [(1024 * 1024, 202), (1024 * 1024 + 1, 413)])
def test_over_one_mebibyte_is_too_large(shop: TestShop, size: int, status: int) -> None:
    start = b'{"type":"parcel.weighed","timestamp":"2026-11-20T10:00:00Z","data":"'
    raw = start + b"x" * (size - len(start) - 2) + b'"}'
    assert shop.post(raw).status_code == status


def test_a_body_that_does_not_say_its_length_is_measured_all_the_same(shop: TestShop) -> None:
    raw = b" " * (1024 * 1024 + 100)
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = shop.client.post(
        f"/webhooks/custom/{shop.id}",
        input_stream=BytesIO(raw),
        headers=shop.signed(raw),
        environ_overrides=chunked,
    )
    assert answer.status_code == 413


def test_a_refund_before_its_order_is_handled_now_and_waits(shop: TestShop) -> None:
    refund = {"order_id": "o-1", "refund": {"id": "r-1", "line_items": []}}
    shop.post(body("order.refunded", refund))
    inbox.drain()
    assert kept(shop) == [("handled", None, "order.refunded")]


def test_an_erased_customer_does_not_come_back(shop: TestShop) -> None:
    shop.post(body(data={"id": "c-1", "email": "ada@example.com"}))
    shop.post(body("customer.redacted"))
    shop.post(body("customer.updated", {"id": "c-1", "email": "ada@example.com"}))
    inbox.drain()
    shop.post(body("customer.updated", {"id": "c-1", "email": "ada@example.com"}))
    inbox.drain()
    people = db.session.execute(text("select status, email from member where shop_id = :s"), {"s": shop.id}).all()
    db.session.rollback()
    assert [tuple(person) for person in people] == [("erased", None)]


def test_of_a_guest_who_became_a_member_and_was_erased_no_address_stays(shop: TestShop) -> None:
    order = {"id": "o-1", "currency": "EUR", "created_at": "2026-11-20T10:00:00Z", "subtotal": "1"}
    shop.post(body("order.created", order | {"customer": {"email": "ada@example.com"}}))
    shop.post(body(data={"id": "c-1", "email": "ada@example.com", "email_verified": True}))
    inbox.drain()
    shop.post(body("customer.redacted"))
    inbox.drain()
    for table in ("orders", "member", "verified_address", "delivery", "outbox"):
        rows = db.session.execute(text(f"select t::text from {table} t where shop_id = :s"), {"s": shop.id}).scalars()
        assert "ada@example.com" not in " ".join(rows)
    db.session.rollback()


def test_of_two_tellings_of_one_refund_the_later_counts_whichever_comes_first(new_shop: Any) -> None:
    order = {"id": "o-1", "customer": CUSTOMER, "currency": "EUR", "created_at": "2026-11-20T10:00:00Z"}
    order |= {"subtotal": "1000", "line_items": [{"id": "l", "total": "1000"}], "delivery_status": "collected"}
    tellings = [(amount, f"2026-11-2{day}T10:00:00Z") for amount, day in (("300", 1), ("500", 2))]
    for arrival in (tellings, tellings[::-1]):
        shop = new_shop()
        shop.post(body("order.collected", order))
        for amount, at in arrival:
            refund = {"id": "r-1", "line_items": [{"line_item_id": "l", "amount": amount}]}
            shop.post(body("order.refunded", {"order_id": "o-1", "refund": refund}, timestamp=at))
        inbox.drain()
        pending = db.session.execute(
            text("select sum(pending + available) from account where shop_id = :s"), {"s": shop.id}
        )
        assert pending.scalar() == 50
        db.session.rollback()


def test_a_delivery_that_fails_stays_alone_is_kept_and_is_tried_again(shop: TestShop) -> None:
    order = {"id": "o-fault", "currency": "EUR", "created_at": "2026-11-20T10:00:00Z", "subtotal": "1"}
    db.session.execute(text("alter table orders add constraint a_fault check (external_id <> 'o-fault')"))
    db.session.commit()
    try:
        shop.post(body("order.created", order))
        shop.post(body())
        inbox.drain()
        assert [state for state, _, _ in kept(shop)] == ["failed", "handled"]
    finally:
        db.session.execute(text("alter table orders drop constraint a_fault"))
        db.session.commit()
    db.session.execute(text("update delivery set next_try_at = :wall where state = 'failed'"), {"wall": clock.wall()})
    db.session.commit()
    inbox.drain()
    assert [state for state, _, _ in kept(shop)] == ["handled", "handled"]


def test_a_delivery_that_this_code_cannot_read_stays_alone_and_waits_for_code_that_can(shop: TestShop) -> None:
    shop.post(body(), "msg_newer")
    # As newer code has stored it: before a roll-back, or while both versions are at work.
    db.session.execute(text("update delivery set type = 'order.gift_wrapped' where shop_id = :shop"), {"shop": shop.id})
    db.session.commit()
    shop.post(body())
    inbox.drain()
    (state, error, _), (other, _, _) = kept(shop)
    assert (state, other) == ("failed", "handled")
    assert error == "This version of Lagniappe does not know what it is about, and another one took it."
    db.session.execute(
        text("update delivery set type = 'customer.created', next_try_at = :wall where shop_id = :shop"),
        {"wall": clock.wall(), "shop": shop.id},
    )
    db.session.commit()
    inbox.drain()
    assert [state for state, _, _ in kept(shop)] == ["handled", "handled"]


def test_with_the_database_away_the_platform_is_asked_to_send_it_again(environ: dict[str, str]) -> None:
    away = create_app(environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"})
    shops.forget_facts()
    answer = away.test_client().post("/webhooks/custom/1", data=b"{}")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_with_a_database_that_only_reads_the_platform_is_asked_to_send_it_again(
    shop: TestShop, environ: dict[str, str]
) -> None:
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute("alter database lagniappe set default_transaction_read_only = on")
        try:
            end_connections(admin)
            assert shop.post(body()).status_code == 503
        finally:
            admin.execute("set default_transaction_read_only = off")
            admin.execute("alter database lagniappe set default_transaction_read_only = off")
            end_connections(admin)
    assert shop.post(body()).status_code == 202


def end_connections(admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'lagniappe'"
    )


def test_with_the_queue_away_it_is_accepted_all_the_same(another_app: Callable[..., Flask], shop: TestShop) -> None:
    without_queue = another_app(REDIS_URL="redis://127.0.0.1:9/0")
    raw = body()
    answer = without_queue.test_client().post(f"/webhooks/custom/{shop.id}", data=raw, headers=shop.signed(raw))
    assert answer.status_code == 202
    inbox.drain()
    assert kept(shop)[0][0] == "handled"


def test_a_broken_connection_is_opened_again_unseen_by_the_platform(shop: TestShop, environ: dict[str, str]) -> None:
    assert shop.post(body()).status_code == 202
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as admin:
        end_connections(admin)
    assert shop.post(body()).status_code == 202
