"""Signing up, in and out, and what an account shows."""

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from demo import people
from demo.orders import Refusal
from demo.pages.common import shop, sign_in, visitor
from demo.shop import orders_of

pages = Blueprint("account", __name__)


@pages.get("/sign-up")
def sign_up_form() -> ResponseReturnValue:
    return _sign_up_page({})


def _sign_up_page(typed: Mapping[str, str]) -> str:
    is_invited = bool(session.get("referral_code"))
    return render_template("sign_up.html", locales=people.LOCALES, typed=typed, invited=is_invited)


@pages.post("/sign-up")
def sign_up() -> ResponseReturnValue:
    form = request.form
    try:
        customer = shop().sign_up(
            email=form.get("email", ""),
            first_name=form.get("first_name", ""),
            last_name=form.get("last_name", ""),
            locale=form.get("locale", "en"),
            referral_code=session.get("referral_code", ""),
            newsletter="newsletter" in form,
        )
    except Refusal as refusal:
        flash(str(refusal), "error")
        return _sign_up_page(form), 422
    session.pop("referral_code", None)
    sign_in(customer)
    flash(f"Welcome, {customer['first_name']}. A letter to confirm your address is in the mailbox.")
    return redirect("/account", 303)


@pages.get("/log-in")
def log_in_form() -> ResponseReturnValue:
    with shop().book.reading() as db:
        known = people.everyone(db)
    return render_template("log_in.html", known=known)


@pages.post("/log-in")
def log_in() -> ResponseReturnValue:
    with shop().book.reading() as db:
        customer = people.by_email(db, request.form.get("email", ""))
    if customer is None:
        flash("Nobody here has that e-mail. Sign up instead?", "error")
        return redirect("/log-in", 303)
    sign_in(customer)
    flash("You are logged in.")
    return redirect("/account", 303)


@pages.post("/log-out")
def log_out() -> ResponseReturnValue:
    friend = session.get("referral_code")
    session.clear()
    if friend:  # a link stays followed, whoever was logged in
        session["referral_code"] = friend
    flash("You are logged out.")
    return redirect("/", 303)


@pages.get("/confirm/<token>")
def confirm(token: str) -> ResponseReturnValue:
    customer = shop().confirm(token) or abort(404)
    sign_in(customer)
    flash("Your address is confirmed.")
    return redirect("/account", 303)


@pages.get("/account")
def account() -> ResponseReturnValue:
    customer = visitor()
    if customer is None:
        return redirect("/log-in", 303)
    with shop().book.reading() as db:
        orders = orders_of(db, customer)
    return render_template("account.html", orders=orders, locales=people.LOCALES)


@pages.post("/account")
def change_details() -> ResponseReturnValue:
    customer = visitor()
    if customer is None:
        return redirect("/log-in", 303)
    form = request.form
    try:
        shop().change_details(
            customer,
            first_name=form.get("first_name", ""),
            last_name=form.get("last_name", ""),
            birthday=form.get("birthday", ""),
            locale=form.get("locale", "en"),
            newsletter="newsletter" in form,
        )
        flash("Your details are saved.")
    except Refusal as refusal:
        flash(str(refusal), "error")
    return redirect("/account", 303)


@pages.post("/account/workshop")
def come_to_workshop() -> ResponseReturnValue:
    customer = visitor()
    if customer is None:
        return redirect("/log-in", 303)
    try:
        shop().come_to_workshop(customer)
        flash("It was good to have you at the wheel.")
    except Refusal as refusal:
        flash(str(refusal), "error")
    return redirect("/account", 303)


@pages.post("/account/close")
def close() -> ResponseReturnValue:
    customer = visitor()
    if customer is None:
        return redirect("/log-in", 303)
    shop().close_account(customer, erase="erase" in request.form)
    session.clear()
    flash("The account is closed.")
    return redirect("/", 303)
