"""Every error that a caller can meet. One family, mapped to HTTP once (`backend/app.py`).

The rules raise these; the doors never build an error answer by hand. `code` is stable: clients branch on it, the
widget translates it. `detail` is one sentence for a person and never holds anything internal.
"""

from collections.abc import Mapping
from typing import Any


class LagniappeError(Exception):
    """A refusal with a reason. Becomes `application/problem+json` (RFC 9457) at the door."""

    status = 500
    code = "internal_error"
    title = "Something went wrong on our side"

    def __init__(self, detail: str | None = None, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        if code is not None:
            self.code = code
        self.extra: Mapping[str, Any] = extra

    @property
    def errors(self) -> list[dict[str, str]]:
        """`{"field", "message"}` of each field that is wrong; empty if no field is."""
        return list(self.extra.get("errors", []))

    def as_problem(self) -> dict[str, Any]:
        """The body of the answer, as contract section 2 words it."""
        return {
            "type": f"urn:lagniappe:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }


class ConfigError(LagniappeError):
    """A missing or malformed setting: stops the start with one sentence that names it."""

    code = "bad_configuration"
    title = "A setting is missing or malformed"


class BadInput(LagniappeError):
    """The request is wrong. `errors` is a list of `{"field", "message"}`."""

    status = 422
    code = "bad_input"
    title = "The request is not valid"

    def __init__(self, detail: str | None = None, errors: list[dict[str, str]] | None = None, **extra: Any) -> None:
        super().__init__(detail, errors=errors or [], **extra)


class MalformedJson(BadInput):
    """Not JSON as we accept it: duplicate keys, NaN, too deep, not UTF-8, forbidden characters."""

    status = 400
    code = "malformed_json"
    title = "The body is not strict JSON"


class Unauthorized(LagniappeError):
    status = 401
    code = "unauthorized"
    title = "Who are you?"


class Forbidden(LagniappeError):
    status = 403
    code = "forbidden"
    title = "This is not allowed"


class NotFound(LagniappeError):
    """Missing, or another shop's: the two answer alike."""

    status = 404
    code = "not_found"
    title = "There is nothing here"


class Conflict(LagniappeError):
    status = 409
    code = "conflict"
    title = "This cannot be done now"


class Contradiction(Conflict):
    """Each part is fine and they do not go together. `errors` names the fields, as in BadInput."""

    code = "contradiction"
    title = "Parts of the request do not go together"

    def __init__(self, detail: str, errors: list[dict[str, str]]) -> None:
        super().__init__(detail, errors=errors)


class NotEnoughPoints(Conflict):
    """A deduction or redemption over the available balance."""

    code = "not_enough_points"
    title = "There are not enough points"

    def __init__(self, available: int, wanted: int) -> None:
        missing = wanted - available
        super().__init__(
            f"This needs {wanted} points and {available} are available: {missing} are missing.", missing_points=missing
        )
        self.available = available
        self.wanted = wanted


class MemberBlocked(Conflict):
    """The member is blocked by the merchant: there is nothing to earn or to redeem until that is lifted."""

    code = "member_blocked"

    def __init__(
        self, detail: str = "This member is blocked: nothing is earned or redeemed until that is lifted."
    ) -> None:
        super().__init__(detail)


class IdempotencyKeyReused(LagniappeError):
    """The same Idempotency-Key with another body."""

    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class TooLarge(LagniappeError):
    status = 413
    code = "too_large"
    title = "The body is too large"


class TooManyRequests(LagniappeError):
    """`retry_after_seconds` becomes the Retry-After header."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Try again in {retry_after_seconds} seconds.")
        self.retry_after_seconds = retry_after_seconds


class Unavailable(LagniappeError):
    """The database is away; the caller should send it again."""

    status = 503
    code = "unavailable"
    title = "We cannot answer at the moment"

    def __init__(self, detail: str | None = None, retry_after_seconds: int = 5) -> None:
        super().__init__(detail or "The service is away for a moment. Send the request again.")
        self.retry_after_seconds = retry_after_seconds
