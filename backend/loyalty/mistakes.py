"""What is wrong with something a merchant wrote, field by field, in words for someone who wrote JSON. Pure."""

from pydantic import ValidationError

_MESSAGES = {
    "extra_forbidden": "there is no such field",
    "missing": "is missing",
    "model_type": "should be a JSON object",
    "model_attributes_type": "should be a JSON object",
    "dict_type": "should be a JSON object",
    "tuple_type": "should be a list",
    "int_type": "should be a whole number",
    "bool_type": "should be true or false",
    "string_type": "should be a text",
    "string_unicode": "holds half a character",
}


def errors_of(refused: ValidationError) -> list[dict[str, str]]:
    """Every mistake as `{"field", "message"}`, the field's place written with dots."""
    return [
        {
            "field": ".".join(str(part)[:64] for part in problem["loc"] if part != "[key]"),
            "message": message(problem["type"], problem["msg"]),
        }
        for problem in refused.errors(include_url=False, include_input=False, include_context=False)
    ]


def message(kind: str, said: str) -> str:
    """Pydantic's sentence, or ours where its speaks of Python."""
    known = _MESSAGES.get(kind, said)
    return known.removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ").removeprefix("Tuple ")


def sentence(what: str, errors: list[dict[str, str]]) -> str:
    """One sentence for the first mistake: "The reward is not valid: points: is missing (2 more)."."""
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{what} is not valid: {': '.join(filter(None, errors[0].values()))}{more}."
