"""Where one is signed in, in words that people know."""

import pytest

from backend.staff import sessions

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.0 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    "said, called",
    [
        (WINDOWS, "Firefox on Windows"),
        (PHONE, "Mobile Safari on iOS"),
        ("curl/8.11", "curl"),
        ("something of our own", "something of our own"),
        ("", "Unknown"),
    ],
)
def test_a_browser_is_called_what_people_call_it(said: str, called: str) -> None:
    assert sessions.called(said) == called
