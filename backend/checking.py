"""What comes from outside against the shape that it should have, with mistakes in words that a person understands."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from backend.errors import BadInput

_SHOWN_ERRORS = 20


def checked(shape: TypeAdapter[Any], value: object, refusal: type[BadInput]) -> Any:
    """The value as the shape reads it. Raises `refusal`: one sentence for the first mistake, `errors` with all."""
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    errors = [
        {"field": _field(problem["loc"]), "message": _message(problem["type"], problem["msg"])}
        for problem in problems[:_SHOWN_ERRORS]
    ]
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    first = " ".join(filter(None, errors[0].values())) if errors[0]["field"] else f"The body {errors[0]['message']}"
    raise refusal(f"{first}{more}.", errors) from None


def _field(location: tuple[int | str, ...]) -> str:
    """`lines.0.points`, without the tag that pydantic puts before the fields of an alternative."""
    return ".".join(str(part)[:64] for part in location if not (isinstance(part, str) and part.startswith("=")))


def _message(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "is not known here"
        case "missing":
            return "is missing"
        case "model_type" | "model_attributes_type":
            return "should be a JSON object"
        case "string_pattern_mismatch":
            return "holds characters that are not allowed, or nothing but spaces"
        case "value_error":
            return message.removeprefix("Value error, ")
    return message.removeprefix("Input ").removeprefix("String ")
