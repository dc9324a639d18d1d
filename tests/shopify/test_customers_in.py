"""Customers on Shopify: accounts, merges, and what the law asks for (platforms.md 2.5, docs/decisions/0021 and 0025)."""

from typing import Any

import orjson
import pytest
from flask import current_app
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.jobs import inbox
from backend.ledger import check, posting
from backend.loyalty.members import members
from backend.mail.about_the_shop import LETTERS, Inquiry, Letter
from backend.mail.asking import NothingToTell
from backend.models import Member
from backend.staff import accounts
from backend.staff.invitations import Links
from backend.staff.rights import Right
from tests.conftest import PROGRAM, BusinessTime
from tests.loyalty.rewards_world import member_with
from tests.shopify.store import ANN, BEN, Store, customer, fulfilment, line, order
from tests.shopify.test_proxy import proxied

MERGED = {
    "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{ANN}",
    "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{BEN}",
    "admin_graphql_api_job_id": None,
    "status": "completed",
    "errors": [],
}


WELCOME = [{"id": "hello", "kind": "signup", "points": 50, "title": {"en": "Hello"}}]


@pytest.fixture
def welcoming(store: Store) -> Store:
    """The shop, which welcomes whoever makes an account with 50 points."""
    store.shop.set_program(**PROGRAM, rules=WELCOME)
    return store


def made_now(**more: Any) -> dict[str, Any]:
    """A customer whom the shop has made just now."""
    return customer(created_at=clock.now().isoformat(), updated_at=clock.now().isoformat(), **more)


def open_widget(store: Store, customer_id: int = ANN) -> Any:
    """Somebody who is signed in at the shop opens the widget there; what it is answered."""
    identity = store.shop.client.get(proxied(store.domain, str(customer_id))).json["identity"]
    answer = store.shop.client.post(f"/widget/v1/{store.shop.facts.widget_key}/session", json={"identity": identity})
    assert answer.status_code == 200, answer.text
    return answer.json


def has_points(store: Store, points: int, customer_id: int) -> int:
    return member_with(store.shop, points, str(customer_id))


def violations(store: Store) -> list[Any]:
    with transaction() as session:
        return list(check.check(session, clock.now(), clock.wall(), store.shop.id).violations)


def everything(store: Store) -> str:
    """All that is kept of people: rows of every table that could hold an address or a name."""
    tables = ("member", "orders", "refund", "delivery", "verified_address", "outbox", "care_action", "outgoing_event")
    found = [row for table in tables for row in store.look(f"select t.* from {table} t where shop_id = :shop")]
    return "\n".join(str(tuple(row)) for row in found)  # a row by itself would be cut short


# Accounts.


def test_a_customer_who_registers_is_a_member_and_welcome(welcoming: Store) -> None:
    welcoming.tell("customers/create", made_now())
    welcoming.tell("customers/enable", made_now())
    member = welcoming.member()
    assert member is not None and (member.email, member.first_name) == ("ann@shop.example", "Ann")
    assert welcoming.points() == 50


def test_a_guest_who_checks_out_has_not_signed_up(welcoming: Store) -> None:
    for state in ("disabled", "invited", "declined", None):
        welcoming.tell("customers/create", made_now(state=state))
        welcoming.tell("customers/enable", made_now(state=state))  # a topic claims no more than its body
    assert welcoming.member() is not None and welcoming.points() == 0


@pytest.mark.parametrize("topic", ["customers/enable", "customers/update"])
def test_a_guest_who_makes_an_account_later_is_welcome_then(welcoming: Store, topic: str, time: BusinessTime) -> None:
    welcoming.tell("customers/create", guest := made_now(state="disabled"))
    time.advance(days=200)
    enabled_at = clock.now()
    for _ in range(2):
        welcoming.tell(topic, guest | {"state": "enabled", "updated_at": enabled_at.isoformat()})
    assert welcoming.points() == 50
    [bonus] = welcoming.look("select at from bonus where shop_id = :shop")
    assert bonus.at == enabled_at


