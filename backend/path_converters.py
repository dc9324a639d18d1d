"""What addresses may hold, for every door: `<row_id:member_id>`, `<reward_id:reward>`."""

from flask import Flask
from werkzeug.routing import BaseConverter

from backend.errors import NotFound
from backend.loyalty.rewards.rewards import parse_public_id, public_id

LARGEST_ID = 2**63 - 1
NO_ROW = 0
"""An id that no row has: a path that names more than an id can be is not found, whatever the method."""


class RowIdConverter(BaseConverter):
    """A row's id."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        return int(value) if int(value) <= LARGEST_ID else NO_ROW


class RewardIdConverter(BaseConverter):
    """A reward's id as everybody sees it."""

    regex = "[0-9a-f]{24}"

    def to_python(self, value: str) -> int:
        try:
            return parse_public_id(value)
        except NotFound:
            return NO_ROW

    def to_url(self, value: int) -> str:
        return public_id(value)


def init_app(app: Flask) -> None:
    """Make them known before any route names them."""
    app.url_map.converters.update(row_id=RowIdConverter, reward_id=RewardIdConverter)
