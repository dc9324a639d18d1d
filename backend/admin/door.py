"""The door of the admin. Every page is declared once, with the right that it needs:

    @page("/customers/<row_id:member_id>", right=Right.VIEW_CUSTOMERS)
    def customer(visit: Visit, member_id: int) -> str:
        return visit.render("customer.html", ...)

    @form("/customers/<row_id:member_id>/points", right=Right.ASSIGN_POINTS, again=customer)
    def assign_points(visit: Visit, member_id: int) -> Response:
        adjust(visit.session, ..., **visit.checked(Assigned))
        return visit.done("50 points added.", "customer", member_id=member_id)

A request is one transaction. What a form's verb refuses (bad input, a conflict) rolls it back and shows the page `again`
names, with what was typed and what is wrong; pages work without JavaScript. `routes.py` refuses any route without a right.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from flask import Response, current_app, g, redirect, render_template, request, url_for
from flask import session as cookie
from flask_wtf.csrf import CSRFProtect
from pydantic import BaseModel
from werkzeug.datastructures import FileStorage, MultiDict

from backend import clock
from backend.admin import embedding, forms
from backend.config import Config
from backend.db import retrying, transaction
from backend.errors import BadInput, Conflict, Forbidden, LagniappeError, TooManyRequests
from backend.ledger.posting import AnySession, Author
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.staff import sessions
from backend.staff.rights import Right
from backend.staff.sessions import SignedIn

PREFIX = "/admin"
LARGEST_FORM = 1024 * 1024
SIGNED_IN: Literal["signed in"] = "signed in"
"""Whoever is signed in may see this page."""
ANYBODY: Literal["anybody"] = "anybody"
"""The page is for people who are not signed in."""
TOKEN = "token"  # noqa: S105 - its name in the cookie

Needed = Right | Literal["signed in", "anybody"]
Answer = str | Response
Model = TypeVar("Model", bound=BaseModel)

csrf = CSRFProtect()


@dataclass(frozen=True)
class Declared:
    """One page or form."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    right: Needed
    act: Callable[..., Answer]
    again: Callable[..., Answer] | None
    largest: int
    is_read_only: bool


DECLARED: dict[str, Declared] = {}
"""Every page and form by its name, which is also its endpoint's."""


@dataclass(frozen=True)
class Visit:
    """What a page may know of its request, beside what its address says."""

    session: AnySession
    now: datetime
    """The business clock."""
    wall: datetime
    """The machine's."""
    signed_in: SignedIn | None
    form: "MultiDict[str, str]" = field(default_factory=MultiDict)
    """What was posted; kept when a form is shown again."""
    refusal: LagniappeError | None = None
    """Why the form is shown again."""

    @property
    def who(self) -> SignedIn:
        """Who is signed in. Only for pages that need it."""
        assert self.signed_in is not None
        return self.signed_in

    @property
    def shop_id(self) -> int:
        return self.who.shop_id

    @property
    def shop(self) -> ShopFacts:
        return shops.facts(self.shop_id)

    @property
    def author(self) -> Author:
        """How entries and logs name the person."""
        return Author("staff", self.who.name)

    @property
    def query(self) -> "MultiDict[str, str]":
        """What stands behind the `?` of the address."""
        return embedding.query(request.args)

    @property
    def query_text(self) -> str:
        """The same as it stands in an address."""
        return urlencode(list(self.query.items(multi=True)))

    def may(self, right: Needed) -> bool:
        """Whether who is signed in may see pages that need this right."""
        return right == ANYBODY or (self.signed_in is not None and _has(self.signed_in, right))

    def file(self, name: str) -> FileStorage | None:
        """An uploaded file, or None if no file was chosen."""
        found = request.files.get(name)
        return found if found is not None and found.filename else None

    def checked(self, shape: type[Model]) -> Model:
        """What was posted, as the shape reads it. Raises BadInput that names the fields."""
        return forms.read(shape, self.form)

    def asked(self, shape: type[Model]) -> Model:
        """What the address asks for (`?…`), as the shape reads it. What makes no sense there is left out."""
        return forms.read_query(shape, self.query)

    def render(self, template: str, **context: Any) -> str:
        """The page. `template` is a file of templates/admin/."""
        return render_template(f"admin/{template}", visit=self, **context)

    def go(self, name: str, **path: Any) -> Response:
        """On to another page of the admin, by its name."""
        return redirect(url_for(f"admin.{name}", **path), 303)  # type: ignore[return-value]

    def done(self, message: str, name: str, **path: Any) -> Response:
        """It is done: say so on the page that comes next."""
        self.say(message)
        return self.go(name, **path)

    def say(self, message: str, category: Literal["done", "warn"] = "done") -> None:
        """A notice on the page that comes next."""
        embedding.say(message, category)


