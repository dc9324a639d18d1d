"""Every body is signed, and docs/signed-json.md shows how to check it: its examples are run here."""

import hmac
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.conftest import TestShop
from tests.widget_api.conftest import Widget

PAGE = Path(__file__).parents[2] / "docs" / "signed-json.md"
HEADER = "Lagniappe-Signature"


def example(language: str) -> str:
    """The page's code block in that language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return block


def answers(widget: Widget) -> dict[str, TestResponse]:
    """One of each kind, the refusals too."""
    client = widget.shop.client
    return {
        "program": widget.program(),
        "session": widget.begin(),
        "me": widget.call("me"),
        "activity": widget.call("me/activity"),
        "redemptions": widget.call("me/redemptions"),
        "seen": widget.call("me/seen", "POST"),
        "bad cursor": widget.call("me/activity", query_string={"after": "x"}),
        "not claimable": widget.call("me/earn/order", "POST"),
        "unknown rule": widget.call("me/earn/none", "POST"),
        "foreign page": widget.call("me/seen", "POST", headers={"Origin": "https://evil.example"}),
        "bad identity": client.post(f"/widget/v1/{widget.key}/session", json={"identity": "x"}),
        "bad body": client.post(f"/widget/v1/{widget.key}/session", data="{", content_type="application/json"),
    }


def test_every_body_is_signed_with_the_shops_identity_secret(widget: Widget) -> None:
    secret = widget.shop.facts.identity_secret
    for name, answer in answers(widget).items():
        header = answer.headers.get(HEADER, "")
        match = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", header)
        assert match, (name, header)
        expected = hmac.digest(secret.encode(), match[1].encode() + b"." + answer.data, "sha256").hex()
        assert match[2] == expected, name
        assert abs(time.time() - int(match[1])) < 5
        assert "Content-Encoding" not in answer.headers


def test_the_time_of_a_signature_is_the_machines(widget: Widget, time: Any) -> None:
    import time as machine

    time.advance(days=100)
    sent_at = int(widget.call("me").headers[HEADER].split(",")[0].removeprefix("t="))
    assert abs(machine.time() - sent_at) < 5


def test_an_answer_of_no_shop_is_not_signed(shop: TestShop) -> None:
    assert HEADER not in shop.client.get("/widget/v1/me").headers
    assert HEADER not in shop.client.get("/widget/v1/wk_none/program").headers


def test_the_signature_of_one_shop_does_not_follow_into_the_next_answer(widget: Widget) -> None:
    widget.call("me")
    assert HEADER not in widget.shop.client.get("/widget/v1/me").headers
    assert HEADER not in widget.shop.client.get("/widget/v1/loader.js?shop=none").headers


class TestPythonExample:
    @pytest.fixture
    def trusted(self) -> Callable[..., dict[str, Any]]:
        names: dict[str, Any] = {}
        exec(example("python"), names)
        return names["trusted"]

    def test_believes_what_we_signed(self, widget: Widget, trusted: Any) -> None:
        secret = widget.shop.facts.identity_secret
        for answer in answers(widget).values():
            assert trusted(answer.data, answer.headers[HEADER], secret) == json.loads(answer.data)

    def test_believes_nothing_else(self, widget: Widget, trusted: Any) -> None:
        answer, secret = widget.call("me"), widget.shop.facts.identity_secret
        header = answer.headers[HEADER]
        for body, given, key in (
            (answer.data.replace(b'"available":0', b'"available":9'), header, secret),
            (answer.data + b" ", header, secret),
            (answer.data, header.replace("v1=", "v1=0"), secret),
            (answer.data, header.replace("v1=", "v2="), secret),
            (answer.data, "", secret),
            (answer.data, "t=,v1=", secret),
            (answer.data, "t=é,v1=é", secret),
            (answer.data, header, "another secret"),
        ):
            with pytest.raises(ValueError, match=r"signature|Signature"):
                trusted(body, given, key)

    def test_believes_no_old_body(self, widget: Widget, trusted: Any) -> None:
        sent_at = int(time.time()) - 301
        secret, body = "secret", b"{}"
        digest = hmac.digest(secret.encode(), b"%d.%b" % (sent_at, body), "sha256").hex()
        with pytest.raises(ValueError, match="too old"):
            trusted(body, f"t={sent_at},v1={digest}", secret)
        assert trusted(body, f"t={sent_at},v1={digest}", secret, max_age_seconds=600) == {}


CASES = """
;(async () => {
  const outcomes = [];
  for (const [body, header, secret] of cases) {
    outcomes.push(await trusted(body, header, secret).then(JSON.stringify, (error) => "refused: " + error.message));
  }
  return outcomes;
})()
"""


def outcomes_in_javascript(cases: list[tuple[str, str, str]]) -> list[str]:
    """What the page's JavaScript says of each case: by Node where it is, else in a browser."""
    script = f"const cases = {json.dumps(cases)};\n{example('javascript')}{CASES}"
    if node := shutil.which("node"):
        whole = script.rstrip().removesuffix(")()") + ")().then((made) => console.log(JSON.stringify(made)))"
        done = subprocess.run([node, "-e", whole], capture_output=True, text=True, check=True, timeout=240)
        return json.loads(done.stdout)
    sync_api = pytest.importorskip("playwright.sync_api")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_api.sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
        page.goto("https://shop.example/")  # WebCrypto wants a secure page; nothing leaves the machine
        return page.evaluate(script)


def test_the_javascript_example_believes_what_we_signed_and_nothing_else(widget: Widget) -> None:
    secret = widget.shop.facts.identity_secret
    good = list(answers(widget).values())
    me, header = good[2].get_data(as_text=True), good[2].headers[HEADER]
    old = int(time.time()) - 301
    digest = hmac.digest(secret.encode(), b"%d.{}" % old, "sha256").hex()

    outcomes = outcomes_in_javascript(
        [(answer.get_data(as_text=True), answer.headers[HEADER], secret) for answer in good]
        + [
            (me.replace('"available":0', '"available":9'), header, secret),
            (me, header, "another secret"),
            (me, header.replace("v1=", "v1=0"), secret),
            (me, "", secret),
            ("{}", f"t={old},v1={digest}", secret),
        ]
    )
    assert [json.loads(outcome) for outcome in outcomes[: len(good)]] == [answer.json for answer in good]
    assert outcomes[len(good) :] == [
        "refused: the signature does not match",
        "refused: the signature does not match",
        "refused: the header Lagniappe-Signature is malformed",
        "refused: the header Lagniappe-Signature is malformed",
        "refused: the body is too old",
    ]
