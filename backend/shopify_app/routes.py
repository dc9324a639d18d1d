"""The app's address, which Shopify opens in a frame of its admin, and the authorization grant for where it does not
(platforms.md 1.2, 1.4).

Nothing counts that the address merely says: the shop is the one of the session token, or of a signed way back. Only the page
that fetches a token and the one that says why the app does not open, which show nothing, are framed by the shop that their
address names.
"""

from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, send_from_directory
from werkzeug.exceptions import HTTPException

from backend import clock
from backend.config import Config, ShopifyApp
from backend.errors import BadInput, Conflict, LagniappeError, NotFound, Unauthorized, Unavailable
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import domain as shopify_domain
from backend.platforms.shopify import query_signature, scopes, session_token
from backend.platforms.shopify.oauth import CodeRefused, SessionTokenRefused
from backend.platforms.shopify.session_token import InvalidSessionToken
from backend.shopify import frame
from backend.shopify_app import opening

CALLBACK = f"{frame.HOME}/callback"
NOT_NOW = "Shopify does not answer at the moment. Try it again in a minute."

blueprint = Blueprint("shopify_app", __name__, url_prefix=frame.HOME, template_folder="templates")


@blueprint.get("")
def home() -> Response:
    """The app is opened: on to the page that is wanted, once it is known who opens it and in which shop."""
    return _open(request.args.get(frame.TO))


@blueprint.get("/admin")
@blueprint.get("/admin/<path:rest>")
def page_below_home(rest: str = "") -> Response:
    """A page of the admin, at the address that Shopify makes of the app's and the page's."""
    query = request.query_string.decode("utf-8", "replace")
    return _open(f"{frame.PAGES}{'/' if rest else ''}{rest}?{query}")


def _open(wanted: str | None) -> Response:
    app = _app()
    to = frame.own_page(wanted)
    text = request.args.get(frame.ID_TOKEN)
    if text is None:
        return _without_token(to)
    try:
        token = session_token.verify(text, app.client_id, app.secrets, clock.wall())
        g.framed_by = token.shop
        opening.with_session_token(token, text)
    except (InvalidSessionToken, SessionTokenRefused):
        return _fetch_token(to)
    except TryAgain:
        raise Unavailable(NOT_NOW) from None
    except Never as reason:
        raise Conflict(str(reason)) from None
    return _go(to, frame.said_by_shopify(request.args))


def _without_token(to: str) -> Response:
    shop = shopify_domain.read(request.args.get("shop"))
    if request.args.get("embedded") == "1":
        return _fetch_token(to)
    if shop is None:
        raise BadInput("Open the app in your shop's admin at Shopify, under Apps.")
    return _go(f"{frame.HOME}/install", [("shop", shop)])


def _fetch_token(to: str) -> Response:
    """To where App Bridge makes a new token. Only once: what is refused then is refused."""
    shop = shopify_domain.read(request.args.get("shop"))
    if shop is None or frame.AGAIN in request.args:
        raise InvalidSessionToken()
    return _go(frame.TOKEN_PAGE, [("shop", shop), ("host", request.args.get("host", "")), (frame.TO, to)])


@blueprint.get("/token")
def token_page() -> Response:
    """A page that has App Bridge make a token, and comes back with it. It shows nothing of anybody's."""
    app = _app()
    shop = g.framed_by = shopify_domain.read(request.args.get("shop"))
    if shop is None:
        raise BadInput("Open the app in your shop's admin at Shopify, under Apps.")
    back = [("embedded", "1"), ("shop", shop), ("host", request.args.get("host", "")), (frame.AGAIN, "1")]
    back.append((frame.TO, frame.own_page(request.args.get(frame.TO))))
    return _page("token.html", client_id=app.client_id, back=frame.with_query(frame.HOME, back), shop=shop)


@blueprint.get("/static/fetch-token.js")
def fetch_token_script() -> Response:
    answer = send_from_directory(f"{blueprint.root_path}/static", "fetch-token.js")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


# The authorization grant ----------------------------------------------------------------------------------------------


@blueprint.get("/install")
def install() -> Response:
    """To the page at Shopify where the shop's owner says yes to the app."""
    app = _app()
    shop = shopify_domain.read(request.args.get("shop"))
    if shop is None:
        raise BadInput("The address names no shop, such as kiln.myshopify.com.")
    state = query_signature.new_state()
    url = query_signature.begin_url(
        app, shop, state=state, redirect_uri=f"{_config().base_url}{CALLBACK}", scopes=scopes.WANTED
    )
    answer: Response = redirect(url, 302)  # type: ignore[assignment]
    answer.set_cookie(**query_signature.state_cookie(state, CALLBACK))
    return answer


@blueprint.get("/callback")
def callback() -> Response:
    """Back from there. The app is installed now, and opens where it belongs: in Shopify's admin."""
    app = _app()
    state = request.cookies.get(query_signature.STATE_COOKIE)
    granted = query_signature.check_callback(request.query_string, state, app.secrets, clock.wall())
    try:
        opening.with_code(granted.shop, granted.code)
    except CodeRefused:
        raise Unauthorized("Shopify does not take this code any more. Begin again.") from None
    except TryAgain:
        raise Unavailable(NOT_NOW) from None
    except Never as reason:
        raise Conflict(str(reason)) from None
    return _go(frame.at_shopify(granted.shop, app.client_id), [])


@blueprint.after_request
def _protect(answer: Response) -> Response:
    """Per shop, and nobody else, where a page is made for a frame; nobody for all other answers."""
    framed_by = g.pop("framed_by", None)
    ancestors = frame.ancestors(framed_by) if framed_by is not None else "'none'"
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self' {frame.CDN}; style-src 'self'; img-src 'self'; connect-src 'self';"
        f" base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
    if request.path == CALLBACK:
        answer.delete_cookie(query_signature.STATE_COOKIE, path=CALLBACK, secure=True, httponly=True, samesite="Lax")
    return answer


@blueprint.errorhandler(LagniappeError)
def refused(error: LagniappeError) -> Response:
    """A page, since a person reads it: in the frame, if it came there."""
    if "framed_by" not in g:
        g.framed_by = shopify_domain.read(request.args.get("shop")) if request.args.get("embedded") == "1" else None
    answer = _page("refused.html", error=error)
    answer.status_code = error.status
    if isinstance(error, Unavailable):
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer


@blueprint.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    known = LagniappeError(error.description)
    known.status, known.title = error.code or 500, error.name
    return refused(known)


def _page(template: str, **context: Any) -> Response:
    return Response(
        render_template(f"shopify_app/{template}", app_bridge=frame.APP_BRIDGE, **context), mimetype="text/html"
    )


def _go(path: str, query: list[tuple[str, str]]) -> Response:
    return redirect(frame.with_query(path, query), 303)  # type: ignore[return-value]


def _config() -> Config:
    config: Config = current_app.config["LAGNIAPPE"]
    return config


def _app() -> ShopifyApp:
    """Raises NotFound where shops on Shopify cannot be served."""
    app = _config().shopify
    if app is None:
        raise NotFound()
    return app
