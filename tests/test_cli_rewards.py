"""`lagniappe rewards import-codes`: pools of codes from files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from backend import cli
from backend.db import db
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import TestShop
from tests.loyalty import rewards_world as world

Import = Callable[..., Any]


@pytest.fixture
def import_codes(
    app: object, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, shop: TestShop, tmp_path: Path
) -> Import:
    """Import a file of that content, by default into the shop; the report, or what a failure says."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "codes.csv"

    def command(
        reward: str, content: bytes | None, *, status: int = 0, shop_id: int = shop.id, stdin: bool = False
    ) -> Any:
        if content is not None:
            file.write_bytes(content)
        arguments = ["rewards", "import-codes", "--shop", str(shop_id), "--reward", reward, "-" if stdin else str(file)]
        done = CliRunner().invoke(cli.main, arguments, input=content if stdin else None)
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if status == 0 else done.stderr

    return command


@pytest.fixture
def pool(shop: TestShop) -> Reward:
    """A reward with one code of the merchant's own."""
    return world.reward(shop, reward_id="spring", coupons=["SPRING-0"])


def free(reward: Reward) -> list[str]:
    found = db.session.execute(
        text("select code from coupon_free where shop_id = :shop and reward_id = :reward order by coupon_id"),
        {"shop": reward.shop_id, "reward": reward.id},
    ).scalars()
    codes = list(found)
    db.session.rollback()
    return codes


@pytest.mark.parametrize("stdin", [False, True])
@pytest.mark.parametrize("said", ["public_id", "redemption_id"])
def test_the_codes_of_a_file_are_the_pool_and_the_refused_ones_are_told(
    import_codes: Import, pool: Reward, said: str, stdin: bool
) -> None:
    content = "\ufeffcode,note\r\nA1,x\r\n\r\nB 2\r\nspring-0\r\na1\r\nC3\r\n".encode()
    assert import_codes(getattr(pool, said), content, stdin=stdin) == {
        "added": 2,
        "refused": [
            {"line": 4, "code": "B 2", "reason": "holds a space or a control character"},
            {"line": 5, "code": "spring-0", "reason": "is known in this shop already"},
            {"line": 6, "code": "a1", "reason": "stands in line 2 already"},
        ],
    }
    assert free(pool) == ["SPRING-0", "A1", "C3"]


def test_doing_it_again_adds_nothing(import_codes: Import, pool: Reward) -> None:
    first, again = (import_codes("spring", b"A1\nB2\n") for _ in range(2))
    assert first == {"added": 2, "refused": []}
    assert (again["added"], [each["line"] for each in again["refused"]]) == (0, [1, 2])
    assert free(pool) == ["SPRING-0", "A1", "B2"]


def test_a_long_file_is_added_in_steps_and_counted_as_one(
    import_codes: Import, pool: Reward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "CODES_AT_ONCE", 3)
    lines = ["code", "A1", "A2", "A3", "A4", "a4", "a1", "A5"]
    report = import_codes("spring", "\n".join(lines).encode())
    assert report["added"] == 5
    assert [(each["line"], each["reason"]) for each in report["refused"]] == [
        (6, "stands in line 5 already"),
        (7, "is known in this shop already"),  # what the steps before have added, the shop knows
    ]
    assert free(pool) == ["SPRING-0", "A1", "A2", "A3", "A4", "A5"]


def test_what_was_added_before_a_failure_stays_and_the_rest_follows(
    import_codes: Import, pool: Reward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "CODES_AT_ONCE", 2)
    db.session.execute(text("alter table coupon add constraint not_too_much check (code <> 'TOO-MUCH')"))
    db.session.commit()
    try:
        import_codes("spring", b"A1\nB2\nTOO-MUCH\nD4\n", status=1)
    finally:
        db.session.execute(text("alter table coupon drop constraint not_too_much"))
        db.session.commit()
    assert free(pool) == ["SPRING-0", "A1", "B2"]
    assert import_codes("spring", b"A1\nB2\nTOO-MUCH\nD4\n")["added"] == 2
    assert free(pool) == ["SPRING-0", "A1", "B2", "TOO-MUCH", "D4"]


def test_more_codes_than_one_step_takes(import_codes: Import, pool: Reward) -> None:
    lines = [f"CODE-{number:05}" for number in range(cli.CODES_AT_ONCE + 1)]
    assert import_codes("spring", "\n".join(lines).encode()) == {"added": cli.CODES_AT_ONCE + 1, "refused": []}
    assert free(pool) == ["SPRING-0", *lines]


@pytest.mark.parametrize("content", [b"", b"code\n", b"\n\n"])
def test_a_file_without_codes_adds_none(import_codes: Import, pool: Reward, content: bytes) -> None:
    assert import_codes("spring", content) == {"added": 0, "refused": []}


@pytest.mark.parametrize(
    ("reward", "content", "said"),
    [
        ("spring", None, "codes.csv cannot be read: No such file or directory."),
        ("spring", "Prämie".encode("latin-1"), "codes.csv is not UTF-8."),
        ("spring", b"A" * 200_000, "codes.csv is not a CSV file"),
        ("autumn", b"A1\n", "There is no reward autumn."),
        ("f" * 24, b"A1\n", f"There is no reward {'f' * 24}."),
        (f"{2**40:024x}", b"A1\n", f"There is no reward {2**40:024x}."),
    ],
)
def test_what_is_not_there_or_cannot_be_read_is_said_in_one_sentence(
    import_codes: Import, pool: Reward, reward: str, content: bytes | None, said: str
) -> None:
    answer = import_codes(reward, content, status=1)
    assert said in answer
    assert len(answer.splitlines()) == 1
    assert free(pool) == ["SPRING-0"]


def test_a_shop_that_does_not_exist_is_said_so(import_codes: Import) -> None:
    assert "99999999" in import_codes("spring", b"A1\n", status=1, shop_id=99999999)


def test_a_reward_of_another_shop_is_not_there(
    import_codes: Import, pool: Reward, new_shop: Callable[..., TestShop]
) -> None:
    other = new_shop()
    for said in (pool.public_id, pool.redemption_id):
        assert f"There is no reward {said}." in import_codes(said, b"A1\n", status=1, shop_id=other.id)
    assert free(pool) == ["SPRING-0"]


def test_a_reward_whose_codes_are_ours_takes_none(import_codes: Import, shop: TestShop) -> None:
    made = world.reward(shop)
    assert "without codes of your own" in import_codes(made.public_id, b"A1\n", status=1)
    assert "A1" not in free(made)