def test_a_customer_of_before_the_program_is_welcome_only_when_the_account_is_made(welcoming: Store) -> None:
    long_ago = customer(created_at="2020-01-05T09:00:00+01:00", updated_at=clock.now().isoformat())
    welcoming.tell("customers/update", long_ago)
    assert welcoming.points() == 0
    welcoming.tell("customers/enable", long_ago)
    assert welcoming.points() == 50


def test_a_rule_of_today_pays_nobody_for_an_account_of_yesterday(store: Store, time: BusinessTime) -> None:
    store.tell("customers/create", yesterday := made_now())
    time.advance(days=1)
    store.shop.set_program(**PROGRAM, rules=WELCOME)
    time.advance(days=1)
    store.tell("customers/update", yesterday | {"updated_at": clock.now().isoformat()})
    assert store.points() == 0


# New customer accounts: `state` says nothing there, but who is signed in at the shop has one.


def test_who_is_signed_in_at_the_shop_has_an_account_whatever_its_state(welcoming: Store) -> None:
    welcoming.tell("customers/create", made_now(state="disabled"))
    begun = open_widget(welcoming)
    assert [each["points"] for each in begun["me"]["balance"]["pending"]] == [50]
    open_widget(welcoming)
    welcoming.tell("customers/enable", made_now())
    assert welcoming.points() == 50
    assert violations(welcoming) == []


def test_who_is_signed_in_before_the_store_has_told_of_them_is_welcome_the_next_time(welcoming: Store) -> None:
    open_widget(welcoming)
    assert welcoming.points() == 0
    welcoming.tell("customers/create", made_now(state="disabled"))
    open_widget(welcoming)
    assert welcoming.points() == 50


def test_who_was_a_customer_before_the_program_is_not_new_for_being_signed_in(welcoming: Store) -> None:
    welcoming.tell("customers/update", customer(created_at="2020-01-05T09:00:00+01:00", state="disabled"))
    open_widget(welcoming)
    assert welcoming.points() == 0


def test_the_newest_profile_stands_whatever_the_order_of_arrival(store: Store) -> None:
    store.tell("customers/update", customer(first_name="Anne", updated_at="2026-11-22T10:00:00+01:00"))
    store.tell("customers/disable", customer(first_name="Ann", updated_at="2026-11-21T10:00:00+01:00"))
    member = store.member()
    assert member is not None and member.first_name == "Anne"


# Merges.


def test_a_merge_at_the_store_is_one_here(store: Store) -> None:
    has_points(store, 30, ANN), has_points(store, 12, BEN)
    store.tell("customers/merge", MERGED)
    ann, ben = store.member(ANN), store.member(BEN)
    assert ann is not None and ben is not None and ann.id == ben.id
    assert store.points() == 42
    store.tell("customers/merge", MERGED)
    assert store.points() == 42
    [action] = store.look("select what, actor, actor_name, reason from care_action where shop_id = :shop")
    assert tuple(action) == ("merge", "platform", None, "The store merged two customers.")
    assert violations(store) == []


def test_what_is_told_of_the_customer_who_is_gone_reaches_the_one_who_was_kept(store: Store) -> None:
    has_points(store, 30, ANN), has_points(store, 12, BEN)
    store.tell("customers/merge", MERGED)
    late = order(customer=customer(BEN, "ben@shop.example"), fulfillments=[fulfilment()])
    store.tell("orders/fulfilled", late)
    assert store.points(ANN) == 52
    store.tell("customers/delete", {"id": BEN, "tax_exemptions": []})
    assert store.points(ANN) == 52


def test_an_account_that_only_the_customer_who_is_gone_had_becomes_the_kept_ones(store: Store) -> None:
    had = has_points(store, 12, BEN)
    store.tell("customers/merge", MERGED)
    ann = store.member(ANN)
    assert ann is not None and (ann.id, ann.external_id, store.points(ANN)) == (had, str(ANN), 12)
    late = order(customer=customer(BEN, "ben@shop.example"), fulfillments=[fulfilment()])
    store.tell("orders/fulfilled", late)
    assert store.points(ANN) == 22
    assert violations(store) == []


