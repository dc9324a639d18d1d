"""Who calls: API keys of the form `lgn_<shop id>_<random>`, of which only the hash is kept."""

import re
from dataclasses import dataclass

from backend import db
from backend.errors import Forbidden, Unauthorized
from backend.loyalty.shops.shops import api_key_hash

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(lgn_([0-9]{1,18})_[A-Za-z0-9_-]{16,128})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """The key of a request. Its shop is the only shop that the request can see."""

    shop_id: int
    key_id: int
    label: str
    scopes: frozenset[str]

    @property
    def name(self) -> str:
        """How logs of points call it."""
        return f"API key “{self.label}”"

    def require(self, scope: str) -> None:
        """Raises Forbidden that names the missing scope (S3.26: who may view points may not assign them)."""
        if scope not in self.scopes:
            raise Forbidden(f"This API key lacks the scope {scope}.", required_scope=scope)


def authenticate(authorization: str | None) -> Caller:
    """The caller that the header names. Raises Unauthorized, with one answer for every reason.

    Asks the database each time, so that a revoked key ends at once.
    """
    found = _BEARER.fullmatch(authorization or "")
    row = None
    if found is not None:
        row = db.one_statement(
            "select shop_id, id, label, scopes from api_key"
            " where shop_id = %(shop)s and key_hash = %(hash)s and revoked_at is null",
            {"shop": int(found[2]), "hash": api_key_hash(found[1])},
        )
    if row is None:
        raise Unauthorized("Send a valid API key: Authorization: Bearer lgn_….")
    return Caller(row["shop_id"], row["id"], row["label"], frozenset(row["scopes"]))
