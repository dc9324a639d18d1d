"""What the store must be told: where Lagniappe is, which shop it is there, and its secrets.

A JSON file (`--settings FILE`), each of whose keys a variable `STORE_<KEY>` may replace.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_REQUIRED = ("folder", "lagniappe_url", "shop_id", "webhook_url", "webhook_secret", "widget_key", "identity_secret")


class SettingsError(Exception):
    """One sentence that names the setting that is missing or malformed."""


@dataclass(frozen=True)
class Settings:
    folder: Path
    """The store's own data: its book, its cookie key."""
    lagniappe_url: str
    shop_id: str
    webhook_url: str
    webhook_secret: str
    widget_key: str
    identity_secret: str
    api_key: str = ""
    """For the merchant API. Without it nobody is told of reviews and workshops."""
    host: str = "127.0.0.1"
    port: int = 8001
    public_url: str = ""
    """Where shoppers reach the store, if not at `host` and `port`."""
    mail_port: int = 8025
    mailbox: str = "hello@kiln-and-kettle.example"
    """Where the shop itself gets its mail; shown on the mailbox page."""
    time_command: tuple[str, ...] = ("lagniappe", "time", "advance")
    """The amount ("3d") is added as the last word."""
    time_environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of `time_command`."""
    patience_seconds: float = 30.0
    """How long a new store waits for Lagniappe to tell the link by which one of its first people brought others."""

    @property
    def store_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.lagniappe_url}/api/v1"

    @property
    def loader_url(self) -> str:
        return f"{self.lagniappe_url}/widget/v1/loader.js?shop={self.widget_key}"


def read(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The file's keys, then the environment's. Raises SettingsError."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise SettingsError(f"There is no settings file {path}.") from error
        except ValueError as error:
            raise SettingsError(f"The settings file {path} is not JSON: {error}") from error
    names = {item.name for item in fields(Settings)}
    if unknown := sorted(set(values) - names):
        raise SettingsError(f"Unknown setting {unknown[0]} in {path}.")
    for name in names:
        if (given := environ.get(f"STORE_{name.upper()}")) is not None:
            values[name] = json.loads(given) if name in ("time_command", "time_environment") else given
    return from_values(values)


def from_values(values: Mapping[str, Any]) -> Settings:
    """Raises SettingsError for a setting that is missing or malformed."""
    given = dict(values)
    for name in _REQUIRED:
        if not given.get(name):
            raise SettingsError(f"The store's setting {name} is missing.")
    for name in ("lagniappe_url", "webhook_url"):
        if urlsplit(given[name]).scheme not in ("http", "https"):
            raise SettingsError(f"The store's setting {name} must be an http address.")
    for name in ("port", "mail_port"):
        if name in given:
            try:
                given[name] = int(given[name])
            except ValueError as error:
                raise SettingsError(f"The store's setting {name} must be a number.") from error
    if "patience_seconds" in given:
        try:
            given["patience_seconds"] = float(given["patience_seconds"])
        except ValueError as error:
            raise SettingsError("The store's setting patience_seconds must be a number.") from error
    given["folder"] = Path(given["folder"])
    given["public_url"] = given.get("public_url", "").rstrip("/")
    given["lagniappe_url"] = given["lagniappe_url"].rstrip("/")
    if "time_command" in given:
        given["time_command"] = tuple(given["time_command"])
    return Settings(**given)
