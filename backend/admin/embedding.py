"""The same pages inside Shopify's admin, in a frame of another site, where there are no cookies (docs/decisions/0027).

Each request brings Shopify's word for who asks: scripts send a session token as `Authorization: Bearer`, a document that
Shopify loads into its frame has it as `id_token` in its address. What is not proved by it is a page of the stand-alone admin:
nothing that an address merely says lets anybody frame it, or see another shop.

No browser sends these proofs by itself, so forms need no token against forgery beside them. Notices go on to the next page in
its address, signed, since there is no cookie to keep them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from flask import Response, current_app, flash, g, get_flashed_messages, redirect, request
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import MultiDict

from backend.config import Config
from backend.errors import Forbidden
from backend.platforms.shopify import domain as shopify_domain
from backend.platforms.shopify import session_token
from backend.platforms.shopify.session_token import InvalidSessionToken, SessionToken
from backend.shopify import frame, team
from backend.shopify.team import OpenFirst
from backend.staff import sessions
from backend.staff.sessions import SignedIn

SAID = "said"
PASS = "pass"  # noqa: S105 - its name in the address
_BEARER = "bearer "
_SAID_SECONDS = 120
_PASS_SECONDS = 8 * 3600


@dataclass
class Frame:
    """Shopify's frame around the page that is asked for. There is one only if that was proved."""

    shop_id: int
    domain: str
    client_id: str
    by: Literal["script", "document", "pass"]
    session_id: int | None = None
    said: list[tuple[str, str]] = field(default_factory=list)
    """Notices for the page that comes next."""

    @property
    def ancestors(self) -> str:
        return frame.ancestors(self.domain)

    @property
    def address(self) -> str:
        """Where the app is opened in this shop's admin at Shopify."""
        return frame.at_shopify(self.domain, self.client_id)


def current() -> Frame | None:
    """The frame of the current request."""
    found: Frame | None = getattr(g, "frame", None)
    return found


def is_forgery_proof() -> bool:
    """Whether the request carries what no browser sends by itself."""
    found = current()
    return found is not None and found.by == "script"


def coming(is_page: bool, opens_with_pass: bool, wall: datetime) -> SignedIn | Response | None:
    """Who comes from inside Shopify's admin; or where they have to go first; or None: nobody says so.

    `is_page`: what is asked for changes nothing. `opens_with_pass`: a page in a frame of our own.
    Raises InvalidSessionToken, Forbidden.
    """
    g.frame = None
    word = request.headers.get("Authorization", "")
    if word[: len(_BEARER)].lower() == _BEARER:
        return _sign_in(_verified(word[len(_BEARER) :].strip(), wall), "script", wall)
    if is_page and frame.ID_TOKEN in request.args:
        return _document(wall)
    if opens_with_pass and PASS in request.args:
        return _with_pass(request.args[PASS], wall)
    return None


def elsewhere() -> Response | None:
    """For a page that Shopify puts into its frame without saying who looks: to where a token is fetched."""
    if request.args.get("embedded") != "1" or frame.AGAIN in request.args:
        return None
    return _to_token_page()


def _verified(text: str, wall: datetime) -> SessionToken:
    app = _config().shopify
    if app is None:
        raise InvalidSessionToken()
    return session_token.verify(text, app.client_id, app.secrets, wall)


def _sign_in(token: SessionToken, by: Literal["script", "document"], wall: datetime) -> SignedIn:
    app = _config().shopify
    known = team.look_up(token)
    if app is None or known is None:
        raise OpenFirst()
    g.frame = Frame(known.shop_id, known.domain, app.client_id, by)
    found = team.sign_in(known, token, request.user_agent.string, wall)
    if by == "document" and known.needs_opening:
        raise OpenFirst()
    g.frame.session_id = found.session_id
    return found


def _document(wall: datetime) -> SignedIn | Response:
    try:
        return _sign_in(_verified(request.args[frame.ID_TOKEN], wall), "document", wall)
    except InvalidSessionToken:
        if frame.AGAIN in request.args or (to := _to_token_page()) is None:
            raise
        return to
    except OpenFirst:
        return _redirect(frame.HOME, [*frame.said_by_shopify(request.args), (frame.TO, _wanted())])


def _with_pass(text: str, wall: datetime) -> SignedIn | None:
    app = _config().shopify
    try:
        shop_id, session_id, domain = _signer("pass").loads(text, max_age=_PASS_SECONDS)
    except BadData:
        return None
    found = sessions.still_there(shop_id, session_id, wall)
    if app is None or found is None:
        return None
    g.frame = Frame(shop_id, domain, app.client_id, "pass", session_id)
    return found


