"""The widget API (contract section 5): what visitors and members read, and how a session begins."""

import gzip
from datetime import datetime

from flask import Response, current_app, g, request, stream_with_context
from pydantic import BaseModel, ConfigDict

from backend import clock, db, strict_json
from backend.errors import MemberBlocked, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import occasions
from backend.loyalty.members import members
from backend.loyalty.program import programs
from backend.loyalty.referrals import referral_visits, referrals
from backend.loyalty.shops import shops, sightings
from backend.loyalty.shops.shops import ShopFacts
from backend.platforms.events import time_text
from backend.visitor_address import visitor_address
from backend.widget_api import (
    answers,
    assets,
    cors,
    history,
    history_table,
    identity,
    pictures,
    program_document,
    quotes,
    reading,
    referral,
)
from backend.widget_api.door import (
    KEY,
    Finished,
    blueprint,
    configured,
    json_body,
    member_session,
    own,
    shop_of,
    wanted_language,
)
from backend.widget_api.tokens import Session

# Public --------------------------------------------------------------------------------------------------------------


@blueprint.get("/<widget_key>/program")
def program(widget_key: str) -> Response:
    """What every visitor may know of the program, in one language."""
    shop = shop_of(widget_key)
    environ = request.environ
    document = program_document.of(shop, request.args.get("locale") if environ.get("QUERY_STRING") else None)
    known = environ.get("HTTP_IF_NONE_MATCH")
    for etag in (document.etag, document.compressed_etag) if known is not None else ():
        if known == etag or request.if_none_match.contains_weak(etag[1:-1]):
            answer = Finished(status=304, headers=answers.unchanged(etag))
            del answer.headers["Content-Type"]
            return answer
    headers, body = document.answer(is_compressed=_takes_gzip())
    return Finished(body, headers=headers)


@blueprint.get("/<widget_key>/points")
def points(widget_key: str) -> Response:
    """What the cart in the address would earn if it were bought now."""
    shop = shop_of(widget_key)
    asked = quotes.read(request.args)
    body = quotes.body(program_document.of(shop, request.args.get("locale")), asked, clock.now())
    etag = answers.etag_of(body)
    if request.if_none_match.contains_weak(etag[1:-1]):
        answer = Finished(status=304, headers=answers.unchanged(etag))
        del answer.headers["Content-Type"]
        return answer
    return Finished(body, headers=answers.public(shop, body, etag))


@blueprint.get("/loader.js")
def loader() -> Response:
    """The launcher's script for the shop of `?shop=`."""
    try:
        key = request.args.get("shop", "")
        if KEY.fullmatch(key) is None:
            raise NotFound()
        shop = shops.facts_by_widget_key(key)
    except NotFound:
        return assets.no_loader(request)
    sightings.note(shop, request.referrer, clock.now())
    return assets.loader(request, shop, configured().base_url)


@blueprint.get("/assets/<version>/<path:path>")
def module(version: str, path: str) -> Response:
    """One file of the widget."""
    return assets.module(request, version, path)


@blueprint.get("/images/<widget_key>/<image_id>")
def picture(widget_key: str, image_id: str) -> Response:
    """A picture that the shop's merchant uploaded."""
    answer = pictures.picture(request, shop_of(widget_key), image_id)
    g.widget_shop = None  # what is no JSON is not signed
    return answer


def _takes_gzip() -> bool:
    """Browsers do. What a client asks for compressed it unpacks before it reads: the signature is that of the plain body."""
    return "gzip" in request.environ.get("HTTP_ACCEPT_ENCODING", "") and request.accept_encodings["gzip"] > 0


# The member's own ----------------------------------------------------------------------------------------------------


