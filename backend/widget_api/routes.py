"""The widget API (contract section 5): the door that browsers on a store's pages come through.

Every JSON body is signed with the shop's identity secret, also the body of a refusal once the shop is known. A member's
answers are for pages of the member's own shop alone.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from backend import clock, db, strict_json
from backend.config import Config
from backend.errors import BadInput, Conflict, NotFound, TooLarge
from backend.loyalty import members, shops
from backend.loyalty.shops import ShopFacts
from backend.platforms.events import time_text
from backend.widget_api import addresses, answers, assets, cors, identity, pictures, program_document, reading
from backend.widget_api.hot_path import HotPath
from backend.widget_api.rate_limits import RateLimits
from backend.widget_api.tokens import Session, SessionExpired, SessionTokens, bearer

blueprint = Blueprint("widget_api", __name__, url_prefix="/widget/v1")

LARGEST_BODY = 16 * 1024

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PUBLIC = frozenset({"widget_api.program", "widget_api.loader", "widget_api.module", "widget_api.picture"})


@dataclass(frozen=True, slots=True)
class _Settings:
    tokens: SessionTokens
    limits: RateLimits
    base_url: str
    is_rehearsal: bool


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    app: Flask = state.app  # type: ignore[assignment]  # said to be the base class of Flask's
    config: Config = app.config["LAGNIAPPE"]
    tokens = SessionTokens(config.secret_keys)
    limits = RateLimits.from_setting(config.rate_limits, is_test=config.environment == "test")
    app.extensions["widget_api"] = _Settings(tokens, limits, config.base_url, config.is_rehearsal)
    app.wsgi_app = HotPath(app, tokens, limits)  # type: ignore[method-assign]


def _settings() -> _Settings:
    settings: _Settings = current_app.extensions["widget_api"]
    return settings


# Every request -----------------------------------------------------------------------------------------------------


class _Finished(Response):
    """An answer that has all its headers already: the two that are read most are made in one go."""


@blueprint.before_request
def _admit() -> Response | None:
    """Count the address; answer a browser that asks whether it may ask."""
    g.widget_shop = None
    settings = _settings()
    environ = request.environ
    settings.limits.hit("address", addresses.visitor(environ))
    if environ["REQUEST_METHOD"] == "OPTIONS":
        return cors.preflight(
            environ.get("HTTP_ORIGIN"),
            is_public=request.endpoint in _PUBLIC,
            is_rehearsal=settings.is_rehearsal,
        )
    return None


@blueprint.after_request
def _finish(answer: Response) -> Response:
    """Sign the body, and say which pages may read it."""
    if isinstance(answer, _Finished) or request.method == "OPTIONS":
        return answer
    shop: ShopFacts | None = g.get("widget_shop")
    if request.endpoint in _PUBLIC:
        answer.headers.extend(cors.FOR_EVERYONE)
    else:
        answer.headers.extend(answers.PRIVATE)
        answer.headers.extend(cors.for_own_shop(request.headers.get("Origin"), shop))
    answer.headers["X-Content-Type-Options"] = "nosniff"
    if shop is not None:
        answer.headers.extend([answers.signature(shop, answer.get_data())])
    return answer


def _own(shop: ShopFacts, body: bytes) -> Response:
    """A member's own answer, for pages of the shop alone."""
    return _Finished(body, headers=answers.own(shop, body, request.environ.get("HTTP_ORIGIN")))


def _shop_of(widget_key: str) -> ShopFacts:
    """The shop that the address names, remembered for the answer. Raises NotFound."""
    if _KEY.fullmatch(widget_key) is None:
        raise NotFound()
    shop = shops.facts_by_widget_key(widget_key)
    g.widget_shop = shop
    return shop


def _session(kind: str) -> tuple[ShopFacts, Session]:
    """The shop and member of the request's token. `kind` is what is counted: "reads" or "writes".

    Raises Unauthorized, SessionExpired, TooManyRequests; Forbidden for a write from another site's page.
    """
    settings = _settings()
    try:
        session = settings.tokens.read(bearer(request.environ.get("HTTP_AUTHORIZATION")))
    except SessionExpired as expired:
        g.widget_shop = shops.facts(expired.session.shop_id)  # so that the widget can read why
        raise
    shop = shops.facts(session.shop_id)
    g.widget_shop = shop
    if kind == "writes":
        cors.refuse_foreign_write(request.environ.get("HTTP_ORIGIN"), shop)
    settings.limits.hit(kind, (session.shop_id, session.member_id))
    return shop, session


def _wanted_language() -> str | None:
    """`?locale=`, else the first language of Accept-Language, else None: the member's own."""
    environ = request.environ
    if environ.get("QUERY_STRING") and (wanted := request.args.get("locale")):
        return wanted
    return reading.first_language(environ.get("HTTP_ACCEPT_LANGUAGE"))


# Public --------------------------------------------------------------------------------------------------------------


