"""The door of the merchant API: every operation is declared once, and is checked, run and documented from that.

    @operation("GET", "/members/{ref}/balance", scope="read", tag="Members", summary="What a member has")
    def member_balance(call: Call, ref: MemberRef) -> Balance: ...

The function's own annotations say what is read from the request: `query` (parameters), `body` (JSON), the names in the
path, and what it returns. An operation cannot be declared without a scope; `routes.py` refuses any other route.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar, get_type_hints

import orjson
from flask import Response, request, stream_with_context
from pydantic import TypeAdapter, ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from backend import clock, strict_json
from backend.checking import checked
from backend.db import db, retrying, transaction
from backend.errors import (
    BadInput,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    LagniappeError,
    MalformedJson,
    NotFound,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from backend.ledger.posting import AnySession
from backend.loyalty.shops.shops import Scope
from backend.merchant_api import idempotency
from backend.merchant_api.authentication import Caller, authenticate
from backend.merchant_api.idempotency import Reply
from backend.merchant_api.shapes import Query, Shown

Act = TypeVar("Act", bound="Callable[..., Shown | Download]")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

MAX_BODY_BYTES = 1024 * 1024


class BadParameter(BadInput):
    """A parameter or header is wrong."""

    status = 400
    code = "bad_parameter"
    title = "A parameter is not valid"


@dataclass(frozen=True, slots=True)
class DocumentedAs:
    """Beside the type of a `body` that a verb checks by itself: the shape that the document shows for it."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that is a file, sent while it is made."""

    blocks: Iterator[bytes]
    media_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation may know of its request, beside its own arguments."""

    caller: Caller
    session: AnySession
    now: datetime
    key: str | None
    """The Idempotency-Key, if the caller sent one."""

    @property
    def shop_id(self) -> int:
        return self.caller.shop_id


@dataclass(frozen=True)
class Operation:
    """One declared operation."""

    name: str
    method: Method
    path: str
    scope: Scope
    tag: str
    summary: str
    description: str
    status: int
    query: type[Query] | None
    body: TypeAdapter[Any] | None
    documented_body: Any
    answer: type[Shown] | type[Download]
    refusals: Mapping[str, str]
    """Codes of 409 of its own verb."""
    act: Callable[..., Shown | Download]

    @property
    def has_key(self) -> bool:
        return self.method == "POST"

    def conflicts(self) -> dict[str, str]:
        """Codes of 409 that it can answer, with what they mean."""
        named = {"ambiguous_address": "several members have this address and none has proved it"}
        return {**self.refusals, **(named if "{ref}" in self.path else {})}

    def errors(self) -> list[type[LagniappeError]]:
        """What it can be refused with, one for each status."""
        possible: list[type[LagniappeError]] = [Unauthorized, Forbidden, Unavailable]
        if self.body is not None:
            possible += [MalformedJson, TooLarge, BadInput]
        elif self.query is not None or self.has_key:
            possible.append(BadParameter)
        if "{" in self.path:
            possible.append(NotFound)
        if self.conflicts():
            possible.append(Conflict)
        if self.has_key and self.body is None:
            possible.append(IdempotencyKeyReused)
        return possible


OPERATIONS: dict[str, Operation] = {}
"""Every operation by its name, in the order of declaration."""

_KEY: TypeAdapter[str] = TypeAdapter(idempotency.Key)


def operation(
    method: Method,
    path: str,
    *,
    scope: Scope,
    tag: str,
    summary: str,
    status: int = 200,
    refusals: Mapping[str, str] | None = None,
) -> Callable[[Act], Act]:
    """Declare that `method path` runs the function, for keys that carry `scope`. Its docstring is its description."""

    def declare(act: Act) -> Act:
        name = act.__name__
        if name in OPERATIONS:
            raise ValueError(f"two operations are named {name}")
        hints = get_type_hints(act, include_extras=True)
        OPERATIONS[name] = Operation(
            name=name,
            method=method,
            path=path,
            scope=scope,
            tag=tag,
            summary=summary,
            description=" ".join((act.__doc__ or "").split()),
            status=status,
            query=hints.get("query"),
            body=TypeAdapter(hints["body"]) if "body" in hints else None,
            documented_body=_documented(hints.get("body")),
            answer=hints["return"],
            refusals=refusals or {},
            act=act,
        )
        return act

    return declare


def _documented(body: Any) -> Any:
    documented = [mark.shape for mark in getattr(body, "__metadata__", ()) if isinstance(mark, DocumentedAs)]
    return documented[0] if documented else body


def run(wanted: Operation, path_arguments: Mapping[str, Any]) -> Response:
    """Answer the current request: authenticate, parse, one transaction, one verb."""
    caller = authenticate(request.headers.get("Authorization"))
    caller.require(wanted.scope)
    arguments = dict(path_arguments)
    raw = b""
    if wanted.query is not None:
        arguments["query"] = _parameters(wanted.query)
    key = _key() if wanted.has_key else None
    if wanted.body is not None:
        raw = _raw_body()
        arguments["body"] = checked(wanted.body, _whole_numbers(strict_json.parse(raw)), BadInput)
    if wanted.answer is Download:
        return _download(wanted.act(Call(caller, db.session(), clock.now(), key), **arguments))
    if wanted.method == "GET":
        return _response(_reply(wanted, Call(caller, db.session(), clock.now(), key), arguments))
    return _response(_write(wanted, caller, key, raw, arguments))


@retrying
def _write(wanted: Operation, caller: Caller, key: str | None, raw: bytes, arguments: Mapping[str, Any]) -> Reply:
    with transaction() as session:
        call = Call(caller, session, clock.now(), key)
        if key is None:
            return _reply(wanted, call, arguments)
        return idempotency.once(
            session,
            caller.shop_id,
            scope=f"api_key:{caller.key_id} {wanted.method} {request.path}",
            key=key,
            request=raw,
            wall=clock.wall(),
            act=lambda: _reply(wanted, call, arguments),
        )


def _reply(wanted: Operation, call: Call, arguments: Mapping[str, Any]) -> Reply:
    answer = wanted.act(call, **arguments)
    assert not isinstance(answer, Download)
    return Reply(wanted.status, orjson.dumps(answer.model_dump(by_alias=True)))


def _response(reply: Reply) -> Response:
    answer = Response(
        reply.body,
        status=reply.status,
        mimetype="application/json" if reply.status < 400 else "application/problem+json",
    )
    if reply.is_repeated:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _download(made: Any) -> Response:
    answer = Response(stream_with_context(made.blocks), mimetype=made.media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{made.file_name}"'
    return answer


def _parameters(shape: type[Query]) -> Query:
    if twice := sorted(name for name, values in request.args.lists() if len(values) > 1):
        raise BadParameter(
            f"{twice[0][:64]} is given twice.", [{"field": name[:64], "message": "is given twice"} for name in twice]
        )
    known = {name: value for name, value in request.args.items() if name in shape.model_fields}
    parameters: Query = checked(TypeAdapter(shape), known, BadParameter)
    return parameters


def _key() -> str | None:
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    try:
        return _KEY.validate_python(given, strict=True)
    except ValidationError:
        message = "should be 1 to 255 printable ASCII characters without spaces"
        raise BadParameter(f"Idempotency-Key {message}.", [{"field": "Idempotency-Key", "message": message}]) from None


def _raw_body() -> bytes:
    request.max_content_length = MAX_BODY_BYTES + 1  # a body without a length is cut there without a word
    too_large = TooLarge(f"The body is over {MAX_BODY_BYTES} bytes.")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise too_large from None
    except ClientDisconnected:
        raise MalformedJson("The body ends before its Content-Length.") from None
    if len(raw) > MAX_BODY_BYTES:
        raise too_large
    return raw


def _whole_numbers(value: Any) -> Any:
    """The value with `50.0` as the number that it is, 50: JSON Schema knows no difference between them."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, dict):
        return {name: _whole_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(each) for each in value]
    return value
