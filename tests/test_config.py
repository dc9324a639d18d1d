"""The environment: what is missing or malformed stops the start with one sentence that names it."""

import pytest
from cryptography.fernet import Fernet

from backend.config import Config
from backend.errors import ConfigError

WHOLE = {
    "DATABASE_URL": "postgresql://db/lagniappe",
    "REDIS_URL": "redis://queue",
    "SECRET_KEY": "x" * 32,
    "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "BASE_URL": "https://loyalty.example.com",
    "MAIL_URL": "smtp://mail.example.com",
}


def test_a_whole_environment_is_accepted() -> None:
    config = Config.from_environ(WHOLE)
    assert (config.environment, config.is_rehearsal) == ("production", False)


@pytest.mark.parametrize("name", WHOLE)
def test_in_production_none_may_be_missing(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_environ({key: value for key, value in WHOLE.items() if key != name})


@pytest.mark.parametrize(
    "name, value",
    [
        ("DATABASE_URL", "mysql://db"),
        ("REDIS_URL", "http://queue"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", f"{'x' * 32},short"),
        ("ENCRYPTION_KEY", "not base64"),
        ("ENCRYPTION_KEY", "c2hvcnQ="),
        ("BASE_URL", "http://loyalty.example.com"),
        ("BASE_URL", "https://loyalty.example.com/path"),
        ("MAIL_URL", "mail.example.com"),
        ("LAGNIAPPE_ENV", "staging"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_malformed_one_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_environ(WHOLE | {name: value})


def test_a_rehearsal_needs_only_its_servers_and_agrees_on_its_keys_in_every_folder(tmp_path: object) -> None:
    servers = {"DATABASE_URL": WHOLE["DATABASE_URL"], "REDIS_URL": WHOLE["REDIS_URL"], "LAGNIAPPE_ENV": "test"}
    here = Config.from_environ(servers)
    there = Config.from_environ(servers | {"LAGNIAPPE_DATA_DIR": str(tmp_path)})
    assert here.encryption_keys == there.encryption_keys
    assert here.secret_keys == there.secret_keys


def test_the_first_key_signs_and_the_others_still_verify() -> None:
    config = Config.from_environ(WHOLE | {"SECRET_KEY": f"{'a' * 32}, {'b' * 32}"})
    assert config.secret_keys == ("a" * 32, "b" * 32)
