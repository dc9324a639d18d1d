"""Bodies as real stores send them, one file each, and a reader for them."""

from pathlib import Path
from typing import Any

from backend import strict_json

_HERE = Path(__file__).parent


def names(platform: str) -> list[str]:
    return sorted(path.stem for path in (_HERE / platform).glob("*.json"))


def raw(platform: str, name: str) -> bytes:
    return (_HERE / platform / f"{name}.json").read_bytes()


def document(platform: str, name: str) -> Any:
    return strict_json.parse(raw(platform, name))
