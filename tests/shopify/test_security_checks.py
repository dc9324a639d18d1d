"""Shopify's own security checks (the ids of its `app security check`), each with the tests that hold it.

A check that nothing here could fail is named with the reason. A test that is renamed or gone fails here, too.
"""

import re
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.platforms.shopify import admin_api, scopes
from tests.shopify.pretend import VERSION

ROOT = Path(__file__).parents[2]
HERE = "shopify.test_security_checks"

CHECKS: Mapping[str, tuple[str, ...]] = {
    "APP_PROXY_UNVERIFIED_SIGNATURE": (
        "shopify.test_proxy_signature:test_app_proxy_unverified_signature",
        "shopify.test_proxy:test_what_is_not_signed_by_shopify_is_refused",
    ),
    "APP_PROXY_LIQUID_INJECTION": ("shopify.test_proxy:test_app_proxy_liquid_injection",),
    "COMMITTED_SECRET": (f"{HERE}:test_committed_secret", "shopify.test_app_toml:test_no_secret_stands_in_it"),
    "CREDENTIAL_BROWSER_LEAKAGE": (
        "shopify.test_app_home:test_no_token_of_ours_is_in_an_answer_or_a_log__credential_browser_leakage",
        "admin.test_embedded:test_no_link_of_a_page_carries_the_token_on__credential_browser_leakage",
    ),
    "CREDENTIAL_LOG_LEAKAGE": (
        "shopify.test_tokens:test_tokens_are_never_logged",
        "shopify.test_oauth:test_tokens_are_not_shown_by_what_holds_them",
    ),
    "CROSS_SITE_SCRIPTING": (
        "loyalty.test_merchant_html:test_a_hostile_text_comes_out_harmless_and_stays_as_it_is",
        "admin.test_door:test_pages_stay_out_of_caches_frames_and_other_sites",
    ),
    "CSRF_MISSING_PROTECTION": (
        "admin.test_door:test_a_form_from_elsewhere_changes_nothing",
        "admin.test_embedded:test_a_form_needs_no_token_against_forgery_with_shopifys_word_and_one_without_it__csrf_missing_protection",
    ),
    "DEPRECATED_SCRIPT_TAG_SCOPE": (f"{HERE}:test_deprecated_script_tag_scope",),
    "EOL_API_VERSION": (f"{HERE}:test_eol_api_version",),
    "EXPIRING_OFFLINE_TOKEN": (
        "shopify.test_oauth:test_a_session_token_brings_an_offline_token_that_ends",
        "shopify.test_tokens:test_a_token_that_never_ends_is_changed_for_one_that_does",
    ),
    "INSECURE_WEBHOOK_URL": (f"{HERE}:test_insecure_webhook_url",),
    "LIQUID_UNSAFE_RENDER": ("extensions.test_theme_extension:TestSecurity.test_liquid_unsafe_render",),
    "METAFIELD_OFFLINE_TOKEN": (f"{HERE}:test_metafield_offline_token",),
    "MISSING_AUTHORIZATION_CHECK": (
        "admin.test_rights:test_every_page_opens_for_who_has_its_right_and_for_nobody_else",
        "admin.test_door:test_a_route_without_a_right_stops_the_start",
        "admin.test_embedded:test_a_page_asks_for_its_right_inside_shopify_too",
    ),
    "MISSING_COMPLIANCE_WEBHOOKS": ("shopify.test_app_toml:test_the_topics_of_the_law_are_subscribed_as_such",),
    "MISSING_EMBEDDED_CSP": (
        "admin.test_embedded:test_each_page_is_for_the_frame_of_its_own_shop__missing_embedded_csp",
    ),
    "STATIC_FRAME_ANCESTORS": (
        "shopify.test_app_home:test_no_answer_may_be_framed_by_everybody__static_frame_ancestors",
        "admin.test_embedded:test_the_stand_alone_admin_is_framed_by_nobody",
    ),
    "MISSING_TENANT_ISOLATION": (
        "admin.test_rights:test_nothing_of_another_shop_is_found_by_its_id",
        "webhooks.test_shopify_door:test_a_body_of_another_shop_is_refused_and_shown_to_the_merchant",
        "shopify.test_tokens:test_another_shop_s_tokens_are_refused",
        "shopify.test_proxy:test_an_identity_is_good_in_its_own_shop_alone",
    ),
    "OPEN_REDIRECT": ("shopify.test_app_home:test_nothing_leads_away_from_the_admin__open_redirect",),
    "OVERBROAD_DATA_ACCESS": ("shopify.test_app_toml:test_no_scope_is_asked_for_that_nothing_needs",),
    "REQUEST_CONTROLLED_ADMIN_CONTEXT": (
        "shopify.test_app_home:test_the_shop_is_the_tokens_whatever_the_address_says__request_derived_shop_scope",
    ),
    "REQUEST_DERIVED_SHOP_SCOPE": (
        "shopify.test_app_home:test_the_shop_is_the_tokens_whatever_the_address_says__request_derived_shop_scope",
        "admin.test_embedded:test_no_page_shows_another_shop__request_derived_shop_scope",
    ),
    "SCOPE_OVER_REQUEST": ("shopify.test_app_toml:test_no_scope_is_asked_for_that_nothing_needs",),
    "SESSION_LIFECYCLE_AND_REPLAY": (
        "admin.test_embedded:test_a_session_that_was_ended_here_stays_ended__session_lifecycle_and_replay",
        "shopify.test_code_grant:test_a_way_back_works_once_and_in_the_browser_that_began__session_lifecycle_and_replay",
    ),
    "SQL_INJECTION": (f"{HERE}:test_sql_injection",),
    "SSRF_REQUEST_FORGERY": (
        "platforms.test_outgoing:test_the_corpus_is_refused_and_not_one_packet_reaches_the_canary",
        "shopify.test_oauth:test_the_secret_goes_to_shops_on_shopify_alone",
    ),
    "TEXT_SETTING_HTML_SMUGGLING": ("extensions.test_theme_extension:TestSecurity.test_text_setting_html_smuggling",),
    "THEME_EXTENSION_XSS": ("extensions.test_theme_extension:TestSecurity.test_theme_extension_xss",),
    "UNAUTHENTICATED_ENDPOINT": (f"{HERE}:test_unauthenticated_endpoint",),
    "UNSAFE_INNERHTML": ("extensions.test_theme_extension:TestSecurity.test_unsafe_innerhtml",),
    "UNSCOPED_SHOP_CONFIG_WRITE": (
        "admin.test_rights:test_nothing_of_another_shop_is_found_by_its_id",
        "admin.test_embedded:test_no_page_shows_another_shop__request_derived_shop_scope",
    ),
    "WEAK_SHOP_VALIDATION": (
        "shopify.test_app_home:test_no_address_names_a_shop_that_is_none__weak_shop_validation",
        "platforms.test_shopify_session_token:test_dest_is_a_shop_and_nothing_else__weak_shop_validation",
    ),
    "SCRIPT_TAG_URL_INJECTION": ("extensions.test_theme_extension:TestSecurity.test_script_tag_url_injection",),
    "ACTIVE_UPLOADS_AND_PRIVILEGED_PREVIEWS": (
        "loyalty.test_images:test_another_format_is_refused_whatever_its_name_would_say",
        "admin.test_previews:test_its_credentials_open_nothing_of_the_widgets_own_api",
    ),
    "WEBHOOK_UNVERIFIED_HMAC": (
        "webhooks.test_shopify_door:test_a_wrong_signature_is_a_401_whether_the_shop_is_known_or_not",
        "webhooks.test_shopify_door:test_a_missing_signature_and_an_empty_body_are_401s",
    ),
    "APP_HOME_INVALID_TOKEN_ACCEPTED": (
        "shopify.test_app_home:test_a_token_that_is_none_opens_nothing__app_home_invalid_token_accepted",
    ),
    "UI_EXTENSION_INVALID_TOKEN_ACCEPTED": (
        "platforms.test_shopify_session_token:test_tokens_of_extensions_are_shoppers_and_never_come_in",
    ),
}
ELSEWHERE = {
    "DEPENDENCY_REACHABILITY": "`make audit` asks for known holes in the dependencies: it needs the network",
    "FLOW_ACTION_UNVERIFIED_HMAC": "there is no Flow action",
}
"""Checks that no test here could fail, and why."""