def test_a_merge_that_comes_before_the_customer_who_is_gone_counts_all_the_same(store: Store) -> None:
    has_points(store, 30, ANN)
    store.tell("customers/merge", MERGED)
    late = order(customer=customer(BEN, "ben@shop.example"), fulfillments=[fulfilment()])
    store.tell("orders/fulfilled", late)
    assert store.points(ANN) == 40


def test_of_two_customers_whom_nobody_has_heard_of_nothing_is_kept(store: Store) -> None:
    store.tell("customers/merge", MERGED)
    assert store.look("select 1 from member where shop_id = :shop") == []
    assert store.kept() == [("handled", None)]


def test_a_deletion_that_comes_before_its_merge_loses_no_points(store: Store, time: BusinessTime) -> None:
    has_points(store, 30, ANN), has_points(store, 12, BEN)
    store.tell("customers/delete", {"id": BEN, "tax_exemptions": []})
    store.tell("customers/merge", MERGED)
    assert store.points(ANN) == 42
    look_again(store)
    assert store.kept() == [("handled", None)] * 2
    assert (store.points(ANN), store.member(BEN)) == (42, None)


def test_a_deletion_without_a_merge_is_one_after_a_few_minutes(store: Store, time: BusinessTime) -> None:
    has_points(store, 12, BEN)
    store.tell("customers/delete", {"id": BEN, "tax_exemptions": []})
    look_again(store)
    assert store.points(BEN) == 12
    time.advance(minutes=6)
    look_again(store)
    assert (store.kept(), store.member(BEN)) == ([("handled", None)], None)


def look_again(store: Store) -> None:
    """As if the time of the next try had come."""
    with transaction() as session:
        session.execute(
            text("update delivery set next_try_at = :wall where shop_id = :shop and next_try_at is not null"),
            {"wall": clock.wall(), "shop": store.shop.id},
        )
    inbox.drain()


@pytest.mark.parametrize("erased", [ANN, BEN])
def test_who_was_erased_is_not_brought_back_by_a_merge(store: Store, erased: int) -> None:
    has_points(store, 30, ANN), has_points(store, 12, BEN)
    store.tell("customers/redact", redact(store, {"id": erased}, []))
    store.tell("customers/merge", MERGED)
    assert store.member(erased) is None
    assert store.kept()[-1] == ("handled", None)


def test_a_merge_waits_for_what_is_on_hold_where_something_is_owed(store: Store) -> None:
    ann, ben = has_points(store, 0, ANN), has_points(store, 30, BEN)
    to = {"at": clock.now(), "author": posting.SYSTEM, "reason": "a test", "why": {}}
    with transaction() as session:
        held = posting.hold(session, store.shop.id, ben, 10, key="held", **to)
        to.pop("author")
        posting.claw_back(session, store.shop.id, ann, 5, key="owed", order_id=None, program_version=None, **to)
    store.tell("customers/merge", MERGED)
    assert store.kept()[0][0] == "failed"
    with transaction() as session:
        assert held is not None
        posting.release(session, store.shop.id, ben, held, author=posting.SYSTEM, grace_days=7, **to)
    look_again(store)
    assert (store.kept(), store.points(ANN)) == ([("handled", None)], 25)


# Forgetting.


def test_a_customer_is_forgotten_by_id_and_the_sums_stay(store: Store) -> None:
    store.tell("customers/create", customer())
    store.tell("orders/fulfilled", order(fulfillments=[fulfilment()]))
    store.tell("customers/redact", redact(store, {"id": ANN, "email": "ann@shop.example"}, [1001]))
    assert store.member() is None
    assert "ann@" not in everything(store) and "Vale" not in everything(store)
    [sums] = store.look("select sum(points) as points from entry where shop_id = :shop and kind = 'promise'")
    assert sums.points == 10
    store.tell("customers/update", customer())  # sent before, come late
    assert store.member() is None
    assert violations(store) == []


