"""Discount codes at the store's cart and checkout, as a shopper meets them."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from demo import codes
from demo.book import business_now
from demo.discounts import Terms
from demo.outbox import Sender
from demo.shop import Shop, latest_orders
from demo.web import create_app
from tests.demo.conftest import Listener, eventually
from tests.demo.test_pages import ANA, buy, sign_up

FIVER = Terms("fixed_amount", Decimal("5.00"))


@pytest.fixture
def visitor(shop: Shop, sender: Sender) -> FlaskClient:
    sender.start()
    return create_app(shop).test_client()


def make(shop: Shop, code: str, terms: Terms = FIVER) -> None:
    with shop.book.writing() as db:
        assert codes.create(db, code, f"r-{code}", terms, business_now(db)) is None


def now(shop: Shop) -> datetime:
    with shop.book.reading() as db:
        return business_now(db)


def told(visitor: FlaskClient, path: str) -> str:
    """What the page says after the code's link was followed."""
    answer = visitor.get(path)
    assert answer.location == "/cart"
    page = visitor.get("/cart").text
    return "\n".join(re.findall(r'<p class="note[^"]*">(.*?)</p>', page)) + "".join(
        re.findall(r'class="code-why">(.*?)</span>', page)
    )


def the_order(shop: Shop):  # type: ignore[no-untyped-def]
    with shop.book.reading() as db:
        return latest_orders(db)[0]


def test_a_link_puts_the_code_in_the_cart_and_the_order_tells_it_as_it_was_typed(
    visitor: FlaskClient, shop: Shop, listener: Listener
) -> None:
    make(shop, "LGN-7QXK")
    assert told(visitor, "/discount/lgn-7qxk") == "The code lgn-7qxk is in your cart: €5 off."
    path = buy(visitor)
    assert "€5 off" in visitor.get(path).text
    eventually(lambda: listener.types() == ["order.created", "order.paid"])
    data = listener.received[0].document["data"]
    assert data["discount_codes"] == ["lgn-7qxk"]
    assert (data["subtotal"], data["discount_total"], data["total"]) == ("120.00", "5.00", "121.90")
    assert data["line_items"][0]["discount"] == "5.00"
    assert data["line_items"][0]["total"] == "120.00"


def test_every_kind_is_a_line_of_its_own_and_the_totals_add_up(
    visitor: FlaskClient, shop: Shop, listener: Listener
) -> None:
    make(shop, "TEN", Terms("percentage", Decimal(10)))
    make(shop, "FIVE")
    make(shop, "SHIP", Terms("free_shipping"))
    make(shop, "WHISK", Terms("gift", product_id="whisk"))
    for code in ("TEN", "FIVE", "SHIP", "WHISK"):
        visitor.post("/cart/codes", data={"code": code})
    visitor.post("/cart", data={"product": "teapot", "add": "1"})
    for page in (visitor.get("/cart").text, visitor.get("/checkout").text, visitor.get(buy(visitor, "mug")).text):
        for words in ("10% off", "€5 off", "Free delivery", "Gift: Matcha whisk"):
            assert words in page
    eventually(lambda: len(listener.received) == 2)
    data = listener.received[0].document["data"]
    assert data["discount_codes"] == ["TEN", "FIVE", "SHIP", "WHISK"]
    assert (data["subtotal"], data["discount_total"]) == ("160.00", "21.00")
    assert (data["shipping_total"], data["total"]) == ("0.00", "139.00")
    gift = data["line_items"][2]
    assert (gift["product_id"], gift["unit_price"], gift["total"]) == ("whisk", "0.00", "0.00")
    assert sum(Decimal(line["discount"]) for line in data["line_items"]) == Decimal("21.00")


def test_a_code_counts_once_and_a_cancelled_order_gives_it_back(visitor: FlaskClient, shop: Shop) -> None:
    make(shop, "ONCE")
    visitor.post("/cart/codes", data={"code": "ONCE"})
    path = buy(visitor)
    assert "has been used already" in told(visitor, "/discount/once")
    visitor.post(f"{path}/cancel")
    assert "is in your cart" in told(visitor, "/discount/once")
    (document,) = visitor.get("/discounts.json").get_json()["items"]
    assert [use["given_back_at"] is None for use in document["uses"]] == [False]
    buy(visitor)
    (document,) = visitor.get("/discounts.json").get_json()["items"]
    assert [use["given_back_at"] is None for use in document["uses"]] == [False, True]


