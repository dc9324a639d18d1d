"""What a visitor of the store can do, through its own pages."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from demo import mailbox, seeds, times, tour
from demo.book import business_now
from demo.outbox import Sender
from demo.people import Customer
from demo.shop import Shop, latest_orders
from demo.web import create_app
from tests.demo.conftest import IDENTITY_SECRET, Listener, eventually

ANA = {"email": "ana@example.com", "first_name": "Ana", "last_name": "Silva"}


@pytest.fixture
def visitor(shop: Shop, sender: Sender) -> FlaskClient:
    sender.start()
    return create_app(shop).test_client()


def buy(visitor: FlaskClient, product: str = "teapot", **form: str) -> str:
    """Put one in the cart and check out; the path of the order's page."""
    visitor.post("/cart", data={"product": product, "quantity": "1", "add": "1"})
    answer = visitor.post("/checkout", data={"carrier": "courier", "payment": "card", **ANA, **form})
    assert "/orders/" in answer.location, answer.location
    return str(answer.location)


def sign_up(visitor: FlaskClient) -> None:
    assert visitor.post("/sign-up", data={**ANA, "locale": "fr"}).location == "/account"


def identity_on(page: str) -> dict[str, str] | None:
    found = re.search(r'data-identity="([^"]+)"', page)
    return jwt.decode(found[1], IDENTITY_SECRET, algorithms=["HS256"]) if found else None


def lines_on(page: str, block: str) -> list[dict[str, Any]]:
    """The lines that the page's block of points is told."""
    found = re.search(rf"<lagniappe-{block}-points\s+lines='([^']+)'", page)
    assert found, page
    lines: list[dict[str, Any]] = json.loads(found[1])
    return lines


def test_a_guest_buys_and_lagniappe_hears_of_it(visitor: FlaskClient, listener: Listener) -> None:
    page = visitor.get(buy(visitor)).text
    assert "Cobalt teapot" in page
    eventually(lambda: listener.types() == ["order.created", "order.paid"])
    data = listener.received[1].document["data"]
    assert data["customer"] == {"email": "ana@example.com", "first_name": "Ana", "last_name": "Silva"}
    assert (data["subtotal"], data["shipping_total"], data["total"]) == ("120.00", "6.90", "126.90")


def test_a_bank_transfer_waits_for_its_money(visitor: FlaskClient, listener: Listener) -> None:
    order = buy(visitor, payment="transfer")
    eventually(lambda: listener.types() == ["order.created"])
    visitor.post(f"{order}/pay")
    eventually(lambda: listener.types() == ["order.created", "order.paid"])


def test_a_counter_order_is_collected_at_once(visitor: FlaskClient, listener: Listener) -> None:
    buy(visitor, pos="1")
    eventually(lambda: listener.types() == ["order.created", "order.paid", "order.collected"])
    assert listener.received[-1].document["data"]["source"] == "pos"


def test_the_courier_and_the_shopkeeper(visitor: FlaskClient, shop: Shop, listener: Listener) -> None:
    path = buy(visitor, "plate")
    with shop.book.reading() as db:
        line = latest_orders(db)[0].lines[0].id
    for step in (
        "ship",
        "arrive",
        "collect",
        f"lines/{line}/quantity",
        f"lines/{line}/refund",
        "refund-amount",
        "cancel",
    ):
        visitor.post(f"{path}/{step}", data={"quantity": "3" if step.endswith("quantity") else "1", "amount": "2.50"})
    told = [
        *("order.created", "order.paid", "order.shipped", "order.arrived", "order.collected", "order.updated"),
        *("order.refunded", "order.updated", "order.refunded", "order.updated", "order.cancelled"),
    ]
    eventually(lambda: len(listener.received) == len(told))
    assert listener.types() == told
    assert listener.received[5].document["data"]["subtotal"] == "90.00"
    assert listener.received[6].document["data"]["refund"]["amount"] == "30.00"
    assert listener.received[8].document["data"]["refund"]["line_items"] == []
    assert listener.received[10].document["data"]["subtotal"] == "90.00"


