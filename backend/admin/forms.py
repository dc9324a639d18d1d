"""HTML forms as shapes: what was typed becomes a model, or a refusal that names the fields.

An empty field is a field that was left out. A list is a field that may be given several times. A box that is not ticked
is not sent by browsers: `False`.
"""

import types
from datetime import MAXYEAR, MINYEAR, date
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from werkzeug.datastructures import MultiDict

from backend.checking import checked
from backend.errors import BadInput

Model = TypeVar("Model", bound=BaseModel)

_BEYOND_NUMBERS = 2**63


def read(shape: type[Model], form: "MultiDict[str, str]") -> Model:
    """What was posted, as the shape reads it. Raises BadInput: `errors` names each field that is wrong."""
    model: Model = checked(TypeAdapter(shape), _document(shape, form), BadInput)
    return model


def read_query(shape: type[Model], query: "MultiDict[str, str]") -> Model:
    """What an address asks for. A field that makes no sense is left out: an address may be old, or cut by a mail."""
    document = _document(shape, query)
    for _ in range(len(document) + 1):
        try:
            read = read_document(shape, document)
        except BadInput as error:
            wrong = {each["field"].split(".")[0] for each in error.errors}
        else:
            wrong = {
                described.alias or name for name, described in shape.model_fields.items() if _is_beyond(read, name)
            }
            if not wrong:
                return read
        document = {name: value for name, value in document.items() if name not in wrong}
    return shape()


def read_document(shape: type[Model], document: dict[str, Any]) -> Model:
    """A document that is no form. Raises BadInput."""
    model: Model = checked(TypeAdapter(shape), document, BadInput)
    return model


def _is_beyond(read: BaseModel, name: str) -> bool:
    """Whether the field holds what no row of the database can, or what no time zone has an instant for."""
    match getattr(read, name):
        case str(said):
            return "\x00" in said
        case int(number):
            return abs(number) >= _BEYOND_NUMBERS
        case date(year=year):
            return not MINYEAR < year < MAXYEAR
    return False


def _document(shape: type[BaseModel], form: "MultiDict[str, str]") -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, described in shape.model_fields.items():
        key = described.alias or name
        kind = _plain(described.annotation)
        if kind is bool:
            document[key] = form.get(key, "") not in ("", "0", "false")
        elif kind is list:
            document[key] = [value.strip() for value in form.getlist(key) if value.strip()]
        elif value := form.get(key, "").strip():
            document[key] = value
    return document


def _plain(annotation: Any) -> Any:
    """`list` of `list[str] | None`."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return next((_plain(each) for each in get_args(annotation) if each is not type(None)), None)
    return origin or annotation
