"""When the database is away (contract section 2: 503 with Retry-After)."""

import threading

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from backend.app import create_app


@pytest.mark.parametrize("path", ["/api/v1/shop", "/api/v1/members"])
def test_without_a_database_the_caller_is_asked_to_come_again(app: Flask, environ: dict[str, str], path: str) -> None:
    elsewhere = create_app({**environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"})
    answers: list[TestResponse] = []

    def ask() -> None:  # in a thread of its own, which has no connection yet
        key = f"lgn_1_{'x' * 43}"
        answers.append(elsewhere.test_client().get(path, headers={"Authorization": f"Bearer {key}"}))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    (answer,) = answers
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert "nobody" not in answer.text
