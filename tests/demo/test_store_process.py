"""The store as the process that it is."""

import json
import signal
import smtplib
import subprocess
import sys
import urllib.request
from dataclasses import asdict
from pathlib import Path

import pytest

from demo import settings as store_settings
from demo.settings import Settings, SettingsError
from tests.demo.conftest import Listener, eventually
from tests.embedded.processes import free_port, status_of


def start(settings: Settings, folder: Path) -> subprocess.Popen[bytes]:
    file = folder / "settings.json"
    file.write_text(json.dumps({**asdict(settings), "folder": str(settings.folder)}))
    return subprocess.Popen([sys.executable, "-m", "demo.store", "--settings", str(file)], stderr=subprocess.PIPE)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_it_serves_takes_mail_sends_its_past_and_ends_on_sigterm(
    settings: Settings, listener: Listener, tmp_path: Path
) -> None:
    told = Settings(**{**asdict(settings), "port": free_port(), "mail_port": free_port()})
    process = start(told, tmp_path)
    try:
        eventually(lambda: answers(f"{told.store_url}/"))
        eventually(lambda: "order.refunded" in listener.types())
        assert listener.types()[0] == "customer.created"
        with smtplib.SMTP("127.0.0.1", told.mail_port, timeout=60) as smtp:
            smtp.sendmail("a@example.com", ["b@example.com"], "Subject: hi\r\n\r\nhello\r\n")
        process.send_signal(signal.SIGTERM)
        assert status_of(process) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_is_taken_is_one_sentence(settings: Settings, listener: Listener, tmp_path: Path) -> None:
    taken = int(listener.url.split(":")[2].split("/")[0])
    for ports, sentence in (
        ({"port": taken, "mail_port": free_port()}, f"Port {taken} is in use"),
        ({"port": free_port(), "mail_port": taken}, "The pretend store cannot start: "),
    ):
        process = start(Settings(**{**asdict(settings), **ports}), tmp_path)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1
        assert sentence in said.decode()


def test_settings_come_from_a_file_and_the_environment_replaces_them(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    names = ("lagniappe_url", "shop_id", "webhook_url", "webhook_secret", "widget_key", "identity_secret")
    file.write_text(json.dumps({"folder": str(tmp_path), **dict.fromkeys(names, "http://127.0.0.1:1/"), "port": 9}))
    read = store_settings.read(file, {"STORE_PORT": "10", "STORE_TIME_COMMAND": '["lagniappe", "time", "advance"]'})
    assert (read.port, read.time_command, read.lagniappe_url) == (
        10,
        ("lagniappe", "time", "advance"),
        "http://127.0.0.1:1",
    )
    for broken, sentence in (
        ({"STORE_WIDGET_KEY": ""}, "widget_key is missing"),
        ({"STORE_PORT": "many"}, "port must be a number"),
        ({"STORE_WEBHOOK_URL": "ftp://x"}, "webhook_url must be an http address"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            store_settings.read(file, broken)
