"""Shopify's webhooks: what they are signed with, and what they mean to us (platforms.md section 2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.platforms.base import Headers, NotForUs
from backend.platforms.events import Event

name = "shopify"
rejection_status = 200


def verify(headers: Headers, raw: bytes, secrets: Sequence[str], wall: datetime) -> str:
    raise NotImplementedError


def topic(headers: Headers, document: Any) -> str:
    raise NotImplementedError


def check(topic: str, document: Any) -> None:
    raise NotForUs(topic)


def interpret(topic: str, document: Any) -> list[Event]:
    raise NotForUs(topic)