def test_a_customer_who_is_deleted_is_forgotten(store: Store) -> None:
    store.tell("customers/create", customer())
    store.tell("customers/delete", {"id": ANN, "tax_exemptions": []})
    assert store.member() is None and "ann@" not in everything(store)


def test_a_guest_is_forgotten_by_the_address_and_by_the_orders(store: Store) -> None:
    store.tell("orders/paid", order(1001, customer=None, email="Guest@Shop.example"))
    store.tell("orders/paid", order(1002, customer=None, email="other@shop.example"))
    store.tell("orders/paid", order(1003, customer=None, email="neighbour@shop.example"))
    store.tell("customers/redact", redact(store, {"email": "guest@shop.example"}, [1002]))
    emails = store.look("select external_id, guest_email from orders where shop_id = :shop order by id")
    assert [tuple(row) for row in emails] == [("1001", None), ("1002", None), ("1003", "neighbour@shop.example")]
    known = everything(store)
    assert "neighbour@" in known
    assert "uest@" not in known
    assert "other@" not in known


def test_what_guests_sent_is_forgotten_with_them(store: Store) -> None:
    store.tell("orders/paid", order(1001, customer=None, email="Guest@Shop.example"))
    store.tell("customers/redact", redact(store, {"email": "guest@shop.example"}, []))
    assert "guest@" not in everything(store).lower()


def test_an_account_from_a_file_is_forgotten_by_its_address(store: Store) -> None:
    member_id = has_points(store, 30, BEN)
    with transaction() as session:
        member = session.get_one(Member, (store.shop.id, member_id))
        member.external_id, member.email = None, "Ann@Shop.example"
    store.tell("customers/redact", redact(store, {"id": ANN, "email": "ann@shop.example"}, []))
    [row] = store.look("select status, email from member where shop_id = :shop")
    assert tuple(row) == ("erased", None)


def test_somebody_else_of_the_same_address_stays_unless_the_address_is_all_that_is_named(store: Store) -> None:
    store.tell("customers/create", customer(BEN, "ann@shop.example"))
    store.tell("customers/redact", redact(store, {"id": ANN, "email": "ann@shop.example"}, []))
    assert store.member(BEN) is not None
    store.tell("customers/redact", redact(store, {"email": "ann@shop.example"}, []))
    assert store.member(BEN) is None


def test_only_what_names_whoever_is_forgotten_is_emptied(store: Store) -> None:
    for body in (
        {"id": ANN},
        {"a": {"id": ANN}, "b": 1},
        {"customer_id": str(ANN)},
        {"gid": f"gid://shopify/Customer/{ANN}"},
    ):
        store.send("products/update", body)
    for body in ({"id": 17001}, {"id": 70011}, {"id": "7.01"}, {"price": ANN}):
        store.send("products/update", body)
    with transaction() as session:
        members.erase_from_bodies(session, store.shop.id, [str(ANN), "7?01"], [])
    kept = store.look("select body is not null as kept from delivery where shop_id = :shop order by id")
    assert [row.kept for row in kept] == [False] * 4 + [True] * 4


def test_somebody_with_many_orders_is_forgotten_in_a_shop_with_many_deliveries(store: Store) -> None:
    of_ben = order(1, customer=customer(BEN, "ben@shop.example"), email=None, contact_email=None)
    raw = orjson.dumps(of_ben | {"line_items": [line(each, note="x" * 40) for each in range(1, 13)]}).decode()
    with transaction() as session:
        session.execute(
            text(
                "insert into delivery (shop_id, delivery_id, type, state, body, received_at) select :shop, 'm-' || n,"
                " 'orders/paid', 'handled', :raw, :now from generate_series(1, 5001) n"
            ),
            {"shop": store.shop.id, "raw": raw, "now": clock.now()},
        )
    store.tell("customers/create", customer())
    store.tell("customers/redact", redact(store, {"id": ANN, "email": "ann@shop.example"}, list(range(5000, 5300))))
    assert store.kept()[-1] == ("handled", None)
    [left] = store.look("select count(*) as bodies from delivery where shop_id = :shop and body is not null")
    assert left.bodies == 5001  # all of them Ben's


