"""The OpenAPI document, and that it is true: schemathesis, with all of its checks, finds nothing."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from jsonschema_rs import validator_for
from pydantic import BaseModel
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events
from werkzeug.serving import WSGIRequestHandler, make_server

from backend.merchant_api import docs, eligibility_schema, openapi, settings_schema
from backend.merchant_api.operations import OPERATIONS
from backend.merchant_api.shapes import Shown
from tests.loyalty import rewards_world as world
from tests.merchant_api.conftest import Api

SEED = 20261123
MANY_FIELDS = {
    "include-operation-id": ["create_reward", "update_reward", "replace_program", "create_segment", "update_segment"],
    "phases": {"coverage": {"enabled": False}},
}
"""Each wrong value for each field of each shape of a reward or rule is thousands of requests: tests/loyalty asks those."""


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The app over real HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def findings(address: str, key: str, **config: Any) -> tuple[set[str], list[str]]:
    """The checks that ran, and what they found."""
    config["operations"] = [*config.get("operations", ()), MANY_FIELDS]
    loaded = schemathesis.openapi.from_url(
        f"{address}/api/v1/openapi.json",
        config=SchemathesisConfig.from_dict(
            {"seed": SEED, "headers": {"Authorization": f"Bearer {key}"}, "continue-on-failure": True, **config}
        ),
    )
    used = iter(range(1_000_000))

    @loaded.hook
    def map_case(_: Any, case: Any) -> Any:
        """No key twice: a second body under the key of a first is refused, as it should be (422)."""
        if case.headers and re.fullmatch("[!-~]{1,255}", str(case.headers.get("Idempotency-Key", ""))):
            case.headers["Idempotency-Key"] = f"key-{next(used)}"
        return case

    ran: set[str] = set()
    found: list[str] = []
    for event in engine.from_schema(loaded).execute():
        if isinstance(event, events.NonFatalError):
            found.append(f"{event.label}: {event.info}")
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                ran |= {check.name for check in checks}
                curl = event.recorder.cases[case_id].value.as_curl_command
                found += [
                    f"{check.name}: {check.failure_info.failure.message}\n  {curl()}"
                    for check in checks
                    if check.failure_info is not None
                ]
    return ran, found


def test_schemathesis_finds_nothing(api: Api, address: str) -> None:
    api.adjust(api.member("c1", email="ada@mail.example"), 1000)
    ran, found = findings(address, api.key, generation={"max-examples": 15, "deterministic": True, "database": "none"})
    assert found == []
    assert {"not_a_server_error", "status_code_conformance", "response_schema_conformance", "negative_data_rejection",
            "positive_data_acceptance", "content_type_conformance", "ignored_auth", "unsupported_method"} <= ran  # fmt: skip


def test_schemathesis_finds_nothing_with_a_member_who_exists(api: Api, address: str) -> None:
    member = api.member("c1", email="ada@mail.example")
    api.adjust(member, 1000)
    _, found = findings(
        address,
        api.key,
        parameters={"path.ref": member},
        phases={"coverage": {"enabled": False}},
        generation={"max-examples": 15, "deterministic": True, "database": "none"},
        operations=[{"include-path-regex": "^/members/", "enabled": True}],
    )
    assert found == []
    assert len(api.get(f"/members/{member}/transactions").json["items"]) > 3


def test_schemathesis_finds_nothing_with_a_redemption_that_exists(api: Api, address: str) -> None:
    gift = world.redeem(api.shop, world.member_with(api.shop, 1000), world.reward(api.shop, world.GIFT))
    _, found = findings(
        address,
        api.key,
        parameters={"path.id": str(gift.id)},
        phases={"coverage": {"enabled": False}},
        generation={"max-examples": 15, "deterministic": True, "database": "none"},
        operations=[{"include-path-regex": "^/(?!redemptions)", "enabled": False}],
    )
    assert found == []
    assert api.get(f"/redemptions/{gift.id}").json["status"] == "returned"


def test_the_document_is_public_and_names_every_operation(api: Api) -> None:
    answer = api.shop.client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    document = answer.json
    assert document["openapi"].startswith("3.1")
    described = {
        each["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    }
    assert described == {each.name: (each.method, each.path) for each in OPERATIONS.values()}


def test_every_operation_is_described_whole() -> None:
    document = openapi.document()
    for methods in document["paths"].values():
        for method, each in methods.items():
            assert each["summary"] and each["description"] and each["tags"]
            assert {"401", "403", "503"} <= set(each["responses"])
            assert each["security"] == [{"api_key": [OPERATIONS[each["operationId"]].scope]}]
            assert ("requestBody" in each) == (OPERATIONS[each["operationId"]].body is not None)
            for status, answer in each["responses"].items():
                success = "application/zip" if each["operationId"] == "export_shop" else "application/json"
                expected = success if status < "400" else "application/problem+json"
                assert list(answer["content"]) == [expected]
                assert answer["description"]
            headers = {parameter["name"] for parameter in each["parameters"] if parameter["in"] == "header"}
            assert headers == ({"Idempotency-Key"} if method == "post" else set())


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = openapi.document()
    schemas = document["components"]["schemas"]

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    named = {each.removeprefix("#/components/schemas/") for each in references(document)}
    assert named == set(schemas)


@pytest.mark.parametrize("kind", ["product", "exclusion"])
@pytest.mark.parametrize("items", [None, {}, {"skus": []}, {"skus": None}])
def test_the_document_lets_no_rule_name_no_lines_that_needs_some(api: Api, kind: str, items: Any) -> None:
    document = openapi.document()
    rule = {"id": "lines", "kind": kind, "title": {"en": "Lines"}, "items": {"skus": ["A"]}}
    rule |= {"points": 5} if kind == "product" else {}
    validator = validator_for({**document, "$ref": "#/components/schemas/ProgramSettings-Input"})
    assert validator.is_valid({"rules": [rule]})
    assert api.put("/program", {"rules": [rule]}).status_code == 200
    wrong = {"rules": [{**rule, "items": items}]}
    assert not validator.is_valid(wrong)
    assert api.put("/program", wrong).status_code == 422


@pytest.mark.parametrize("schema", [eligibility_schema.LINE, settings_schema.label(9)])
def test_the_document_takes_no_blank_for_a_text(schema: dict[str, Any]) -> None:
    validator = validator_for(schema)
    assert validator.is_valid("a\u0085b")
    assert [each for each in map(chr, range(0x110000)) if each.isspace() and validator.is_valid(each)] == []


def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in base.__subclasses__():
        yield each
        yield from models(each)


def test_every_example_is_one() -> None:
    seen = 0
    for model in models(Shown):
        for example in (model.model_config.get("json_schema_extra") or {}).get("examples", ()):  # type: ignore[union-attr,call-overload]
            assert model.model_validate(example, by_alias=True).model_dump(by_alias=True, mode="json") == example
            seen += 1
    assert seen >= 5


def test_the_docs_are_a_page_that_loads_nothing(api: Api) -> None:
    answer = api.shop.client.get("/api/v1/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    for forbidden in ("<script", "<link", "<img", " src=", " style=", "@import", "url("):
        assert forbidden not in answer.text
    for operation in OPERATIONS.values():
        assert f'id="{operation.name}"' in answer.text
        assert operation.scope in answer.text


def test_the_docs_write_text_as_text() -> None:
    assert str(docs.prose("a <b> `c<d` **e**")) == ("<p>a &lt;b&gt; <code>c&lt;d</code> <strong>e</strong></p>")
