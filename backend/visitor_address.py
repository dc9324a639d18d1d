"""Whose address a request came from, when a proxy stands in front.

A peer on this machine or in a private network is taken for a proxy, and the last public address that it names is the
visitor's: proxies add the address they saw at the end of X-Forwarded-For. What a visitor from outside writes there
counts for nothing.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any


def visitor_address(environ: Mapping[str, Any]) -> str:
    """The visitor's address, or the peer's if no proxy names another."""
    peer = str(environ.get("REMOTE_ADDR") or "")
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if forwarded is None or not _is_ours(peer):
        return peer
    for named in reversed(forwarded.split(",")[-_MOST_PROXIES:]):
        address = named.strip()
        if not _is_ours(address):
            return address if _is_address(address) else peer
    return peer


_MOST_PROXIES = 10


@lru_cache(maxsize=4096)
def _is_ours(address: str) -> bool:
    """True for this machine and private networks, and for the nameless peer of a unix socket."""
    try:
        return not address or ip_address(address).is_private
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