PUBLIC = {
    "/healthz",
    "/readyz",
    "/status",  # counts and ages, no personal data
    "/metrics",
    "/widget/v1/<widget_key>/program",
    "/widget/v1/<widget_key>/points",
    "/widget/v1/loader.js",
    "/widget/v1/assets/<version>/<path:path>",
    "/widget/v1/images/<widget_key>/<image_id>",
    "/api/v1/openapi.json",
    "/api/v1/docs",
    "/shopify",  # a page that tells where to open the app
    "/shopify/token",
    "/shopify/static/fetch-token.js",
    "/admin/static/<path:name>",
    "/admin/log-in",
    "/admin/log-in/shop",
    "/admin/log-in/code",
    "/admin/forgot",
}
"""What answers anybody, and is meant to."""
_SECRET = re.compile(r"shp(?:ss|at|ca|pa|ua)_[0-9a-f]{32}")
_MADE_UP = re.compile(r"0123456789abcdef|fedcba9876543210|([0-9a-f])\1{7}")


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_is_held_by_tests(check: str) -> None:
    for each in CHECKS[check]:
        module, _, path = each.partition(":")
        found: Any = import_module(f"tests.{module}")
        for name in path.split("."):
            found = getattr(found, name)
        assert callable(found), each


def test_no_check_is_named_twice() -> None:
    assert not set(CHECKS) & set(ELSEWHERE)
    assert len(CHECKS) + len(ELSEWHERE) == 39


