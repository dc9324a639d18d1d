"""The OpenAPI 3.1 document, made from the declared operations and the models that check and write their JSON."""

import re
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

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
from backend.merchant_api import idempotency, settings_schema, webhooks_schema
from backend.merchant_api.operations import OPERATIONS, BadParameter, Download, Operation

_REF = "#/components/schemas/{model}"
_SECURITY = "api_key"
_CONTAINERS = ("default", "examples", "enum", "const")

_SOURCE = re.compile(r" \((?:S\d|docs/)[^)]*\)")

INTRODUCTION = """
Everything here belongs to the shop of the API key. Send the key with each request, as
`Authorization: Bearer lgn_…`. What a key may do is said by its scopes: `read` looks, `write` changes the program,
`points:assign` gives and takes points.

**Ids** are text, also where they look like numbers. **Times** are UTC, such as `2026-11-23T06:50:00Z`. **Points** are
whole numbers.

**Lists** come newest first, in pages: `{"items": […], "next": …}`. Ask for the next page with `after` set to `next`,
until that is `null`. Rows that arrive meanwhile never shift a page.

**Sending again is safe** with an `Idempotency-Key`: the same request with the same key has one effect, and every copy
gets the same answer, marked `Idempotency-Replayed: true`. The same key with another body is refused
(`idempotency_key_reused`).

**Errors** are `application/problem+json` (RFC 9457). Branch on `code`; `detail` is one sentence for a person; `errors`
names the fields that are wrong. What does not fit this document is a 400 or 422; what fits it but cannot be done now is
a 409. Another shop's id answers like one that does not exist.
"""

TAGS = {
    "Members": "Customers who take part: who they are, what they have, how it came about.",
    "Rewards": "What members can have for their points, and the codes that it comes with.",
    "Redemptions": "Which member had which reward, whether it was used, and how far its delivery is.",
    "Referrals": "Who brought whom, what came of it, and what waits for the merchant to decide.",
    "Segments": "Members who meet the same conditions; rewards can be for them alone.",
    "Campaigns": "Gifts for points between two moments, one campaign at a time.",
    "Orders": "What the store told of each order, and the sum behind its points.",
    "Deliveries": "The webhooks that the store sent, and what became of each.",
    "Program": "The rules by which points are earned and end. Every change is a new version.",
    "Shop": "The shop of the API key.",
}

_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "ref": {
        "description": "the member's id, or `external:` and the platform's id, or `email:` and an address",
        "schema": {
            "type": "string",
            "pattern": r"^([0-9]{1,19}|(external|email):[^\x00]{1,320})$",
            "examples": ["17", "external:4711", "email:ada@shop.example"],
        },
    },
    "id": {
        "description": "the row's id",
        "schema": {"type": "string", "pattern": "^[0-9]{1,19}$", "examples": ["17"]},
    },
    "reward": {
        "description": "the reward's `id`",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{24}$", "examples": ["000000000000000000000011"]},
    },
    "segment": {
        "description": "the segment's `id`",
        "schema": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$", "examples": ["big-spenders"]},
    },
}
_MEANINGS: dict[type[LagniappeError], str] = {
    BadParameter: "a parameter is not valid",
    MalformedJson: "the body is not strict JSON, or a parameter is not valid",
    Unauthorized: "no valid API key",
    Forbidden: "the key lacks the scope",
    NotFound: "there is no such thing in this shop",
    TooLarge: "the body is over 1 MiB",
    BadInput: "the request is not valid; `errors` names the fields",
    IdempotencyKeyReused: "the Idempotency-Key was sent before with another body",
    Unavailable: "the database is away: send it again after `Retry-After` seconds",
}


class FieldError(BaseModel):
    """One mistake."""

    field: Annotated[str, Field(description="where, such as `rules.0.points`; empty for the whole body")]
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). Some codes add fields of their own, such as `missing_points`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(description="one sentence for a person")]
    code: Annotated[str, Field(description="stable; for programs")]
    errors: list[FieldError] = []


@cache
def document_bytes() -> bytes:
    """The document as JSON."""
    return orjson.dumps(document())


@cache
def document() -> dict[str, Any]:
    """The document. Do not change what this returns: it is shared."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS.values():
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lagniappe merchant API",
            "version": version("lagniappe"),
            "description": INTRODUCTION.strip(),
        },
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": name, "description": said} for name, said in TAGS.items()],
        "paths": paths,
        "webhooks": {
            type_: webhooks_schema.described(type_, schemas.message(type_)) for type_ in webhooks_schema.MESSAGES
        },
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                _SECURITY: {"type": "http", "scheme": "bearer", "description": "an API key: `lgn_…`"},
            },
        },
    }


class _Schemas:
    """The schemas of all operations, named once in the document's components."""

    def __init__(self) -> None:
        inputs: list[tuple[Any, Any, TypeAdapter[Any]]] = [("problem", "serialization", TypeAdapter(Problem))]
        for each in OPERATIONS.values():
            if each.answer is not Download:
                inputs.append(((each.name, "answer"), "serialization", TypeAdapter(each.answer)))
            if each.documented_body is not None:
                inputs.append(((each.name, "body"), "validation", TypeAdapter(each.documented_body)))
            if each.query is not None:
                inputs.append(((each.name, "query"), "validation", TypeAdapter(each.query)))
        for type_, message in webhooks_schema.MESSAGES.items():
            inputs.append(((type_, "message"), "serialization", TypeAdapter(message)))
        found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self._found = {key: schema for (key, _), schema in found.items()}
        self._queries = {
            name: definitions["$defs"].pop(name)
            for name in {each.query.__name__ for each in OPERATIONS.values() if each.query is not None}
        }
        self.components: dict[str, Any] = {}
        for name, schema in sorted(definitions["$defs"].items()):
            if not name.endswith("-Output"):
                settings_schema.complete(name.removesuffix("-Input"), schema)
            self.components[name] = _for_readers(schema)

    def body(self, declared: Operation) -> Any:
        return self._found[declared.name, "body"]

    def answer(self, declared: Operation) -> Any:
        return self._found[declared.name, "answer"]

    def message(self, type_: str) -> Any:
        return self._found[type_, "message"]

    def problem(self) -> Any:
        return self._found["problem"]

    def query(self, declared: Operation) -> list[dict[str, Any]]:
        if declared.query is None:
            return []
        properties = self._queries[declared.query.__name__]["properties"]
        return [_query_parameter(name, dict(schema)) for name, schema in properties.items()]


def _operation(declared: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": declared.name,
        "tags": [declared.tag],
        "summary": declared.summary,
        "description": f"{declared.description}\n\nNeeds the scope `{declared.scope}`.",
        "security": [{_SECURITY: [declared.scope]}],
        "parameters": [*_path_parameters(declared), *schemas.query(declared), *_headers(declared)],
        "responses": _responses(declared, schemas),
    }
    if declared.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.body(declared)}},
        }
    return described


def _path_parameters(declared: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, **said}
        for name, said in _PATH_PARAMETERS.items()
        if f"{{{name}}}" in declared.path
    ]


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is null for the code; nobody can send null in an address."""
    description = schema.pop("description", "")
    if "anyOf" in schema:
        (schema,) = (each for each in schema["anyOf"] if each != {"type": "null"})
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": _for_readers(schema),
    }


def _headers(declared: Operation) -> list[dict[str, Any]]:
    if not declared.has_key:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "makes sending again safe: printable ASCII without spaces, best a UUID",
            "schema": TypeAdapter(idempotency.Key).json_schema(),
        }
    ]


def _responses(declared: Operation, schemas: _Schemas) -> dict[str, Any]:
    answered: dict[str, Any] = {
        str(declared.status): {
            "description": HTTPStatus(declared.status).phrase,
            "content": {"application/zip": {"schema": {"type": "string", "contentMediaType": "application/zip"}}}
            if declared.answer is Download
            else {"application/json": {"schema": schemas.answer(declared)}},
        }
    }
    if declared.has_key:
        answered[str(declared.status)]["headers"] = {
            "Idempotency-Replayed": {
                "description": "sent when this is the answer to an earlier request with the same key",
                "schema": {"type": "string", "const": "true"},
            }
        }
    for error in declared.errors():
        answered[str(error.status)] = {
            "description": _meaning(declared, error),
            "content": {"application/problem+json": {"schema": schemas.problem()}},
        }
    return dict(sorted(answered.items()))


def _meaning(declared: Operation, error: type[LagniappeError]) -> str:
    if issubclass(error, Conflict):
        return "; ".join(f"`{code}`: {meaning}" for code, meaning in declared.conflicts().items())
    return _MEANINGS[error]


def _readable(key: str, value: Any) -> Any:
    return _SOURCE.sub("", value) if key == "description" else value


def _for_readers(schema: Any) -> Any:
    """pydantic repeats each name as a title; a property that is called title is an object and stays. Descriptions lose
    what only readers of the code can look up."""
    if isinstance(schema, list):
        return [_for_readers(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _readable(key, value) if isinstance(value, str) or key in _CONTAINERS else _for_readers(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }
