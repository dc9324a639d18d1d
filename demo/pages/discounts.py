"""The door where Lagniappe tells of discount codes (contract section 3), and the page that shows what came of them."""

import json
import socket
import time
from collections import Counter
from contextlib import suppress

from flask import Blueprint, flash, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from demo import codes, discounts, moods, signing, times
from demo.book import business_now
from demo.discounts import Malformed
from demo.pages.common import back, shop

pages = Blueprint("discounts", __name__)


@pages.post("/lagniappe/discounts")
def hear() -> ResponseReturnValue:
    """`discount.create` and `discount.disable`, signed by the shop's webhook secret."""
    body = request.get_data()
    with shop().book.reading() as db:
        mood = moods.mood(db)
    if "slow" in mood.on:
        time.sleep(moods.SLOW_SECONDS)
    if "down" in mood.on:
        return {"error": "The shop is closed for a moment."}, 503, {"Retry-After": str(moods.RETRY_AFTER_SECONDS)}
    if not signing.is_genuine(shop().settings.webhook_secret, request.headers, times.wall(), body):
        return {"error": "The signature is wrong, missing or too old."}, 401
    try:
        answer = _obey(body)
    except Malformed as wrong:
        return {"error": str(wrong)}, 422
    return _lose() if mood.loses_this_answer() else answer


def _obey(body: bytes) -> ResponseReturnValue:
    """Raises Malformed."""
    try:
        document = json.loads(body)
    except ValueError:  # also for bytes that are no text
        return {"error": "This is not JSON."}, 400
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise Malformed("The body must be an object with a type and data.")
    reference, code = discounts.read_code(data)
    with shop().book.writing() as db:
        now = business_now(db)
        if document.get("type") == "discount.create":
            taken_by = codes.create(db, code, reference, discounts.read_terms(data), now)
            return ({"reference": taken_by}, 409) if taken_by else ({"status": "created"}, 201)
        if document.get("type") == "discount.disable":
            is_known = codes.disable(db, code, reference, now)
            return {"status": "disabled"} if is_known else ({"error": "There is no such code."}, 404)
    raise Malformed("type must be discount.create or discount.disable.")


def _lose() -> ResponseReturnValue:
    """It is done, and nobody hears of it: the line goes dead, or where there is none to cut, the answer is a 500."""
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
    return {"error": "Something went wrong, and nobody knows what was done."}, 500


@pages.get("/discounts")
def all_codes() -> ResponseReturnValue:
    """What happened to each code that something happened to; those that wait for their shopper, counted by worth."""
    with shop().book.reading() as db:
        now = business_now(db)
        every, happenings = codes.everything(db), codes.happenings(db)
        mood = moods.mood(db)
    happened: list[codes.Code] = []
    waiting: dict[str, list[codes.Code]] = {}
    for code in every:
        if code.state(now) == "ready" and not code.uses:
            waiting.setdefault(code.label, []).append(code)
        else:
            happened.append(code)
    return render_template(
        "discounts.html",
        known=happenings,
        states=Counter(code.state(now) for code in every),
        happened=sorted(happened, key=lambda code: code.latest, reverse=True),
        waiting=waiting,
        mood=mood,
        moods=moods.MOODS,
    )


@pages.get("/discounts.json")
def all_codes_for_programs() -> ResponseReturnValue:
    with shop().book.reading() as db:
        return jsonify(items=[codes.to_document(code) for code in codes.everything(db)])


@pages.post("/mischief/discounts")
def set_mood() -> ResponseReturnValue:
    """`on`: any of slow, down, forgetful; `lost_percent`: how many answers get lost when forgetful."""
    lost_percent = request.form.get("lost_percent", moods.LOST_PERCENT, type=int)
    with shop().book.writing() as db:
        moods.set_mood(db, set(request.form.getlist("on")), lost_percent)
    flash("From now on the shop takes discount codes like that.")
    return back("/discounts")