class SessionRequest(BaseModel):
    """Body of `POST …/session`."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    identity: str
    ref: str | None = None
    """The code of the friend's link that brought the shopper. Pages carry a `ref` of others too: one that nobody has,
    or that cannot be a code at all, changes nothing."""


@blueprint.post("/<widget_key>/session")
@db.retrying
def begin_session(widget_key: str) -> Response:
    """Begin a session for the shopper that the store vouches for; a member is made on first sight.

    The dashboard comes along, so that opening the widget is one request.
    """
    shop = shop_of(widget_key)
    cors.refuse_foreign_write(request.headers.get("Origin"), shop)
    wanted = json_body(SessionRequest)
    visitor = identity.verify(wanted.identity, shop.identity_secret)
    settings = configured()
    settings.limits.hit("writes", (shop.id, "customer", visitor.external_id))
    now = clock.now()
    with db.transaction() as session:
        try:
            member = members.see_in_widget(session, shop.id, visitor, now)
        except MemberBlocked:
            raise MemberBlocked(program_document.of(shop, wanted_language()).words["blocked"]) from None
        begun = Session(shop.id, member.id, member.token_version)
        _note_connection(session, shop, member.id, now)
    if shop.platform == shops.SHOPIFY:
        _signed_in(shop, begun.member_id, now)
    if wanted.ref is not None:
        _came_by(shop, begun.member_id, wanted.ref, now)
    token, ends_at = settings.tokens.issue(begun)
    dashboard = reading.me(shop, begun, wanted_language(), now)
    begun_as = {"session": token, "expires_at": time_text(ends_at), "member": dashboard["member"], "me": dashboard}
    answer = own(shop, strict_json.dumps(begun_as))
    if _takes_gzip():
        answer.set_data(gzip.compress(answer.get_data(), compresslevel=6, mtime=0))
        answer.headers.add(*answers.GZIP)
    return answer


def _note_connection(session: AnySession, shop: ShopFacts, member_id: int, now: datetime) -> None:
    """Where the member comes from, by a salted hash: only where friends are brought, and only to be looked at."""
    _, program_of_today = programs.current(shop.id)
    if not program_of_today.referral.enabled:
        return
    key = current_app.config["LAGNIAPPE"].secret_keys[0]
    connection = referral_visits.connection_hash(key, shop.id, visitor_address(request.environ))
    if connection is not None:
        referrals.connected(session, shop.id, member_id, connection, now)


def _signed_in(shop: ShopFacts, member_id: int, now: datetime) -> None:
    """Shopify alone has customers without accounts, and may tell of one as if it were none (decision 32). As below, the
    session stands whatever comes of it."""
    _, program_of_today = programs.current(shop.id)
    if not any(rule.kind == "signup" for rule in program_of_today.rules):
        return
    try:
        with db.transaction() as session:
            occasions.signed_in(session, shop, member_id, now)
    except Exception as error:
        if db.sqlstate(error) in db.RETRIED_SQLSTATES:
            raise
        current_app.logger.exception("the account of member %s of shop %s was not noted", member_id, shop.id)


def _came_by(shop: ShopFacts, member_id: int, code: str, now: datetime) -> None:
    """The friend's link, in a transaction of its own: it locks two accounts in their order, and the session began already.
    Whatever is wrong with it, the session stands."""
    try:
        with db.transaction() as session:
            referrals.claim(session, shop, member_id, code, now)
    except Exception as error:
        if db.sqlstate(error) in db.RETRIED_SQLSTATES:
            raise  # the whole door runs again
        current_app.logger.exception("the link of member %s of shop %s was not noted", member_id, shop.id)


@blueprint.get("/me")
def me() -> Response:
    """The member's balance and ways to earn."""
    shop, session = member_session("reads")
    return own(shop, strict_json.dumps(reading.me(shop, session, wanted_language(), clock.now())))


@blueprint.get("/me/activity")
def activity() -> Response:
    """What moved, newest first; `?kind=` leaves out all but one of `history.KINDS`."""
    shop, session = member_session("reads")
    after, limit, kind = (request.args.get(name) for name in ("after", "limit", "kind"))
    return own(shop, history.activity(shop, session, wanted_language(), after, limit, kind))


@blueprint.get("/me/activity.csv")
def activity_table() -> Response:
    """All that ever moved, as a table. It is made while it is sent, so it has no signature."""
    shop, session = member_session("reads")
    pieces = history_table.table(shop, session, wanted_language())
    return Finished(stream_with_context(pieces), headers=answers.own_table(shop, request.environ.get("HTTP_ORIGIN")))


@blueprint.get("/me/referral")
def my_referral() -> Response:
    """The member's link, and how far each friend is who came by it."""
    shop, session = member_session("reads")
    args = request.args
    found = referral.mine(shop, session, wanted_language(), args.get("after"), args.get("limit"))
    return own(shop, strict_json.dumps(found))


@blueprint.post("/me/seen")
def seen() -> Response:
    """The member has looked at the activity: nothing in it is new any more."""
    shop, session = member_session("writes")
    reading.mark_seen(session)
    return own(shop, strict_json.dumps({"unread": 0}))
