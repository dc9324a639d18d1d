"""The merchant API's blueprint: what `operations.py` collected, with the paths' own types, the document and the docs."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response
from flask.sansio.app import App
from werkzeug.routing import BaseConverter, Rule

from backend.merchant_api import (
    adjustments,
    balances,
    brand_images,
    campaigns,
    deliveries,
    docs,
    events,
    export,
    members,
    openapi,
    orders,
    program,
    redemptions,
    referrals,
    rewards,
    segments,
    shop,
    tiers,
    transactions,
)
from backend.merchant_api.members import MemberRef
from backend.merchant_api.operations import OPERATIONS, Operation, run

PREFIX = "/api/v1"
NOUNS = (
    members,
    tiers,
    segments,
    balances,
    transactions,
    adjustments,
    events,
    rewards,
    brand_images,
    redemptions,
    referrals,
    campaigns,
    orders,
    deliveries,
    program,
    shop,
    export,
)
"""Importing them declared their operations."""
PUBLIC = frozenset({"openapi_document", "readable_docs"})
"""The only routes that answer without a key."""

_SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class MemberRefConverter(BaseConverter):
    """`17`, `external:<platform id>` or `email:<address>`; a platform id may hold slashes."""

    regex = r"(?:[0-9]{1,19}|(?:external|email):[^\x00]{1,320})"
    part_isolating = False

    def to_python(self, value: str) -> MemberRef:
        return MemberRef.parse(value)

    def to_url(self, value: Any) -> str:
        return str(super().to_url(str(value)))


class SegmentIdConverter(BaseConverter):
    """A segment's id, as the merchant chose it."""

    regex = "[a-z0-9_-]{1,64}"


class MerchantApi(Blueprint):
    """Refuses to be registered with a route that no operation declares: such a route would have no scope."""

    def register(self, app: App, options: dict[str, Any]) -> None:
        app.url_map.converters.update(
            member_ref=MemberRefConverter,
            segment_id=SegmentIdConverter,
        )
        super().register(app, options)
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith(f"{self.name}.") and not _has_policy(rule):
                raise RuntimeError(f"{rule.rule} of the merchant API has no scope: declare it with @operation")


def _has_policy(rule: Rule) -> bool:
    name = rule.endpoint.rpartition(".")[2]
    return name in PUBLIC or name in OPERATIONS


def _door(declared: Operation) -> Callable[..., Response]:
    def door(**path_arguments: Any) -> Response:
        return run(declared, path_arguments)

    return door


blueprint = MerchantApi("merchant_api", __name__, url_prefix=PREFIX)

for _operation in OPERATIONS.values():
    blueprint.add_url_rule(
        _operation.path.replace("{ref}", "<member_ref:ref>")
        .replace("{id}", "<row_id:id>")
        .replace("{reward}", "<reward_id:reward>")
        .replace("{segment}", "<segment_id:segment>"),
        endpoint=_operation.name,
        view_func=_door(_operation),
        methods=[_operation.method],
        merge_slashes=False,
    )


@blueprint.get("/openapi.json")
def openapi_document() -> Response:
    """The OpenAPI 3.1 document."""
    answer = Response(openapi.document_bytes(), mimetype="application/json")
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return _cached(answer)


@blueprint.get("/docs")
def readable_docs() -> Response:
    """The document as a page."""
    answer = Response(docs.page(), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = docs.content_security_policy()
    return _cached(answer)


@blueprint.after_request
def protect(answer: Response) -> Response:
    """What holds personal data stays out of every cache."""
    answer.headers.update(_SECURITY_HEADERS)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _cached(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer
