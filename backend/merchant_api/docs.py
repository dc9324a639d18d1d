"""The OpenAPI document as a page that people read: made here, without scripts and without anything from elsewhere."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from backend.merchant_api.openapi import document

_DEEPEST = 4
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object", "null": "null"}

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One row of a table of fields."""

    name: str
    type: str
    required: bool
    description: Markup
    limits: str
    fields: list["Field"]


@dataclass(frozen=True)
class Alternative:
    """One shape that a body can have."""

    title: str
    fields: list[Field]


@cache
def page() -> str:
    """The whole page."""
    described = document()
    operations = _operations(described)
    sections = [
        (tag, [_operation(*each) for each in operations if tag["name"] in each[2]["tags"]]) for tag in described["tags"]
    ]
    return (
        _templates()
        .get_template("docs.html")
        .render(info=described["info"], prefix=described["servers"][0]["url"], sections=sections, style=_style())
    )


@cache
def content_security_policy() -> str:
    """Lets nothing run and nothing load; the one style sheet is named by its hash."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def prose(text: str) -> Markup:
    """Paragraphs, `code` and **bold**; everything else is text."""
    html = str(escape(text))
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    html = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", html)
    return Markup("".join(f"<p>{part}</p>" for part in html.split("\n\n")))  # noqa: S704 - escaped above


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("backend.merchant_api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    return environment


@cache
def _style() -> str:
    return files("backend.merchant_api").joinpath("templates", "docs.css").read_text()


def _operations(described: Schema) -> list[tuple[str, str, Schema]]:
    return [(path, method, each) for path, methods in described["paths"].items() for method, each in methods.items()]


def _operation(path: str, method: str, described: Schema) -> dict[str, Any]:
    body = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = described["responses"]
    status = next(status for status in answers if status < "300")
    (answer,) = (each["schema"] for each in answers[status]["content"].values())
    description, _, _ = described["description"].rpartition("\n\n")  # the scope has a place of its own
    return {
        "id": described["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": described["summary"],
        "description": description,
        "scope": described["security"][0]["api_key"][0],
        "parameters": [_parameter(each) for each in described["parameters"]],
        "bodies": [] if body is None else _alternatives(body),
        "status": status,
        "answer": _fields(_resolved(answer), depth=0),
        "errors": [(each, said["description"]) for each, said in answers.items() if each >= "400"],
        "request": _curl(path, method, described, body),
        "example": _pretty(_example(answer)),
    }


def _parameter(described: Schema) -> Field:
    place = {"path": "in the path", "query": "in the query", "header": "a header"}[described["in"]]
    limits = " · ".join(filter(None, (place, _limits(described["schema"]))))
    return Field(
        name=described["name"],
        type=_type(described["schema"]),
        required=described["required"],
        description=prose(described["description"]),
        limits=limits,
        fields=[],
    )


def _alternatives(body: Schema) -> list[Alternative]:
    shapes = body.get("oneOf", [body])
    return [
        Alternative(
            title=_resolved(shape).get("description", "").rstrip(".") if len(shapes) > 1 else "",
            fields=_fields(_resolved(shape), depth=0),
        )
        for shape in shapes
    ]


def _fields(schema: Schema, depth: int) -> list[Field]:
    required = schema.get("required", ())
    return [
        Field(
            name=name,
            type=_type(each),
            required=name in required,
            description=prose(each.get("description", _resolved(each).get("description", ""))),
            limits=_limits(each),
            fields=_inner_fields(each, depth + 1),
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _inner_fields(schema: Schema, depth: int) -> list[Field]:
    """The fields of an object, of a list's items or of the first alternatives that have any."""
    if depth > _DEEPEST:
        return []
    schema = _resolved(schema)
    if "items" in schema:
        return _inner_fields(schema["items"], depth)
    for several in ("anyOf", "oneOf"):
        if several in schema and "properties" not in schema:
            merged: dict[str, Field] = {}
            for each in schema[several]:
                merged |= {field.name: field for field in _inner_fields(each, depth) if field.name not in merged}
            return list(merged.values())
    return _fields(schema, depth)


def _resolved(schema: Schema) -> Schema:
    if "$ref" in schema:
        found: Schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _type(schema: Schema) -> str:
    schema = _resolved(schema)
    if "const" in schema:
        return str(orjson.dumps(schema["const"]).decode())
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema and "type" not in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[several]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("format") in ("date-time", "date"):
        return "time" if schema["format"] == "date-time" else "date"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_type(schema['additionalProperties'])}"
    return _WORDS[schema.get("type", "object")]


def _limits(schema: Schema) -> str:
    schema = next((each for each in schema.get("anyOf", ()) if each != {"type": "null"}), schema)
    said = []
    if "minimum" in schema and "maximum" in schema:
        said.append(f"{schema['minimum']:,} to {schema['maximum']:,}")
    if "maxLength" in schema:
        said.append(f"at most {schema['maxLength']:,} characters")
    if "default" in schema and not isinstance(schema["default"], dict | list) and schema["default"] is not None:
        said.append(f"default {orjson.dumps(schema['default']).decode()}")
    return " · ".join(said)


def _curl(path: str, method: str, described: Schema, body: Schema | None) -> str:
    for each in described["parameters"]:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", each["schema"]["examples"][0])
    lines = [f"curl {'' if method == 'get' else f'-X {method.upper()} '}$LAGNIAPPE/api/v1{path}"]
    lines.append('-H "Authorization: Bearer $API_KEY"')
    if method == "post":
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if body is not None:
        lines.append(f"-d '{_one_line(_example(body, required_only=True))}'")
    return " \\\n  ".join(lines)


def _example(schema: Schema, *, required_only: bool = False) -> Any:
    """A value that the schema allows, such as a reader would expect."""
    schema = _resolved(schema)
    if "examples" in schema:
        return _in_order(schema["examples"][0], schema)
    for several in ("oneOf", "anyOf"):
        if several in schema and "properties" not in schema:
            return _example(schema[several][0], required_only=required_only)
    if "default" in schema:
        return schema["default"]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", ()) if required_only else schema.get("properties", {})
            return {name: _example(schema["properties"][name], required_only=required_only) for name in wanted}
        case "array":
            return [_example(schema["items"], required_only=required_only)]
        case "integer":
            return max(schema.get("minimum", 0), 0) if schema.get("maximum") != 0 else 0
        case "boolean":
            return True
        case "null":
            return None
    return "…"


def _in_order(value: Any, schema: Schema) -> Any:
    """The example with its fields in the order of the schema: pydantic sorts them by name."""
    schema = _resolved(schema)
    if isinstance(value, list) and "items" in schema:
        return [_in_order(each, schema["items"]) for each in value]
    if isinstance(value, dict) and "properties" in schema:
        inner = schema["properties"]
        return {name: _in_order(value[name], inner[name]) for name in inner if name in value}
    return value


def _one_line(value: Any) -> str:
    """Compact while it is short; else as many lines as it needs."""
    short = orjson.dumps(value).decode()
    return short if len(short) <= 80 else _pretty(value)


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
