"""How the app comes to tokens of a shop, and keeps them (platforms.md 1.2, 1.5).

Offline tokens live an hour and come with a refresh token, which changes with each refresh. The one before stays valid until
the new one is first used, so an answer that was lost is asked for again with what is still kept. No token is ever shown:
neither in what is raised here, nor in the representation of what is returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend import clock, strict_json
from backend.config import ShopifyApp
from backend.errors import MalformedJson
from backend.platforms import outgoing
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import admin_api
from backend.platforms.shopify import domain as shopify_domain

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - names of the protocol
SESSION_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"
LONG_PAUSE_SECONDS = 600.0


class SessionTokenRefused(Exception):
    """The session token is over or none: App Bridge has to make another (`invalid_subject_token`)."""


class CodeRefused(Exception):
    """The code of the authorization grant is none, or was used before."""


class RefreshRefused(Exception):
    """Nothing that we keep opens this shop any more: somebody must open the app in Shopify."""


@dataclass(frozen=True)
class Tokens:
    """An offline token and what renews it. The times are by the machine's clock, counted from before the call."""

    access: str = field(repr=False)
    access_until: datetime
    refresh: str = field(repr=False)
    refresh_until: datetime
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class AssociatedUser:
    """Who of the shop's staff opened the app, as Shopify says with an online token. `scopes`: what they may do with it."""

    id: str
    email: str | None
    email_verified: bool
    first_name: str | None
    last_name: str | None
    account_owner: bool
    collaborator: bool
    locale: str | None
    scopes: tuple[str, ...]


Token = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,1024}$")]  # it goes into a header
Seconds = Annotated[int, Field(strict=True, gt=0, le=10 * 366 * 24 * 3600)]
Text = Annotated[str, Field(max_length=1024)]


class _Pair(BaseModel):
    model_config = ConfigDict(strict=True)

    access_token: Token
    expires_in: Seconds
    refresh_token: Token
    refresh_token_expires_in: Seconds
    scope: Annotated[str, Field(max_length=10_000)]


class _User(BaseModel):
    model_config = ConfigDict(strict=True)

    id: Annotated[int, Field(gt=0)]
    email: Text | None = None
    email_verified: bool = False
    first_name: Text | None = None
    last_name: Text | None = None
    account_owner: bool = False
    collaborator: bool = False
    locale: Text | None = None


class _Online(BaseModel):
    model_config = ConfigDict(strict=True)

    associated_user: _User
    associated_user_scope: Annotated[str, Field(max_length=10_000)] = ""


_Shape = TypeVar("_Shape", bound=BaseModel)


def exchange(
    app: ShopifyApp, domain: str, session_token: str, *, is_rehearsal: bool, session: requests.Session | None = None
) -> Tokens:
    """The shop's offline token for a session token (JWT) of one of its staff.

    Raises SessionTokenRefused, TryAgain, Never.
    """
    body = _of_session_token(session_token, OFFLINE) | {"expiring": 1}
    return _pair(_call(app, domain, body, SessionTokenRefused, is_rehearsal, session))


def who_opened(
    app: ShopifyApp, domain: str, session_token: str, *, is_rehearsal: bool, session: requests.Session | None = None
) -> AssociatedUser:
    """Whom a session token stands for: Shopify tells it with an online token, which is not kept.

    Raises SessionTokenRefused, TryAgain, Never.
    """
    body = _of_session_token(session_token, ONLINE)
    _, said = _call(app, domain, body, SessionTokenRefused, is_rehearsal, session)
    answer = _read(_Online, said)
    user = answer.associated_user
    return AssociatedUser(
        id=str(user.id),
        email=user.email or None,
        email_verified=user.email_verified,
        first_name=user.first_name,
        last_name=user.last_name,
        account_owner=user.account_owner,
        collaborator=user.collaborator,
        locale=user.locale,
        scopes=_scopes(answer.associated_user_scope),
    )