def _to_token_page() -> Response | None:
    domain = shopify_domain.read(request.args.get("shop"))
    if domain is None or _config().shopify is None:
        return None
    return _redirect(
        frame.TOKEN_PAGE, [("shop", domain), ("host", request.args.get("host", "")), (frame.TO, _wanted())]
    )


def _wanted() -> str:
    return frame.own_page(request.full_path.rstrip("?"))


def _redirect(path: str, query: Sequence[tuple[str, str]]) -> Response:
    return redirect(frame.with_query(path, query), 303)  # type: ignore[return-value]


# What pages do otherwise in the frame ---------------------------------------------------------------------------------


def query(asked: "MultiDict[str, str]") -> "MultiDict[str, str]":
    """What the address asks of the page, without what is Shopify's: no link of a page must carry a token on."""
    if current() is None:
        return asked
    own = MultiDict(asked)
    for name in (*frame.OF_SHOPIFY, SAID, PASS):
        own.poplist(name)
    return own


def say(message: str, category: str) -> None:
    """A notice for the page that comes next."""
    found = current()
    if found is None:
        flash(message, category)
    else:
        found.said.append((category, message))


def forget_what_was_said() -> None:
    """What is done begins, once more perhaps: what it had to say before it was undone was never so."""
    found = current()
    if found is not None:
        found.said.clear()


def said() -> Sequence[tuple[str, str]]:
    """The notices for this page, each with its category."""
    found = current()
    if found is None:
        notices: Sequence[tuple[str, str]] = get_flashed_messages(with_categories=True)  # type: ignore[assignment]
        return notices
    now, found.said = found.said, []
    return [*_told_before(found), *now]


def _told_before(found: Frame) -> list[tuple[str, str]]:
    if SAID not in request.args:
        return []
    try:
        session_id, notices = _signer(SAID).loads(request.args[SAID], max_age=_SAID_SECONDS)
    except BadData:
        return []
    return [(category, message) for category, message in notices] if session_id == found.session_id else []


def carried(answer: Response) -> Response:
    """A redirect to a page of ours, with the notices for it; for a document with what Shopify said, too."""
    found = current()
    location = answer.headers.get("Location")
    if found is None or location is None or not location.startswith(frame.PAGES):
        return answer
    more: list[tuple[str, str]] = []
    if found.by == "document":
        more += frame.said_by_shopify(request.args)
    if found.said:
        more.append((SAID, str(_signer(SAID).dumps([found.session_id, found.said]))))
    answer.headers["Location"] = frame.with_query(location, more)
    return answer


def own_frame() -> dict[str, str]:
    """What the address of a page in a frame of our own needs, since no script asks for it: it opens that page alone."""
    found = current()
    if found is None or found.session_id is None:
        return {}
    return {PASS: str(_signer("pass").dumps([found.shop_id, found.session_id, found.domain]))}


def form_token() -> str:
    """Against forged forms where there is a cookie; there is none in the frame, and none is set."""
    return "" if current() is not None else generate_csrf()


def refuse_doorway() -> None:
    """Signing in with a password, and what belongs to it, needs cookies. Raises Forbidden in the frame."""
    if current() is not None:
        raise Forbidden(
            "Here you come in through Shopify. To log in with a password, open the admin in a window of its own."
        )


def content_policy(nonce: str) -> str:
    """The Content-Security-Policy of a page. Who may frame it follows from the shop that was proved, and is nobody else."""
    found = current()
    scripts = f" script-src 'self' {frame.CDN};" if found is not None else ""
    ancestors = found.ancestors if found is not None else "'none'"
    return (
        f"default-src 'self';{scripts} style-src 'self' 'nonce-{nonce}'; img-src 'self' data: https:;"
        f" object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )


def globals_of_templates() -> dict[str, Any]:
    return {
        "frame": current,
        "notices": said,
        "own_frame": own_frame,
        "csrf_token": form_token,
        "app_bridge": frame.APP_BRIDGE,
    }


def _signer(purpose: str) -> URLSafeTimedSerializer:
    keys = list(reversed(_config().secret_keys))  # itsdangerous signs with the last
    return URLSafeTimedSerializer(keys, salt=f"admin frame {purpose}")


def _config() -> Config:
    config: Config = current_app.config["LAGNIAPPE"]
    return config
