"""The store's page and the browser of tests/widget: a gallery is the same widget, seen in every state."""

from tests.widget.conftest import chromium, store

__all__ = ["chromium", "store"]
