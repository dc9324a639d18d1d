"""The environment, read once. A missing or malformed variable stops the start with one sentence that names it."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from backend.errors import ConfigError

ENVIRONMENTS = ("production", "demo", "test")
_BASE_URL_FILE = "base_url"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class ShopifyApp:
    """The app that this installation is at Shopify. `secrets`: the current one first, then the one before it."""

    client_id: str
    secrets: tuple[str, ...] = field(repr=False)
    test_url: str | None = None
    """In demo and test: where a pretend Shopify answers for every shop, as `<test_url>/<shop's domain>/…`."""


@dataclass(frozen=True)
class Config:
    """What the processes share. In `demo` and `test` no variable is required."""

    environment: str
    database_url: str
    redis_url: str
    secret_keys: tuple[str, ...]
    """The first signs, all verify."""
    encryption_keys: tuple[bytes, ...]
    """Fernet keys: the first encrypts, all decrypt."""
    base_url: str
    mail_url: str | None
    """None only in demo and test: mails are written to the log."""
    data_dir: Path
    log_level: str
    sentry_dsn: str | None
    rate_limits: str | None
    shopify: ShopifyApp | None
    """None: shops on Shopify cannot be served."""

    @property
    def is_rehearsal(self) -> bool:
        """True in demo and test, where the clock can be moved and http origins are allowed."""
        return self.environment in ("demo", "test")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Config":
        """Read and check every variable of contract section 1.

        Raises ConfigError: one sentence that names the variable.
        """
        environment = environ.get("LAGNIAPPE_ENV", "production")
        if environment not in ENVIRONMENTS:
            raise ConfigError(f"LAGNIAPPE_ENV must be one of {', '.join(ENVIRONMENTS)}, not {environment!r}.")
        rehearsal = environment != "production"
        log_level = environ.get("LOG_LEVEL", "INFO").upper()
        if log_level not in LOG_LEVELS:
            raise ConfigError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {log_level!r}.")
        data_dir = Path(environ.get("LAGNIAPPE_DATA_DIR") or ".lagniappe").resolve()
        secret_keys = _secret_keys(environ, rehearsal)
        return cls(
            environment=environment,
            database_url=_url(environ, "DATABASE_URL", ("postgresql", "postgres")),
            redis_url=_url(environ, "REDIS_URL", ("redis", "rediss", "unix", "valkey", "valkeys")),
            secret_keys=secret_keys,
            encryption_keys=_encryption_keys(environ, rehearsal),
            base_url=_base_url(environ, rehearsal, data_dir),
            mail_url=_mail_url(environ, rehearsal),
            data_dir=data_dir,
            log_level=log_level,
            sentry_dsn=environ.get("SENTRY_DSN") or None,
            rate_limits=environ.get("LAGNIAPPE_RATE_LIMITS") or None,
            shopify=_shopify(environ, rehearsal, secret_keys),
        )


def _url(environ: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigError(f"{name} is not set.")
    if urlsplit(value).scheme not in schemes:
        raise ConfigError(f"{name} must start with {' or '.join(s + '://' for s in schemes[:2])}.")
    return value


def _rehearsal_seed(name: str) -> bytes:
    """A key of demo and test, known to everybody: all processes on one database must agree on it, wherever they run."""
    return hashlib.sha256(f"lagniappe rehearsal {name}".encode()).digest()


def _secret_keys(environ: Mapping[str, str], rehearsal: bool) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in environ.get("SECRET_KEY", "").split(",") if key.strip())
    if not keys:
        if not rehearsal:
            raise ConfigError("SECRET_KEY is not set.")
        return (_rehearsal_seed("SECRET_KEY").hex(),)
    if any(len(key) < 32 for key in keys) and not rehearsal:
        raise ConfigError("SECRET_KEY is too short: each key needs at least 32 characters.")
    return keys


def _encryption_keys(environ: Mapping[str, str], rehearsal: bool) -> tuple[bytes, ...]:
    keys = tuple(key.strip().encode() for key in environ.get("ENCRYPTION_KEY", "").split(",") if key.strip())
    if not keys:
        if not rehearsal:
            raise ConfigError("ENCRYPTION_KEY is not set.")
        return (base64.urlsafe_b64encode(_rehearsal_seed("ENCRYPTION_KEY")),)
    for key in keys:
        try:
            usable = len(base64.urlsafe_b64decode(key)) == 32
        except ValueError:
            usable = False
        if not usable:
            raise ConfigError("ENCRYPTION_KEY must be Fernet keys: 32 bytes in URL-safe base64, separated by commas.")
    return keys


def remember_base_url(data_dir: Path, base_url: str) -> None:
    """Leave word for the other commands of the data folder where `lagniappe up` answers (demo and test)."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / _BASE_URL_FILE).write_text(base_url)


def _base_url(environ: Mapping[str, str], rehearsal: bool, data_dir: Path) -> str:
    value = environ.get("BASE_URL", "").rstrip("/")
    if not value:
        if not rehearsal:
            raise ConfigError("BASE_URL is not set.")
        remembered = data_dir / _BASE_URL_FILE
        return remembered.read_text() if remembered.is_file() else "http://127.0.0.1:8000"
    parts = urlsplit(value)
    allowed = ("https", "http") if rehearsal else ("https",)
    if parts.scheme not in allowed or not parts.netloc or parts.path or parts.query or parts.fragment:
        raise ConfigError("BASE_URL must be an address such as https://loyalty.example.com, without a path.")
    return value


def _mail_url(environ: Mapping[str, str], rehearsal: bool) -> str | None:
    value = environ.get("MAIL_URL", "")
    if not value:
        if not rehearsal:
            raise ConfigError("MAIL_URL is not set.")
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("smtp", "smtps", "smtp+starttls") or not parts.hostname:
        raise ConfigError("MAIL_URL must be an address such as smtp://user:password@mail.example.com:587.")
    return value


def _shopify(environ: Mapping[str, str], rehearsal: bool, secret_keys: tuple[str, ...]) -> ShopifyApp | None:
    """The app's own keys. What else we signed with them could be shown to us as Shopify's: they sign nothing."""
    client_id = environ.get("SHOPIFY_API_KEY", "").strip()
    secrets = tuple(each.strip() for each in environ.get("SHOPIFY_API_SECRET", "").split(",") if each.strip())
    if not client_id and not secrets:
        return None
    if not client_id:
        raise ConfigError("SHOPIFY_API_KEY is not set, but SHOPIFY_API_SECRET is.")
    if not secrets:
        raise ConfigError("SHOPIFY_API_SECRET is not set, but SHOPIFY_API_KEY is.")
    if any(len(secret) < 16 for secret in secrets) and not rehearsal:
        raise ConfigError("SHOPIFY_API_SECRET is too short: it is the app's client secret, and the one before it.")
    if set(secrets) & set(secret_keys):
        raise ConfigError("SECRET_KEY must not be the client secret of SHOPIFY_API_SECRET.")
    test_url = environ.get("SHOPIFY_TEST_URL", "").rstrip("/") or None
    if test_url is not None and not rehearsal:
        raise ConfigError("SHOPIFY_TEST_URL is for demo and test alone.")
    return ShopifyApp(client_id, secrets, test_url)