@blueprint.get("/<widget_key>/program")
def program(widget_key: str) -> Response:
    """What every visitor may know of the program, in one language."""
    shop = _shop_of(widget_key)
    environ = request.environ
    document = program_document.of(shop, request.args.get("locale") if environ.get("QUERY_STRING") else None)
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and (known == document.etag or request.if_none_match.contains_weak(document.etag[1:-1])):
        answer = _Finished(status=304, headers=answers.unchanged(document.etag))
        del answer.headers["Content-Type"]
        return answer
    return _Finished(document.body, headers=answers.public(shop, document.body, document.etag))


@blueprint.get("/loader.js")
def loader() -> Response:
    """The launcher's script for the shop of `?shop=`."""
    try:
        key = request.args.get("shop", "")
        if _KEY.fullmatch(key) is None:
            raise NotFound()
        shop = shops.facts_by_widget_key(key)
    except NotFound:
        return assets.no_loader(request)
    return assets.loader(request, shop, _settings().base_url)


@blueprint.get("/assets/<version>/<path:path>")
def module(version: str, path: str) -> Response:
    """One file of the widget."""
    return assets.module(request, version, path)


@blueprint.get("/images/<widget_key>/<image_id>")
def picture(widget_key: str, image_id: str) -> Response:
    """A picture that the shop's merchant uploaded."""
    answer = pictures.picture(request, _shop_of(widget_key), image_id)
    g.widget_shop = None  # what is no JSON is not signed
    return answer


# The member's own ----------------------------------------------------------------------------------------------------


class SessionRequest(BaseModel):
    """Body of `POST …/session`."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    identity: str
    ref: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """The code of the friend's link that brought the shopper. Nothing follows from it until referrals work."""


@blueprint.post("/<widget_key>/session")
@db.retrying
def begin_session(widget_key: str) -> Response:
    """Begin a session for the shopper that the store vouches for; a member is made on first sight.

    The dashboard comes along, so that opening the widget is one request.
    """
    shop = _shop_of(widget_key)
    cors.refuse_foreign_write(request.headers.get("Origin"), shop)
    wanted = _body(SessionRequest)
    visitor = identity.verify(wanted.identity, shop.identity_secret)
    settings = _settings()
    settings.limits.hit("writes", (shop.id, "customer", visitor.external_id))
    now = clock.now()
    with db.transaction() as session:
        member = members.see_in_widget(session, shop.id, visitor, now)
        begun = Session(shop.id, member.id, member.token_version)
    token, ends_at = settings.tokens.issue(begun)
    dashboard = reading.me(shop, begun, _wanted_language(), now)
    return _own(
        shop,
        strict_json.dumps(
            {"session": token, "expires_at": time_text(ends_at), "member": dashboard["member"], "me": dashboard}
        ),
    )


@blueprint.get("/me")
def me() -> Response:
    """The member's balance and ways to earn."""
    shop, session = _session("reads")
    return _own(shop, strict_json.dumps(reading.me(shop, session, _wanted_language(), clock.now())))


@blueprint.get("/me/activity")
def activity() -> Response:
    """What moved, newest first."""
    shop, session = _session("reads")
    return _own(
        shop, reading.activity(shop, session, _wanted_language(), request.args.get("after"), request.args.get("limit"))
    )


@blueprint.get("/me/redemptions")
def redemptions() -> Response:
    """The member's rewards: none, until rewards can be redeemed."""
    shop, session = _session("reads")
    reading.me(shop, session, None, clock.now())  # a revoked token reads nothing, not even nothing
    return _own(shop, strict_json.dumps({"items": [], "next": None}))


@blueprint.post("/me/seen")
def seen() -> Response:
    """The member has looked at the activity: nothing in it is new any more."""
    shop, session = _session("writes")
    reading.mark_seen(session)
    return _own(shop, strict_json.dumps({"unread": 0}))


@blueprint.post("/me/earn/<rule_id>")
def earn(rule_id: str) -> Response:
    """Claim a rule that a visit completes. No kind of rule that works today is one."""
    shop, session = _session("writes")
    dashboard = reading.me(shop, session, None, clock.now())
    if all(rule["id"] != rule_id for rule in dashboard["earn"]):
        raise NotFound("The program has no such rule.")
    raise Conflict("The store tells us when this is done; there is nothing to claim.", code="not_claimable")


def _body(model: type[SessionRequest]) -> SessionRequest:
    """The request's JSON as the model. Raises TooLarge, MalformedJson, BadInput with every wrong field."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send application/json.")
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    request.max_content_length = LARGEST_BODY + 1  # Werkzeug cuts a body without a length here without a word
    raw = request.get_data(cache=False)
    if len(raw) > LARGEST_BODY:
        raise _too_large()
    try:
        return model.model_validate(strict_json.parse(raw))
    except ValidationError as error:
        errors = [
            {"field": ".".join(map(str, each["loc"]))[:64], "message": each["msg"]}
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise BadInput(f"The request is not valid: {errors[0]['field']}: {errors[0]['message']}.", errors) from None


def _too_large() -> TooLarge:
    return TooLarge(f"The body may have {LARGEST_BODY} bytes.")
