"""Passwords: argon2id with the library's own parameters, hashed anew when those grow."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.errors import BadInput

SHORTEST = 12
LONGEST = 200
_hasher = PasswordHasher()
_NOBODYS = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """The hash to keep. Raises BadInput if the password is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        message = f"should have {SHORTEST} to {LONGEST} characters"
        raise BadInput(f"The password {message}.", [{"field": "password", "message": message}])
    return _hasher.hash(password)


def chosen(password: str, repeated: str) -> str:
    """The hash of a password that was typed twice. Raises BadInput."""
    require_same(password, repeated)
    return hashed(password)


def require_same(password: str, repeated: str) -> None:
    """Raises BadInput unless it was typed twice alike."""
    if password != repeated:
        message = "The two passwords are not the same."
        raise BadInput(message, [{"field": "repeated", "message": message}])


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one. Takes as long for somebody who has none."""
    try:
        _hasher.verify(password_hash or _NOBODYS, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)
