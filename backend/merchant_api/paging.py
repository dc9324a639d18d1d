"""Paging by cursor: newest first, by id.

A cursor is a position, the id of the last row of a page, so rows that arrive meanwhile neither shift the next page nor
are seen on it: what was there when the first page was read is seen exactly once (reliability F-85). It is opaque and
holds nothing secret.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from backend.merchant_api.shapes import LARGEST_ID, Query, Shown

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
BEFORE_ALL = LARGEST_ID
"""The position of the first page: no row has this id."""

_PLACE = "[A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]"  # exactly the base64url texts of 63 bits
_CURSOR = f"^{_PLACE}$"
_AFTER = f"^({_PLACE})?$"
_DIGITS = re.compile(r"[0-9]{1,6}")


def _read_limit(value: object) -> object:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


def _read_cursor(value: str) -> str:
    if not re.fullmatch(_AFTER, value):
        raise ValueError("is not the `next` of a page")
    return value


Cursor = Annotated[str, WithJsonSchema({"type": "string", "pattern": _CURSOR, "examples": ["AAAAAAAABNI"]})]
After = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": _AFTER, "examples": ["AAAAAAAABNI"]}),
    AfterValidator(_read_cursor),
]
Limit = Annotated[Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=True)], BeforeValidator(_read_limit)]


class PageQuery(Query):
    """The parameters of every list."""

    limit: Annotated[Limit, Field(description="how many items at most")] = DEFAULT_LIMIT
    after: Annotated[
        After | None, Field(description="the `next` of the page before; absent or empty: the first page")
    ] = None

    @property
    def position(self) -> int:
        """Rows with a smaller id are on this page and later."""
        return BEFORE_ALL if not self.after else int.from_bytes(urlsafe_b64decode(self.after + "="))


Item = TypeVar("Item", bound=Shown)


class Page(Shown, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: Annotated[Cursor | None, Field(description="the `after` of the next page; null on the last")]


class _HasId(Protocol):
    @property
    def id(self) -> Any: ...


Row = TypeVar("Row", bound=_HasId)


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """The page and its `next`, of up to `limit` + 1 rows: the one too many says that there are more."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor(rows[limit - 1].id)


def cursor(position: int) -> str:
    return urlsafe_b64encode(position.to_bytes(8)).decode().rstrip("=")
