"""The browser of tests/widget, which a theme's page shows the same widget in."""

from tests.widget.conftest import chromium

__all__ = ["chromium"]