def test_whoever_never_was_a_member_is_forgotten_by_id_where_deliveries_name_them(store: Store) -> None:
    store.tell("orders/paid", order(test=True))
    store.tell("customers/redact", redact(store, {"id": ANN, "email": None}, []))
    assert "ann@" not in everything(store)


def redact(store: Store, person: dict[str, Any], orders: list[int]) -> dict[str, Any]:
    return {"shop_id": 1, "shop_domain": store.domain, "customer": person, "orders_to_redact": orders}


# Asking for what is kept.


@pytest.fixture
def ada(store: Store) -> int:
    """Of the team, and may look after customers."""
    return hired(store, "ada", Right.MANAGE_CUSTOMERS)


def hired(store: Store, name: str, *rights: Right) -> int:
    with transaction() as session:
        return accounts.create(
            session,
            store.shop.id,
            clock.now(),
            email=f"{name}.{store.shop.id}@team.example",
            name=name,
            password="correct horse battery staple",
            rights=rights,
        ).id


def asks(store: Store, **person: Any) -> None:
    store.tell(
        "customers/data_request",
        {
            "shop_id": 1,
            "shop_domain": store.domain,
            "customer": person,
            "orders_requested": [1001],
            "data_request": {"id": 9999},
        },
    )


def letters(store: Store) -> list[dict[str, Any]]:
    rows = store.look("select payload from outbox where shop_id = :shop and kind = 'staff_mail' order by id")
    return [row.payload for row in rows]


def worded(store: Store, payload: dict[str, Any]) -> Letter:
    config = current_app.config["LAGNIAPPE"]
    links = Links(config.secret_keys, config.base_url)
    asked = Inquiry(
        db.session(), store.shop.facts, payload, payload["staff_id"], "Ada", clock.now(), clock.wall(), links
    )
    try:
        return LETTERS[payload["purpose"]](asked)
    finally:
        db.session.rollback()


def test_who_may_hand_out_data_is_told_that_a_customer_asks_for_it(store: Store, ada: int) -> None:
    hired(store, "ben", Right.REPORTS)
    member_id = has_points(store, 30, ANN)
    asks(store, id=ANN, email="ann@shop.example")
    [payload] = letters(store)
    assert payload["staff_id"] == ada
    said = worded(store, payload)
    assert said.url.endswith(f"/admin/customers/{member_id}/care#data-title")
    assert said.facts == (("Request", "9999"),)
    assert "ann@" not in str(payload) and "ann@" not in str(said)
    [action] = store.look("select what, actor, member_id, facts from care_action where shop_id = :shop")
    assert tuple(action) == ("data_request", "platform", member_id, {"request": "9999"})


def test_a_request_that_is_told_twice_is_noted_once(store: Store, ada: int) -> None:
    has_points(store, 30, ANN)
    for _ in range(2):
        asks(store, id=ANN)
    assert len(letters(store)) == len(store.look("select 1 from care_action where shop_id = :shop")) == 1


def test_a_guest_who_asks_is_found_by_their_orders(store: Store, ada: int) -> None:
    store.tell("orders/paid", order(1001, customer=None))
    asks(store, email="ann@shop.example")
    said = worded(store, letters(store)[0])
    assert ("Orders without an account", "1001") in said.facts
    assert said.url.endswith("/admin/deliveries")


def test_nobody_is_told_of_somebody_of_whom_nothing_is_kept(store: Store, ada: int) -> None:
    asks(store, id=ANN, email="ann@shop.example")
    assert letters(store) == []
    assert store.kept() == [("handled", None)]


def test_an_erased_customers_request_is_not_written_about(store: Store, ada: int) -> None:
    has_points(store, 30, ANN)
    asks(store, id=ANN)
    store.tell("customers/redact", redact(store, {"id": ANN}, []))
    with pytest.raises(NothingToTell):
        worded(store, letters(store)[0])
