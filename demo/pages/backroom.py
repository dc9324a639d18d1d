"""Behind the scenes: the mailbox, what the store sent, its mischief, and time."""

import json
from datetime import UTC, datetime

from flask import Blueprint, Response, abort, flash, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from demo import codes, mailbox, moods, outbox, timebar, times
from demo.book import business_now
from demo.orders import Refusal
from demo.pages.common import back, shop

pages = Blueprint("backroom", __name__)


@pages.get("/healthz")
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@pages.get("/state")
def state() -> ResponseReturnValue:
    """What changes by itself, for the page's badges and for programs: counts, and the shop's time."""
    with shop().book.reading() as db:
        answer = {
            "now": times.iso(business_now(db)),
            "waiting": outbox.waiting(db),
            "sent": outbox.attempts(db),
            "letters": mailbox.how_many(db),
            "codes": codes.happenings(db),
            "unread": mailbox.unread(db),
        }
    return jsonify(answer)


@pages.post("/clock")
def move_time() -> ResponseReturnValue:
    try:
        now = timebar.advance(shop().book, shop().settings, request.form.get("step", ""))
        flash(f"It is {times.shown_day(now)} now. What is due arrives within seconds.")
    except Refusal as refusal:
        flash(str(refusal), "error")
    return back()


@pages.get("/mailbox")
def letters() -> ResponseReturnValue:
    with shop().book.reading() as db:
        found, count = mailbox.letters(db), mailbox.how_many(db)
    return render_template("mailbox.html", letters=found, known=count)


@pages.get("/mailbox/<int:letter_id>")
def letter(letter_id: int) -> ResponseReturnValue:
    with shop().book.writing() as db:
        opened, message = mailbox.open_letter(db, letter_id) or abort(404)
    return render_template(
        "letter.html",
        letter=opened,
        has_html=mailbox.part(message, "html") is not None,
        text=mailbox.part(message, "plain"),
        headers=[(name, str(value)) for name, value in message.items()],
    )


@pages.get("/mailbox/<int:letter_id>/html")
def letter_html(letter_id: int) -> ResponseReturnValue:
    """The letter's own HTML, for a frame: it may show pictures and styles, and run nothing."""
    with shop().book.writing() as db:
        _, message = mailbox.open_letter(db, letter_id) or abort(404)
    html = mailbox.part(message, "html")
    if html is None:
        abort(404)
    answer = Response(mailbox.for_frame(html), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
        "img-src data: http: https:; frame-ancestors 'self'"
    )
    return answer


@pages.get("/sent")
def sent() -> ResponseReturnValue:
    with shop().book.reading() as db:
        rows = db.execute(
            "SELECT d.*, a.status, a.answer, a.at AS answered_at,"
            " (SELECT count(*) FROM attempt WHERE delivery_id = d.id) AS tries"
            " FROM delivery d LEFT JOIN attempt a ON a.rowid ="
            " (SELECT max(rowid) FROM attempt WHERE delivery_id = d.id)"
            " ORDER BY d.id DESC LIMIT 200"
        ).fetchall()
        known = outbox.attempts(db)
        switches = outbox.mischief(db)
        mood = moods.mood(db)
    return render_template(
        "sent.html",
        rows=rows,
        known=known,
        mischief=outbox.MISCHIEF,
        switches=switches,
        mood=mood,
        moods=moods.MOODS,
        wall=times.wall().timestamp(),
    )


@pages.get("/sent/<int:delivery_id>")
def sent_one(delivery_id: int) -> ResponseReturnValue:
    with shop().book.reading() as db:
        row = db.execute("SELECT * FROM delivery WHERE id = ?", (delivery_id,)).fetchone() or abort(404)
        attempts = db.execute(
            "SELECT * FROM attempt WHERE delivery_id = ? ORDER BY rowid DESC LIMIT 50", (delivery_id,)
        ).fetchall()
    body = json.dumps(json.loads(row["body"]), indent=2, ensure_ascii=False)
    return render_template("sent_one.html", row=row, attempts=attempts, body=body)


@pages.post("/sent/<int:delivery_id>/again")
def send_again(delivery_id: int) -> ResponseReturnValue:
    shop().send_again(delivery_id)
    flash("It goes out once more, with the same id.")
    return back("/sent")


@pages.post("/mischief")
def set_mischief() -> ResponseReturnValue:
    with shop().book.writing() as db:
        outbox.set_mischief(db, set(request.form.getlist("on")))
    flash("From now on the store behaves like that.")
    return back("/sent")


@pages.post("/app/<state>")
def install(state: str) -> ResponseReturnValue:
    if state not in ("installed", "uninstalled"):
        abort(404)
    shop().install(installed=state == "installed")
    flash(f"The store told Lagniappe that the app was {state}.")
    return back("/sent")


def clock_time(seconds: float) -> str:
    """The machine's time of an attempt: 07:50:12."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(times.ZONE).strftime("%H:%M:%S")
