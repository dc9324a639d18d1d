"""The admin's stylesheets, scripts and pictures, under addresses that change with what is in them."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Response, send_from_directory, url_for

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


def address(name: str) -> str:
    """Where a browser finds the file, with its version."""
    return url_for("admin.static_file", name=name, v=_version(name))


def answer(name: str, version: str | None) -> Response:
    """The file. An address with its version may be kept for ever."""
    found = send_from_directory(FOLDER, name)
    found.headers["Cache-Control"] = FOR_EVER if version and version == _version(name) else "no-cache"
    return found


@cache
def _version(name: str) -> str:
    return sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
