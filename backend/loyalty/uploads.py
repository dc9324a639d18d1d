"""A file that comes inside JSON: its bytes in base64."""

from base64 import b64decode
from typing import Annotated

from pydantic import BeforeValidator

MAX_CHARACTERS = 1_000_000
"""In base64, so 750,000 bytes: the body around it has a limit of 1 MiB."""


def _bytes(value: object) -> bytes:
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        raise ValueError(f"should have at most {MAX_CHARACTERS:,} characters")
    try:
        return b64decode(value if isinstance(value, str) else "!", validate=True)
    except ValueError:  # also what is not ASCII
        raise ValueError("should be the file's bytes in base64") from None


Content = Annotated[bytes, BeforeValidator(_bytes)]