def test_committed_secret() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    found = [
        f"{name}: {secret.group()}"
        for name in filter(None, listed.split("\0"))
        if (path := ROOT / name).is_file() and path.stat().st_size < 2_000_000
        for secret in _SECRET.finditer(path.read_text(errors="replace"))
        if not _MADE_UP.search(secret.group())
    ]
    assert not found


def test_deprecated_script_tag_scope() -> None:
    assert not [scope for scope in scopes.WANTED if "script_tags" in scope]


def test_eol_api_version() -> None:
    """A version is supported for a year: this fails a month before it ends, and the schema in tests/payloads goes with it."""
    year, month = map(int, admin_api.VERSION.split("-"))
    ends = datetime(year + 1, month, 1, tzinfo=UTC)
    assert (ends - datetime.now(UTC)).days > 30, f"version {admin_api.VERSION} of the Admin API ends soon"
    assert VERSION == admin_api.VERSION
    assert (ROOT / f"tests/payloads/shopify/admin_{admin_api.VERSION}.json.gz").is_file()


def test_insecure_webhook_url() -> None:
    document = tomllib.loads((ROOT / "shopify.app.toml").read_text())
    addresses = [each["uri"] for each in document["webhooks"]["subscriptions"]]
    assert addresses
    assert not [each for each in addresses if not each.startswith("https://")]


def test_metafield_offline_token() -> None:
    """No document writes a token, or anything else that is secret, where a theme could read it."""
    for path in (ROOT / "backend/shopify").glob("*.py"):
        text = path.read_text()
        if "metafield" in text.lower():
            assert "access_token" not in text, path.name
            assert "refresh_token" not in text, path.name


@pytest.mark.parametrize("hostile", ["' or 1=1 --", "%27;drop table member;--", "\\", "{{7*7}}", "a" * 3000])
def test_sql_injection(client: FlaskClient, hostile: str) -> None:
    """Whatever an address holds is a value: it finds nothing, and never fails on our side."""
    for path in ("/shopify?shop=", "/shopify/install?shop=", "/shopify/proxy/identity?shop=", "/r/", "/unsubscribe/"):
        assert client.get(path + hostile).status_code < 500


def test_unauthenticated_endpoint(app: Flask, client: FlaskClient) -> None:
    """Who says nothing about themselves is answered with data by no route but those that are meant to."""
    opened = []
    for rule in app.url_map.iter_rules():
        if rule.rule in PUBLIC or rule.rule.startswith("/preview/"):
            continue
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = client.open(path, method=method, json={} if method != "GET" else None)
            if answer.status_code < 300 or answer.status_code >= 500:
                opened.append(f"{method} {rule.rule}: {answer.status_code}")
    assert not opened
