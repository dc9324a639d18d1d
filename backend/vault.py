"""Secrets at rest: Fernet with key rotation, each ciphertext bound to its shop and its purpose.

A bare Fernet token is not bound to its row: shop A's ciphertext would decrypt in shop B's row
(reliability, section 3). So the plaintext carries both and opening checks them.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask, current_app

from backend.errors import ConfigError


def init_app(app: Flask, keys: Sequence[bytes]) -> None:
    """Give the app its vault."""
    app.extensions["vault"] = Vault(keys)


def vault() -> "Vault":
    """The vault of the running app."""
    found: Vault = current_app.extensions["vault"]
    return found


class Vault:
    """Seals and opens secrets with ENCRYPTION_KEY: the first key seals, every key opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: str, *, shop_id: int, purpose: str) -> str:
        return self._fernet.encrypt(f"{shop_id}|{purpose}|{secret}".encode()).decode()

    def open(self, sealed: str, *, shop_id: int, purpose: str) -> str:
        """The secret. Raises ConfigError if no key opens it or it belongs to another shop or purpose."""
        try:
            plain = self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigError("ENCRYPTION_KEY does not open the stored secrets.") from None
        owner, found_purpose, secret = plain.split("|", 2)
        if owner != str(shop_id) or found_purpose != purpose:
            raise ConfigError("A stored secret stands in a row that it was not sealed for.")
        return secret
