"""What every request of the widget API has in common: limits, sessions, bodies, signatures, and who may read the answer.

Every JSON body is signed with the shop's identity secret, also the body of a refusal once the shop is known. A member's
answers are for pages of the member's own shop alone.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from pydantic import BaseModel, TypeAdapter
from werkzeug.exceptions import UnsupportedMediaType

from backend import checking, strict_json
from backend.config import Config
from backend.errors import BadInput, NotFound, TooLarge
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.visitor_address import visitor_address
from backend.widget_api import answers, cors, reading
from backend.widget_api.hot_path import HotPath
from backend.widget_api.rate_limits import RateLimits
from backend.widget_api.tokens import Session, SessionExpired, SessionTokens, bearer

blueprint = Blueprint("widget_api", __name__, url_prefix="/widget/v1")

LARGEST_BODY = 16 * 1024

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PUBLIC = frozenset(f"widget_api.{name}" for name in ("program", "points", "loader", "module", "picture"))


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


def configured() -> _Settings:
    settings: _Settings = current_app.extensions["widget_api"]
    return settings


# Every request -----------------------------------------------------------------------------------------------------


Model = TypeVar("Model", bound=BaseModel)


class Finished(Response):
    """An answer that has all its headers already: the two that are read most are made in one go."""


@blueprint.before_request
def _admit() -> Response | None:
    """Count the address; answer a browser that asks whether it may ask."""
    g.widget_shop = None
    settings = configured()
    environ = request.environ
    settings.limits.hit("address", visitor_address(environ))
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
    if isinstance(answer, Finished) or request.method == "OPTIONS":
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


def own(shop: ShopFacts, body: bytes, status: int = 200) -> Response:
    """A member's own answer, for pages of the shop alone."""
    return Finished(body, status=status, headers=answers.own(shop, body, request.environ.get("HTTP_ORIGIN")))


def shop_of(widget_key: str) -> ShopFacts:
    """The shop that the address names, remembered for the answer. Raises NotFound."""
    if KEY.fullmatch(widget_key) is None:
        raise NotFound()
    shop = shops.facts_by_widget_key(widget_key)
    g.widget_shop = shop
    return shop


def member_session(kind: str) -> tuple[ShopFacts, Session]:
    """The shop and member of the request's token. `kind` is what is counted: "reads" or "writes".

    Raises Unauthorized, SessionExpired, TooManyRequests; Forbidden for a write from another site's page.
    """
    settings = configured()
    seen: tuple[ShopFacts, Session] | None = g.get("previewed_member")
    if seen is not None:  # the preview's door has looked who may look (preview.py)
        return seen
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


def wanted_language() -> str | None:
    """`?locale=`, else the first language of Accept-Language, else None: the member's own."""
    environ = request.environ
    if environ.get("QUERY_STRING") and (wanted := request.args.get("locale")):
        return wanted
    return reading.first_language(environ.get("HTTP_ACCEPT_LANGUAGE"))


def json_body(model: type[Model]) -> Model:
    """The request's JSON as the model. Raises TooLarge, MalformedJson, BadInput with every wrong field."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send application/json.")
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    request.max_content_length = LARGEST_BODY + 1  # Werkzeug cuts a body without a length here without a word
    raw = request.get_data(cache=False)
    if len(raw) > LARGEST_BODY:
        raise _too_large()
    wanted: Model = checking.checked(_shape(model), strict_json.parse(raw), BadInput)
    return wanted


@cache
def _shape(model: type[BaseModel]) -> TypeAdapter[BaseModel]:
    return TypeAdapter(model)


def _too_large() -> TooLarge:
    return TooLarge(f"The body may have {LARGEST_BODY} bytes.")
