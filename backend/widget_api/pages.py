"""Pages of a member's lists, newest first: a cursor is a place between rows, whose ids only grow for one member, so that
there is no gap and no repeat while rows arrive."""

import base64
import binascii

from backend.errors import BadInput

PAGE = 20
LONGEST_PAGE = 100
_BEFORE_ALL = 2**63 - 1


class BadPage(BadInput):
    """A cursor or page length that is none."""

    status = 400
    code = "bad_page"


def page_length(text: str | None) -> int:
    """How many items are wanted. Raises BadPage."""
    if text is None:
        return PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LONGEST_PAGE):
        message = f"should be a number from 1 to {LONGEST_PAGE}"
        raise BadPage(f"limit {message}.", [{"field": "limit", "message": message}])
    return int(text)


def cursor(row_id: str) -> str:
    """The `next` of a page that ends with this row."""
    return base64.urlsafe_b64encode(int(row_id).to_bytes(8)).rstrip(b"=").decode()


def place_of(after: str | None) -> int:
    """The row that the page stands before, from a cursor of ours and from nothing else; without one, that of the first
    page. Raises BadPage."""
    if not after:
        return _BEFORE_ALL
    try:
        place = int.from_bytes(base64.b64decode(after.encode("ascii") + b"=", altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError):
        place = -1
    if not 0 < place < _BEFORE_ALL or cursor(str(place)) != after:
        message = "is not a place in this list"
        raise BadPage(f"after {message}; use next of the page before.", [{"field": "after", "message": message}])
    return place