def test_signing_up_tells_lagniappe_and_shows_who_is_signed_in(visitor: FlaskClient, listener: Listener) -> None:
    assert identity_on(visitor.get("/").text) is None
    visitor.get("/?ref=FRIEND-7")
    sign_up(visitor)
    eventually(lambda: listener.types() == ["customer.created"])
    customer = listener.received[0].document["data"]
    assert (customer["email"], customer["locale"], customer["referral_code"]) == ("ana@example.com", "fr", "FRIEND-7")
    assert customer["email_verified"] is False
    identity = identity_on(visitor.get("/").text)
    assert identity is not None
    assert identity["sub"] == customer["id"]


def test_an_address_is_verified_by_the_letter_and_brings_the_guests_orders(
    visitor: FlaskClient, shop: Shop, listener: Listener
) -> None:
    order = buy(visitor)
    sign_up(visitor)
    assert order not in visitor.get("/account").text
    with shop.book.writing() as db:
        (letter,) = mailbox.letters(db)
        opened = mailbox.open_letter(db, letter.id)
    assert opened is not None
    link = re.search(r"(/confirm/\S+)", mailbox.part(opened[1], "plain") or "")
    assert link is not None
    assert visitor.get(link[1]).location == "/account"
    assert order in visitor.get("/account").text
    eventually(lambda: "customer.updated" in listener.types())
    assert listener.received[-1].document["data"]["email_verified"] is True


def test_nobody_signs_up_twice_with_one_address(visitor: FlaskClient) -> None:
    sign_up(visitor)
    answer = visitor.post("/sign-up", data={**ANA, "email": "ANA@example.com"})
    assert answer.status_code == 422
    assert "log in instead" in answer.text


@pytest.mark.parametrize(("form", "type_"), [({}, "customer.deleted"), ({"erase": "1"}, "customer.redacted")])
def test_closing_an_account_leaves_only_its_id(
    visitor: FlaskClient, listener: Listener, form: dict[str, str], type_: str
) -> None:
    sign_up(visitor)
    path = buy(visitor)
    visitor.post("/account/close", data=form)
    visitor.post(f"{path}/ship")
    eventually(lambda: len(listener.received) == 5)
    assert listener.types()[3] == type_
    gone = listener.received[3].document["data"]
    assert listener.received[4].document["data"]["customer"] == gone
    assert visitor.post("/log-in", data={"email": "ana@example.com"}).location == "/log-in"


def test_the_tour_goes_from_the_purchase_to_the_letter(visitor: FlaskClient, shop: Shop, listener: Listener) -> None:
    assert "Be Camille and buy it" in visitor.get("/").text
    visitor.post("/tour/buy")
    page = visitor.get("/").text
    assert "The courier hands it over" in page
    identity = identity_on(page)
    assert identity is not None
    assert identity["email"] == tour.BUYER_EMAIL
    with shop.book.reading() as db:
        order = latest_orders(db)[0]
    assert order.subtotal == 1000
    visitor.post(f"/orders/{order.id}/collect", data={"back": "/#tour"})
    assert "Skip three days" in visitor.get("/").text
    visitor.post("/clock", data={"step": "3d", "back": "/#tour"})
    assert "Skip three days" not in visitor.get("/").text
    with shop.book.writing() as db:
        letter = f"To: {tour.BUYER_EMAIL}\nSubject: Points\n\nOrder {order.number} brought 100 points.".encode()
        mailbox.keep(db, letter, tour.BUYER_EMAIL, business_now(db))
    assert "Read it" in visitor.get("/").text


def test_the_stores_dates_follow_its_clock_and_signatures_the_machines(
    visitor: FlaskClient, listener: Listener
) -> None:
    visitor.post("/clock", data={"step": "1y"})
    buy(visitor)
    eventually(lambda: len(listener.received) == 2)
    order = listener.received[0].document["data"]
    signed_at = int(listener.received[0].headers["webhook-timestamp"])
    created = datetime.fromisoformat(order["created_at"])
    assert created - datetime.fromtimestamp(signed_at, UTC) > timedelta(days=360)


def test_a_friends_name_cannot_bring_html(visitor: FlaskClient) -> None:
    order = buy(visitor, first_name="<script>alert(1)</script>")
    for page in (order, "/desk"):
        text = visitor.get(page).text
        assert "<script>alert(1)" not in text
        assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    "somewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/%0d%0aX: y", "javascript:alert(1)", ""],
)
def test_the_way_back_never_leads_out_of_the_store(visitor: FlaskClient, somewhere: str) -> None:
    assert visitor.post("/clock", data={"step": "nope", "back": somewhere}).location == "/"


