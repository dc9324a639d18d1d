"""RFC 9457: every JSON error answer is made here (contract section 2)."""

import orjson
from flask import Response

from backend.errors import LagniappeError


def problem(error: LagniappeError) -> Response:
    """The error as `application/problem+json`."""
    return Response(orjson.dumps(error.as_problem()), status=error.status, mimetype="application/problem+json")
