"""The admin's blueprint: what `door.py` collected, its headers, its errors as pages, its static files."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, g, redirect, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.sansio.app import App
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from backend.admin import (
    account,
    api_keys,
    approving,
    assigning,
    campaign_form,
    care,
    customer_accounts,
    customers,
    deliveries,
    dry_runs,
    embedding,
    endpoint_log,
    endpoints,
    exports,
    guide,
    home,
    imports,
    joining,
    log_in,
    missing_points,
    notes,
    on_behalf,
    people,
    points_campaigns,
    previews,
    program,
    program_ways,
    redeemed_rewards,
    referral_reviews,
    reporting,
    reward_campaigns,
    reward_codes,
    reward_form,
    shown,
    static_files,
    versions,
)
from backend.admin.door import ANYBODY, DECLARED, PREFIX, Declared, Visit, csrf, form, page, run
from backend.admin.navigation import sections
from backend.admin.session_cookie import SessionCookie
from backend.config import Config
from backend.errors import LagniappeError, NotFound, TooManyRequests
from backend.platforms.shopify.session_token import InvalidSessionToken

PAGES = (
    account,
    api_keys,
    approving,
    assigning,
    campaign_form,
    care,
    customer_accounts,
    customers,
    deliveries,
    dry_runs,
    endpoint_log,
    endpoints,
    exports,
    guide,
    home,
    imports,
    joining,
    log_in,
    missing_points,
    notes,
    on_behalf,
    people,
    points_campaigns,
    previews,
    program,
    program_ways,
    redeemed_rewards,
    referral_reviews,
    reporting,
    reward_campaigns,
    reward_codes,
    reward_form,
    versions,
)
"""Importing them declared their pages."""
WITHOUT_RIGHT = frozenset({"static_file"})
"""The only routes that ask for nothing."""


class Admin(Blueprint):
    """Refuses to be registered with a route that no page declares: such a route would have no right."""

    def register(self, app: App, options: dict[str, Any]) -> None:
        super().register(app, options)
        for rule in app.url_map.iter_rules():
            name = rule.endpoint.removeprefix(f"{self.name}.")
            if name != rule.endpoint and name not in DECLARED and name not in WITHOUT_RIGHT:
                raise RuntimeError(f"{rule.rule} of the admin has no right: declare it with @page or @form")


blueprint = Admin("admin", __name__, url_prefix=PREFIX, template_folder="templates")


@page("/<path:rest>", right=ANYBODY)
def no_such_page(visit: Visit, rest: str) -> str:
    raise NotFound()


@form("/<path:rest>", right=ANYBODY)
def no_such_form(visit: Visit, rest: str) -> str:
    raise NotFound()


def _door(declared: Declared) -> Callable[..., Response]:
    def door(**path: Any) -> Response:
        return run(declared, path)

    return door


for _declared in DECLARED.values():
    blueprint.add_url_rule(
        _declared.path, endpoint=_declared.name, view_func=_door(_declared), methods=[_declared.method]
    )


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    app: Flask = state.app  # type: ignore[assignment]  # said to be the base class of Flask's
    config: Config = app.config["LAGNIAPPE"]
    is_https = config.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=config.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(config.secret_keys[1:]),
        SESSION_COOKIE_NAME="__Host-lagniappe" if is_https else "lagniappe",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,  # the door asks, for its own forms alone
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form may lie open over lunch
        WTF_CSRF_SSL_STRICT=is_https,
    )
    app.session_interface = SessionCookie()
    csrf.init_app(app)
    app.add_url_rule("/", "front", lambda: redirect(PREFIX))  # whoever types the server's bare address is its merchant
    app.jinja_env.globals.update(asset=static_files.address, sections=sections, nonce=lambda: g.nonce)
    app.jinja_env.globals.update(embedding.globals_of_templates())
    app.context_processor(
        lambda: {"csrf_token": embedding.form_token}
    )  # in the place of Flask-WTF's, which comes first


for _name, _filter in shown.FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)


@blueprint.get("/static/<path:name>")
def static_file(name: str) -> Response:
    """A stylesheet, script or picture of these pages; for ever, if its address names what is in it."""
    return static_files.answer(name, request.args.get("v"))


@blueprint.errorhandler(LagniappeError)
def refused(error: LagniappeError) -> Response:
    """A page, since a person reads it."""
    answer = Response(
        render_template("admin/refused.html", error=error, visit=None), status=error.status, mimetype="text/html"
    )
    if isinstance(error, TooManyRequests):
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, InvalidSessionToken):
        answer.headers["X-Shopify-Retry-Invalid-Session-Request"] = "1"  # App Bridge makes another and asks once more
    return answer


@blueprint.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    known = LagniappeError(error.description)
    known.status, known.title = error.code or 500, error.name
    if isinstance(error, CSRFError):
        known.title = "This form has been open for too long"
        known.detail = "Nothing was changed. Go back, load the page again and send the form once more."
    return refused(known)


@blueprint.after_request
def protect(answer: Response) -> Response:
    """Pages with personal data stay out of every cache, every frame and every other site."""
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    answer.headers.setdefault("Content-Security-Policy", embedding.content_policy(getattr(g, "nonce", "")))
    return answer