def test_every_page_embeds_the_widget_under_a_strict_policy(visitor: FlaskClient) -> None:
    for path in ("/", "/products/teapot", "/cart", "/log-in", "/sign-up", "/desk", "/mailbox", "/sent"):
        answer = visitor.get(path)
        assert answer.status_code == 200, path
        assert 'src="http://127.0.0.1:1/widget/v1/loader.js?shop=wk_tests"' in answer.text
        assert 'data-cart-url="http://127.0.0.1:8001/cart"' in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "'unsafe-inline'" not in policy
        assert "script-src 'self' http://127.0.0.1:1;" in policy
    assert visitor.get("/no-such-page").status_code == 404
    assert visitor.get("/orders/ord_unknown").status_code == 404


def test_a_letters_html_runs_nothing(visitor: FlaskClient, shop: Shop) -> None:
    with shop.book.writing() as db:
        raw = b"To: a@example.com\nContent-Type: text/html\n\n<script>alert(1)</script><p>Hi</p>"
        mailbox.keep(db, raw, "a@example.com", business_now(db))
    assert 'sandbox="allow-popups' in visitor.get("/mailbox/1").text
    policy = visitor.get("/mailbox/1/html").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy


def test_the_mailbox_knows_what_it_shows_and_that_there_is_more_however_many_there_are(
    visitor: FlaskClient, shop: Shop
) -> None:
    """The page loads itself anew when the state says something else: a letter that comes before its first look counts."""

    def receive(letters: int) -> None:
        with shop.book.writing() as db:
            for _ in range(letters):
                mailbox.keep(db, b"To: a@example.com\n\nHi", "a@example.com", business_now(db))

    receive(201)
    assert 'data-reload-on="letters" data-known="201"' in visitor.get("/mailbox").text
    receive(1)
    assert json.loads(visitor.get("/state").text)["letters"] == 202


def test_the_app_can_be_taken_out_and_put_back(visitor: FlaskClient, listener: Listener) -> None:
    visitor.post("/app/uninstalled")
    visitor.post("/app/installed")
    eventually(lambda: listener.types() == ["app.uninstalled", "app.installed"])
    assert listener.received[0].document["data"].keys() == {"at"}


def test_a_new_store_has_people_and_orders_and_only_once(visitor: FlaskClient, shop: Shop, listener: Listener) -> None:
    seeds.sow(shop.book)
    seeds.sow(shop.book)
    with shop.book.reading() as db:
        orders = latest_orders(db)
    assert len({order.number for order in orders}) == len(orders) == 13
    assert {order.status for order in orders} >= {"collected", "shipped", "arrived", "cancelled", "waiting for payment"}
    assert visitor.get("/desk").status_code == 200
    assert visitor.get("/log-in").text.count('class="person"') == 4


def test_two_of_the_first_people_came_by_a_thirds_link_and_birthdays_are_at_hand(
    visitor: FlaskClient, shop: Shop, sender: Sender, listener: Listener
) -> None:
    followed: list[tuple[str, str]] = []

    def code_of(advocate: Customer, friend: str) -> str:
        followed.append((advocate["email"], friend))
        return "CAMILLES-1"

    seeds.sow(shop.book, code_of)
    seeds.sow(shop.book, code_of)
    assert followed == [(tour.BUYER_EMAIL, "Lukas"), (tour.BUYER_EMAIL, "Mei-Lin")]
    sender.ring()
    eventually(lambda: listener.types().count("customer.created") == 4)
    told = {
        each.document["data"]["first_name"]: each.document["data"]
        for each in listener.received
        if each.document["type"] == "customer.created"
    }
    assert {name: person.get("referral_code") for name, person in told.items()} == {
        "Camille": None,
        "Lukas": "CAMILLES-1",
        "Noor": None,
        "Mei-Lin": "CAMILLES-1",
    }
    with shop.book.reading() as db:
        tomorrow = (business_now(db).astimezone(times.ZONE) + timedelta(days=1)).date()
    assert told["Mei-Lin"]["birthday"] == f"1996-{tomorrow:%m-%d}"
    assert told["Noor"]["birthday"] == "1992-02-29"
    assert told["Noor"]["accepts_marketing"] is True