def exchange_code(
    app: ShopifyApp, domain: str, code: str, *, is_rehearsal: bool, session: requests.Session | None = None
) -> Tokens:
    """The offline token for the code that the authorization grant brought. Raises CodeRefused, TryAgain, Never."""
    return _pair(_call(app, domain, {"code": code, "expiring": "1"}, CodeRefused, is_rehearsal, session))


def refresh(
    app: ShopifyApp, domain: str, refresh_token: str, *, is_rehearsal: bool, session: requests.Session | None = None
) -> Tokens:
    """Another pair for the kept refresh token. Raises RefreshRefused, TryAgain, Never."""
    body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _pair(_call(app, domain, body, RefreshRefused, is_rehearsal, session))


def migrate(
    app: ShopifyApp, domain: str, old_token: str, *, is_rehearsal: bool, session: requests.Session | None = None
) -> Tokens:
    """A pair for an offline token of the kind that never ends, which Shopify no longer takes from 2027 on.

    Raises RefreshRefused, TryAgain, Never.
    """
    body = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": old_token,
        "subject_token_type": OFFLINE,
        "requested_token_type": OFFLINE,
        "expiring": "1",
    }
    return _pair(_call(app, domain, body, RefreshRefused, is_rehearsal, session))


def _of_session_token(session_token: str, wanted: str) -> dict[str, Any]:
    return {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": session_token,
        "subject_token_type": SESSION_TOKEN,
        "requested_token_type": wanted,
    }


def _call(
    app: ShopifyApp,
    domain: str,
    body: Mapping[str, Any],
    refused: type[Exception],
    is_rehearsal: bool,
    session: requests.Session | None,
) -> tuple[datetime, Any]:
    """When the call began, and what the answer says. `refused`: what it means that Shopify does not take what we brought."""
    if shopify_domain.read(domain) != domain:
        raise ValueError("tokens are asked of shops on Shopify alone")
    began = clock.wall()
    answer = outgoing.post(
        f"{admin_api.base_url(domain, app.test_url)}/admin/oauth/access_token",
        strict_json.dumps({"client_id": app.client_id, "client_secret": app.secrets[0], **body}),
        {"content-type": "application/json"},
        is_rehearsal=is_rehearsal,
        session=session,
    )
    if answer.status == 200:
        return began, _json(answer.body)
    if answer.status in (400, 401):
        error = _error(answer.body)
        if error == "invalid_client":
            # Also of a shop that has just dropped the app. Nothing of the shop is wrong if the keys are: wait for either.
            raise TryAgain(
                "Shopify does not know the app by SHOPIFY_API_KEY and SHOPIFY_API_SECRET in this shop.",
                LONG_PAUSE_SECONDS,
            )
        if refused is not SessionTokenRefused or error == "invalid_subject_token":
            raise refused()
        raise Never("Shopify gives no token for this shop.")
    if answer.status in (403, 404):
        raise TryAgain("Shopify does not know this shop, or has closed it.", LONG_PAUSE_SECONDS)
    wait = outgoing.retry_after(answer, clock.wall())
    raise TryAgain(f"Shopify answered {answer.status} when it was asked for a token.", wait)


def _pair(answer: tuple[datetime, Any]) -> Tokens:
    began, said = answer
    pair = _read(_Pair, said)
    return Tokens(
        access=pair.access_token,
        access_until=began + timedelta(seconds=pair.expires_in),
        refresh=pair.refresh_token,
        refresh_until=began + timedelta(seconds=pair.refresh_token_expires_in),
        scopes=_scopes(pair.scope),
    )


def _scopes(said: str) -> tuple[str, ...]:
    return tuple(sorted({each.strip() for each in said.split(",") if each.strip()}))


def _json(body: bytes) -> Any:
    try:
        return strict_json.parse(body)
    except MalformedJson:
        raise TryAgain("Shopify's answer could not be read.") from None


def _read(shape: type[_Shape], said: Any) -> _Shape:
    try:
        return shape.model_validate(said)
    except ValidationError:  # it would quote the tokens
        raise TryAgain("Shopify's answer is not what was agreed.") from None


def _error(body: bytes) -> str | None:
    try:
        said = strict_json.parse(body)
    except MalformedJson:
        return None
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, str) else None
