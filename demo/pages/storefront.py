"""The shop itself: home, products, cart, checkout."""

from flask import Blueprint, abort, flash, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from demo import catalogue, codes, deeds, orders, people, tour
from demo.book import business_now
from demo.discounts import MOST_CODES
from demo.mailbox import letter_about
from demo.orders import MAX_QUANTITY, Order, Refusal
from demo.pages.common import back, basket, cart, cart_codes, shop, sign_in, visitor
from demo.shop import Buyer, find_order, orders_of

pages = Blueprint("storefront", __name__)


@pages.before_app_request
def remember_the_friend() -> None:
    """A friend's link ends in `?ref=<code>`; the store passes the code on when the visitor signs up."""
    code = request.args.get("ref", "")
    if code and len(code) <= 64 and code.isascii() and code.replace("-", "").replace("_", "").isalnum():
        session["referral_code"] = code


@pages.get("/")
def home() -> ResponseReturnValue:
    with shop().book.reading() as db:
        order = find_order(db, session.get("latest_order", ""))
        letter = (
            letter_about(db, order.email, order.collected_at, order.number) if order and order.collected_at else None
        )
        progress = tour.progress(
            order,
            business_now(db),
            letter.id if letter else None,
            has_code=bool(cart_codes()),
            spent=find_order(db, session.get("spent_order", "")),
        )
    return render_template("home.html", products=catalogue.PRODUCTS, tour=progress)


@pages.post("/tour/buy")
def buy_on_tour() -> ResponseReturnValue:
    """Step 1 in one click: sign in as a known customer, unless somebody is, and buy the moon jar."""
    customer = visitor()
    if customer is None:
        with shop().book.reading() as db:
            customer = people.by_email(db, tour.BUYER_EMAIL)
        if customer is None:
            customer = shop().sign_up(email=tour.BUYER_EMAIL, first_name="Camille", last_name="Laurent", locale="en")
        sign_in(customer)
    buyer = Buyer(customer["email"], customer["first_name"], customer["last_name"], customer["id"])
    order = shop().check_out(buyer, tour.PURCHASE, carrier="courier", paid=True)
    _remember(order)
    flash(f"You are {customer['first_name']}, and the moon jar is yours: order {order.number}.")
    return redirect("/#tour", 303)


@pages.get("/products/<slug>")
def product(slug: str) -> ResponseReturnValue:
    found = catalogue.find(slug) or abort(404)
    others = [other for other in catalogue.PRODUCTS if other.slug != slug and other.backdrop != found.backdrop][:4]
    customer = visitor()
    with shop().book.reading() as db:
        reviews = deeds.reviews_of(db, slug)
        can_review = customer is not None and deeds.can_review(db, customer, slug, orders_of(db, customer))
    return render_template("product.html", product=found, others=others, reviews=reviews, can_review=can_review)


@pages.post("/products/<slug>/review")
def review(slug: str) -> ResponseReturnValue:
    found = catalogue.find(slug) or abort(404)
    customer = visitor()
    if customer is None:
        return redirect("/log-in", 303)
    try:
        shop().review(customer, slug, request.form.get("words", ""))
        flash(f"Thank you for your review of the {found.title}.")
    except Refusal as refusal:
        flash(str(refusal), "error")
    return redirect(f"/products/{slug}#reviews", 303)


@pages.get("/instagram")
def instagram() -> ResponseReturnValue:
    """What stands for the shop's page in another network: nothing in the demo leads out of it."""
    return render_template("instagram.html", products=catalogue.PRODUCTS)


@pages.get("/cart")
def show_cart() -> ResponseReturnValue:
    return render_template("cart.html", basket=basket())


@pages.get("/discount/<code>")
def use_code(code: str) -> ResponseReturnValue:
    """A link with a code, such as the widget's "Use it now": the code is in the cart, and the shopper is too."""
    _put_in(code)
    return redirect("/cart", 303)


@pages.post("/cart/codes")
def add_code() -> ResponseReturnValue:
    _put_in(request.form.get("code", ""))
    return back("/cart")


@pages.post("/cart/codes/remove")
def remove_code() -> ResponseReturnValue:
    unwanted = request.form.get("code", "").casefold()
    session["codes"] = [each for each in cart_codes() if each.casefold() != unwanted]
    return back("/cart")


@pages.post("/cart")
def change_cart() -> ResponseReturnValue:
    """`product` and `quantity`: `add` puts so many more in, otherwise there are so many; 0 takes it out."""
    slug = request.form.get("product", "")
    found = catalogue.find(slug) or abort(404)
    quantity = request.form.get("quantity", 1, type=int)
    held = dict(cart())
    wanted = held.get(slug, 0) + quantity if "add" in request.form else quantity
    if wanted <= 0:
        held.pop(slug, None)
    else:
        held[slug] = min(wanted, MAX_QUANTITY)
    session["cart"] = held
    if "add" in request.form:
        flash(f"{found.title} is in your cart.")
    return redirect("/cart", 303)


@pages.get("/checkout")
def checkout() -> ResponseReturnValue:
    found = basket()
    if not found.lines:
        return redirect("/cart", 303)
    return render_template("checkout.html", basket=found, carriers=orders.CARRIERS, shipping=orders.SHIPPING)


@pages.post("/checkout")
def place_order() -> ResponseReturnValue:
    customer = visitor()
    form = request.form
    try:
        order = shop().check_out(
            Buyer(customer["email"], customer["first_name"], customer["last_name"], customer["id"])
            if customer
            else Buyer(form.get("email", ""), form.get("first_name", ""), form.get("last_name", "")),
            cart(),
            carrier=form.get("carrier", ""),
            paid=form.get("payment") != "transfer",
            source="pos" if "pos" in form else "online",
            discount_codes=cart_codes(),
        )
    except Refusal as refusal:
        flash(str(refusal), "error")
        return redirect("/checkout", 303)
    session["cart"] = {}
    session["codes"] = []
    _remember(order)
    flash(f"Thank you. Order {order.number} is placed.")
    return redirect(f"/orders/{order.id}", 303)


@pages.post("/cart/empty")
def empty_cart() -> ResponseReturnValue:
    session["cart"] = {}
    return back("/cart")


def _remember(order: Order) -> None:
    """For the tour: an order with a code is its last step, any other its first."""
    if order.discounts:
        session["spent_order"] = order.id
    else:
        session["latest_order"] = order.id
        session.pop("spent_order", None)


def _put_in(typed: str) -> None:
    """Put the code in the cart if this shopper can use it, and say what came of it."""
    typed = typed.strip()
    if not typed:
        return
    held = cart_codes()
    if typed.casefold() in (each.casefold() for each in held):
        flash(f"The code {typed[:60]} is in your cart already.")
        return
    if len(held) == MOST_CODES:
        flash(f"One order takes {MOST_CODES} codes at most: remove another first.", "error")
        return
    customer = visitor()
    try:
        with shop().book.reading() as db:
            code = codes.usable(db, typed, customer["id"] if customer else None, business_now(db))
    except Refusal as refusal:
        flash(str(refusal), "error")
        return
    session["codes"] = [*held, typed]
    if all(typed != each for each, _ in basket().waiting):  # the page says of those that wait why they do
        flash(f"The code {typed} is in your cart: {code.label}.")