def page(path: str, *, right: Needed) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Declare that GET `path` shows this page to who has the right. It must change nothing."""
    return _declare("GET", path, right=right, again=None, largest=0, is_read_only=False)


def form(
    path: str,
    *,
    right: Needed,
    again: Callable[..., Answer] | None = None,
    largest: int = LARGEST_FORM,
    is_read_only: bool = False,
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Declare that POST `path` does this for who has the right.

    `again` is the page (called with the same arguments) that is shown with the reason when the verb refuses. `largest` is
    the most bytes of a body. `is_read_only` says that it only shows something for a body that no address could hold.
    """
    return _declare("POST", path, right=right, again=again, largest=largest, is_read_only=is_read_only)


def _declare(
    method: Literal["GET", "POST"],
    path: str,
    *,
    right: Needed,
    again: Callable[..., Answer] | None,
    largest: int,
    is_read_only: bool,
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    def declare(act: Callable[..., Answer]) -> Callable[..., Answer]:
        name = act.__name__
        if name in DECLARED:
            raise ValueError(f"two pages of the admin are named {name}")
        DECLARED[name] = Declared(name, method, path, right, act, again, largest, is_read_only)
        return act

    return declare


def run(declared: Declared, path: Mapping[str, Any]) -> Response:
    """Answer the current request: who is it, may they, one transaction, one verb."""
    g.nonce = secrets.token_urlsafe(16)
    wall = clock.wall()
    coming = embedding.coming(declared.method == "GET", declared.name == "preview_frame", wall)
    if isinstance(coming, Response):
        return coming
    if declared.method == "POST":
        request.max_content_length = declared.largest
        request.max_form_memory_size = declared.largest
        if not embedding.is_forgery_proof():
            csrf.protect()
        if declared.right == ANYBODY and declared.name != "no_such_form":
            embedding.refuse_doorway()
    signed_in = coming or _who(wall)
    if signed_in is None and declared.right != ANYBODY:
        return _to_log_in(declared)
    return embedding.carried(_shown(declared, path, signed_in, wall))


def _shown(declared: Declared, path: Mapping[str, Any], signed_in: SignedIn | None, wall: datetime) -> Response:
    visit = _Request(signed_in, clock.now(), wall)
    if signed_in is not None and not _has(signed_in, declared.right):
        raise Forbidden("You do not have the right to see this page. Ask somebody who looks after your team's rights.")
    try:
        return _answer(visit.run(declared.act, path))
    except (BadInput, Conflict, TooManyRequests) as refusal:
        if declared.again is None:
            raise
        answer = _answer(visit.run(declared.again, path, refusal), refusal.status)
        if isinstance(refusal, TooManyRequests):
            answer.headers["Retry-After"] = str(refusal.retry_after_seconds)
        return answer


@dataclass(frozen=True)
class _Request:
    signed_in: SignedIn | None
    now: datetime
    wall: datetime

    def open(self, session: AnySession, refusal: LagniappeError | None = None) -> Visit:
        return Visit(session, self.now, self.wall, self.signed_in, request.form, refusal)

    @retrying
    def run(self, act: Callable[..., Answer], path: Mapping[str, Any], refusal: LagniappeError | None = None) -> Answer:
        embedding.forget_what_was_said()
        with transaction() as session:
            return act(self.open(session, refusal), **path)


def _has(signed_in: SignedIn, right: Needed) -> bool:
    return right in (ANYBODY, SIGNED_IN) or right in signed_in.rights


def _who(wall: datetime) -> SignedIn | None:
    token = cookie.get(TOKEN)
    return sessions.read(token, wall) if isinstance(token, str) else None


def _to_log_in(declared: Declared) -> Response:
    if declared.method == "GET" and (elsewhere := embedding.elsewhere()) is not None:
        return elsewhere
    wanted = ""
    if declared.method == "GET" and request.full_path.rstrip("?/") != PREFIX:
        wanted = "?" + urlencode({"next": request.full_path.rstrip("?")})
    return redirect(url_for("admin.log_in") + wanted, 303)  # type: ignore[return-value]


def _answer(said: Answer, status: int = 200) -> Response:
    return Response(said, status=status, mimetype="text/html") if isinstance(said, str) else said


def is_rehearsal() -> bool:
    """Whether this is demo or test."""
    config: Config = current_app.config["LAGNIAPPE"]
    return config.is_rehearsal