def test_whoever_bought_it_reviews_it_once_and_the_merchant_api_hears_of_it(
    visitor: FlaskClient, listener: Listener
) -> None:
    sign_up(visitor)
    assert "Write a review" not in visitor.get("/products/mug").text
    refused = visitor.post("/products/mug/review", data={"words": "Never had one"}, follow_redirects=True)
    assert "One review for each thing that you bought here" in refused.text
    buy(visitor, "mug")
    assert "Write a review" in visitor.get("/products/mug").text
    eventually(lambda: len(listener.received) == 3)

    page = visitor.post("/products/mug/review", data={"words": "<b>Rust</b> at the rim"}, follow_redirects=True).text
    assert "&lt;b&gt;Rust&lt;/b&gt; at the rim" in page
    assert "Write a review" not in page
    eventually(lambda: len(listener.received) == 4)
    call, customer = listener.received[3], listener.received[0].document["data"]["id"]
    assert call.path == f"/api/v1/members/external:{customer}/events"
    assert call.headers["authorization"] == "Bearer lgn_tests"
    assert (call.document["event"], call.document["id"]) == ("review", f"review-{customer}-mug")
    assert call.document["reason"] == "Review of Tenmoku mug"


def test_a_workshop_is_visited_once_a_month(visitor: FlaskClient, listener: Listener) -> None:
    sign_up(visitor)
    eventually(lambda: len(listener.received) == 1)
    visitor.post("/account/workshop")
    again = visitor.post("/account/workshop", follow_redirects=True)
    assert "already" in again.text
    visitor.post("/clock", data={"step": "1mo"})
    visitor.post("/account/workshop")
    eventually(lambda: len(listener.received) == 3)
    assert [each.document["event"] for each in listener.received[1:]] == ["workshop", "workshop"]
    assert len({each.document["id"] for each in listener.received[1:]}) == 2


def test_the_newsletter_is_asked_for_and_can_be_ended(visitor: FlaskClient, listener: Listener) -> None:
    visitor.post("/sign-up", data={**ANA, "locale": "en", "newsletter": "on"})
    visitor.post("/account", data={**ANA, "locale": "en"})
    eventually(lambda: len(listener.received) == 2)
    said = [each.document["data"]["accepts_marketing"] for each in listener.received]
    assert said == [True, False]


def test_a_friend_who_was_sent_here_is_told_so_even_after_somebody_logged_out(visitor: FlaskClient) -> None:
    sign_up(visitor)
    visitor.get("/?ref=FRIEND-7")
    visitor.post("/log-out")
    assert "A friend sent you" in visitor.get("/sign-up").text


def test_instagram_is_a_page_of_the_store(visitor: FlaskClient) -> None:
    assert "kilnandkettle" in visitor.get("/instagram").text


def test_state_says_what_waits(visitor: FlaskClient) -> None:
    buy(visitor)
    eventually(lambda: visitor.get("/state").get_json()["waiting"] == 0)
    assert visitor.get("/state").get_json()["sent"] == 2
    assert visitor.get("/healthz").get_json() == {"status": "ok"}


def test_pages_say_what_there_is_to_earn_by_what_the_webhooks_will_say(
    visitor: FlaskClient, shop: Shop, listener: Listener
) -> None:
    """The product, the cart and the order each have their block; its lines are those of the order."""
    assert (
        'price="120.00" categories="Stoneware" quantity="1">&nbsp;</lagniappe-product-points>'
        in visitor.get("/products/teapot").text
    )
    visitor.post("/cart", data={"product": "teapot", "quantity": "2", "add": "1"})
    cart = lines_on(visitor.get("/cart").text, "cart")
    order = lines_on(visitor.get(buy(visitor)).text, "purchase")
    for line, quantity in ((cart[0], 2), (order[0], 3)):
        assert line == {
            "product_id": "teapot",
            "sku": "KK-TP-02",
            "quantity": quantity,
            "unit_price": "120.00",
            "gift_card": False,
            "categories": ["Stoneware"],
        }


def test_an_account_shows_the_points_and_a_received_order_promises_none(visitor: FlaskClient) -> None:
    sign_up(visitor)
    assert "</lagniappe-balance>" in visitor.get("/account").text
    order = buy(visitor)
    assert "<lagniappe-purchase-points" in visitor.get(order).text
    visitor.post(f"{order}/collect")
    assert "<lagniappe-purchase-points" not in visitor.get(order).text
    visitor.post("/log-out")
    assert "<lagniappe-purchase-points" not in visitor.get(order).text