def test_two_carts_with_one_code_make_one_order(visitor: FlaskClient, shop: Shop) -> None:
    make(shop, "ONCE")
    other = create_app(shop).test_client()
    for each in (visitor, other):
        each.post("/cart/codes", data={"code": "ONCE"})
        each.post("/cart", data={"product": "mug", "add": "1"})
    assert "/orders/" in visitor.post("/checkout", data={"carrier": "post", **ANA}).location
    assert other.post("/checkout", data={"carrier": "post", **ANA}).location == "/checkout"
    page = other.get("/checkout").text
    assert page.count("has been used already") == 2  # the refusal, and beside the code
    other.post("/cart/codes/remove", data={"code": "once"})
    assert "/orders/" in other.post("/checkout", data={"carrier": "post", **ANA}).location


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("NOPE", "We do not know the code NOPE."),
        ("OVER", "The code OVER expired on"),
        ("GONE", "The code GONE is no longer valid."),
        ("LUKAS", "belongs to one account"),
        ("%3Cb%3E", "We do not know the code &lt;b&gt;."),
    ],
)
def test_a_code_that_nobody_can_use_is_a_sentence_and_stays_out_of_the_cart(
    visitor: FlaskClient, shop: Shop, code: str, sentence: str
) -> None:
    make(shop, "OVER", Terms("free_shipping", expires_at=now(shop)))
    make(shop, "GONE")
    make(shop, "LUKAS", Terms("free_shipping", customer_id="cus_lukas"))
    with shop.book.writing() as db:
        assert codes.disable(db, "gone", "r-GONE", business_now(db))
    assert sentence in told(visitor, f"/discount/{code}")
    assert 'form="remove-code"' not in visitor.get("/cart").text


def test_a_code_of_ones_own_account_counts(visitor: FlaskClient, shop: Shop) -> None:
    sign_up(visitor)
    with visitor.session_transaction() as session:
        customer_id = session["customer_id"]
    make(shop, "MINE", Terms("fixed_amount", Decimal("5.00"), customer_id=customer_id))
    assert "is in your cart" in told(visitor, "/discount/mine")
    buy(visitor)
    assert the_order(shop).discount_total == 5


def test_a_code_below_its_minimum_waits_in_the_cart(visitor: FlaskClient, shop: Shop) -> None:
    make(shop, "FROM20", Terms("fixed_amount", Decimal("5.00"), minimum_subtotal=Decimal("20.00")))
    assert told(visitor, "/discount/FROM20") == "FROM20 counts from €20 on: €20 to go."
    visitor.post("/cart", data={"product": "lapsang", "add": "1"})
    assert "€8 to go." in visitor.get("/cart").text
    assert visitor.post("/checkout", data={"carrier": "post", **ANA}).location == "/checkout"
    visitor.post("/cart", data={"product": "lapsang", "add": "1"})
    visitor.get("/cart")  # the notes of the refusal
    assert "to go." not in visitor.get("/cart").text
    assert "/orders/" in visitor.post("/checkout", data={"carrier": "post", **ANA}).location


def test_a_code_that_expires_while_the_cart_waits_is_refused_at_the_checkout(visitor: FlaskClient, shop: Shop) -> None:
    make(shop, "TODAY", Terms("fixed_amount", Decimal("5.00"), expires_at=now(shop) + timedelta(hours=1)))
    visitor.post("/cart/codes", data={"code": "TODAY"})
    visitor.post("/cart", data={"product": "mug", "add": "1"})
    visitor.post("/clock", data={"step": "1d"})
    assert visitor.post("/checkout", data={"carrier": "post", **ANA}).location == "/checkout"
    assert "expired on" in visitor.get("/checkout").text


def test_five_codes_each_once_are_as_many_as_an_order_takes(visitor: FlaskClient, shop: Shop) -> None:
    for number in range(6):
        make(shop, f"C{number}")
    for number in range(5):
        visitor.get(f"/discount/C{number}")
    assert "in your cart already" in told(visitor, "/discount/c0")
    assert "5 codes at most" in told(visitor, "/discount/C5")


def test_the_widgets_tag_says_what_is_left_to_pay_for_the_cart(visitor: FlaskClient, shop: Shop) -> None:
    assert "data-cart-total" not in visitor.get("/cart").text
    make(shop, "FIVE")
    visitor.get("/discount/FIVE")
    visitor.post("/cart", data={"product": "mug", "add": "1"})
    for path in ("/cart", "/checkout"):
        assert 'data-cart-total="35.00"' in visitor.get(path).text
        assert 'data-cart-currency="EUR"' in visitor.get(path).text
    assert "data-cart-total" not in visitor.get("/").text


def test_the_tour_ends_with_the_order_that_uses_a_code(visitor: FlaskClient, shop: Shop) -> None:
    make(shop, "FIVE")
    visitor.post("/tour/buy")
    first = the_order(shop)
    visitor.post(f"/orders/{first.id}/collect")
    visitor.post("/clock", data={"step": "3d"})
    assert "Choose one" in visitor.get("/").text
    visitor.get("/discount/FIVE")
    assert "Choose something" in visitor.get("/").text
    visitor.post("/cart", data={"product": "mug", "add": "1"})
    assert "Go to the cart" in visitor.get("/").text
    spent = buy(visitor, "plate")
    page = visitor.get("/").text
    assert f"Order {first.number}" in page
    assert spent in page
    assert "Choose one" not in page
    visitor.post("/tour/buy")
    assert spent not in visitor.get("/").text
