"""Which bodies a `custom` store may send, and the words that refuse the others (contract section 3, F-20 to F-23)."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import strict_json
from backend.platforms.base import MalformedDelivery, NotForUs
from backend.platforms.custom import adapter
from tests import payloads

ABSENT = object()


def changed(name, path, value):
    """The sample called `name` with one field replaced, or taken out."""
    document = copy.deepcopy(payloads.document("custom", name))
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return document


def refusal(document):
    with pytest.raises(MalformedDelivery) as raised:
        adapter.interpret(adapter.topic({}, document), document)
    with pytest.raises(MalformedDelivery) as checked:
        adapter.check(adapter.topic({}, document), document)
    assert checked.value.as_problem() == raised.value.as_problem()
    return raised.value


def is_accepted(document):
    adapter.check(document["type"], document)
    return adapter.interpret(document["type"], document) != []


def field(path):
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def at(*path):
    return ("data", *path)


LINE = at("line_items", 2)
REFUND_LINE = at("refund", "line_items", 1)


@pytest.mark.parametrize("name", payloads.names("custom"))
def test_every_sample_is_accepted(name):
    assert is_accepted(payloads.document("custom", name))


# What is required, and nothing else is.

REQUIRED = [
    ("customer.created", at("id")),
    ("customer.updated", at("id")),
    ("customer.deleted", at("id")),
    ("customer.redacted", at("id")),
    ("order.created", at("id")),
    ("order.created", at("currency")),
    ("order.created", at("created_at")),
    ("order.created", at("subtotal")),
    ("order.created", (*LINE, "id")),
    ("order.refunded", at("order_id")),
    ("order.refunded", at("refund")),
    ("order.refunded", at("refund", "id")),
    ("order.refunded", (*REFUND_LINE, "line_item_id")),
    ("app.installed", at("at")),
    ("app.uninstalled", at("at")),
    *((name, ("timestamp",)) for name in payloads.names("custom")),
    *((name, ("data",)) for name in payloads.names("custom")),
]


@pytest.mark.parametrize(("name", "path"), REQUIRED, ids=lambda value: str(value))
def test_a_required_field_that_is_missing_is_named(name, path):
    error = refusal(changed(name, path, ABSENT))
    assert error.status == 400
    assert error.errors == [{"field": field(path), "message": "is required"}]
    assert error.detail == f"{field(path)} is required."


@pytest.mark.parametrize(("name", "path"), REQUIRED, ids=lambda value: str(value))
def test_a_required_field_may_not_be_null(name, path):
    assert [each["field"] for each in refusal(changed(name, path, None)).errors] == [field(path)]


def fields(name, *path):
    place = payloads.document("custom", name)
    for step in path:
        place = place[step]
    return [(name, (*path, each)) for each in place]


OPTIONAL = [
    each
    for each in (
        *fields("customer.created", "data"),
        *fields("order.collected", "data"),
        *fields("order.created", *LINE),
        *fields("order.refunded", "data", "refund"),
        *fields("order.refunded", *REFUND_LINE),
    )
    if each[1][-1] not in ("id", "currency", "created_at", "subtotal", "line_item_id")
] + [("customer.created", at("created_at")), ("order.refunded", at("refund", "created_at"))]


@pytest.mark.parametrize(("name", "path"), OPTIONAL, ids=lambda value: str(value))
def test_every_other_field_may_be_null_or_missing_which_is_the_same(name, path):
    absent, null = changed(name, path, ABSENT), changed(name, path, None)
    assert adapter.interpret(absent["type"], absent) == adapter.interpret(null["type"], null)


def test_fields_that_nobody_knows_are_ignored():
    known = payloads.document("custom", "order.created")
    more = copy.deepcopy(known) | {"api_version": "2027-01", "shop": {"id": 7}}
    more["data"] |= {"note": None, "refunds": [1, 2], "weight": strict_json.parse(b"1.5")}
    more["data"]["customer"]["loyalty"] = {"points": 10**20}
    more["data"]["line_items"][0]["tax"] = "x"
    assert adapter.interpret("order.created", more) == adapter.interpret("order.created", known)


# Each kind of value: what is refused, and with which words.

BAD_IDS = [12, 0, True, 1.5, "", "x" * 256, [], {}, ["a"]]
BAD_MONEY = [
    19.99, 12, 0, True, "", " ", "19.99 ", " 19.99", "1e3", "1E3", "-1.00", "+1.00", "-0", ".5", "5.", "1,000.00",
    "1,5", "1_000", "１２.00", "12.00000", "1" * 16, "0" * 16, "NaN", "Infinity", "0x10", "EUR 5", "5€", "12.00\n",
    "1.2.3", [], {}, {"amount": "12.00", "currency": "EUR"},
]  # fmt: skip
BAD_TIMES = [
    "2026-11-29T09:00:00", "2026-11-29", "2026-11-29 09:00:00Z", "2026-11-29t09:00:00z", "29.11.2026", "yesterday", "",
    "1764406800", 1764406800, 1764406800000, 1.5, True, "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
    "2026-11-29T24:00:00Z", "2026-11-29T25:00:00Z", "2026-11-29T09:61:00Z", "2026-11-29T09:00:61Z",
    "2026-11-29T09:00:00+25:00", "2026-11-29T09:00:00 Europe/Paris", "2026-11-29T09:00:00[Europe/Paris]",
    "２０２６-11-29T09:00:00Z", "2026-11-29T09:00:00Z\n", " 2026-11-29T09:00:00Z", "20261129T090000Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0000-00-00T00:00:00Z", "-2026-11-29T09:00:00Z",
    "2026-11-29T09:00:00.Z", "Sun, 29 Nov 2026 09:00:00 GMT", "2026-11-29T09:00:00" + "0" * 5000 + "Z", [], {},
]  # fmt: skip
BAD_CURRENCIES = ["eur", "EU", "EURO", "", "€", "XYZ", "E R", "ＥＵＲ", "EUR ", 978, True, [], {}]
BAD_DATES = [
    "1990-02-29",
    "1990-13-01",
    "10.12.1990",
    "1990-12-10T00:00:00Z",
    "19901210",
    "",
    19901210,
    "0000-00-00",
    True,
]
BAD_QUANTITIES = [-1, 1.5, "1", "", True, False, 10**9 + 1, 10**29, strict_json.parse(b"1.0"), [], {}]
BAD_FLAGS = [0, 1, "true", "false", "", "yes", [], {}]
BAD_LISTS = ["a", "", 1, True, {}, {"0": "a"}]
BAD_OBJECTS = ["a", "", 1, True, [], ["a"]]
BAD_TEXTS = [1, 1.5, True, [], {}]

BAD = [
    *(("customer.created", at("id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("customer.redacted", at("id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.created", at("id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.created", at("customer", "id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.created", (*LINE, "id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.created", (*LINE, "product_id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.refunded", at("order_id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.refunded", at("refund", "id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.refunded", (*REFUND_LINE, "line_item_id"), value, "text of 1 to 255") for value in BAD_IDS),
    *(("order.created", at("subtotal"), value, "decimal text") for value in BAD_MONEY),
    *(("order.created", at("total"), value, "decimal text") for value in BAD_MONEY),
    *(("order.created", (*LINE, "unit_price"), value, "decimal text") for value in BAD_MONEY),
    *(("order.refunded", (*REFUND_LINE, "amount"), value, "decimal text") for value in BAD_MONEY),
    *(("order.created", ("timestamp",), value, "ISO 8601 with an offset") for value in BAD_TIMES),
    *(("order.created", at("created_at"), value, "ISO 8601 with an offset") for value in BAD_TIMES),
    *(("order.created", at("collected_at"), value, "ISO 8601 with an offset") for value in BAD_TIMES),
    *(("app.installed", at("at"), value, "ISO 8601 with an offset") for value in BAD_TIMES),
    *(("order.created", at("currency"), value, "ISO 4217") for value in BAD_CURRENCIES),
    *(("customer.created", at("birthday"), value, "real date") for value in BAD_DATES),
    *(("order.created", (*LINE, "quantity"), value, "whole number") for value in BAD_QUANTITIES),
    *(("order.refunded", (*REFUND_LINE, "quantity"), value, "whole number") for value in BAD_QUANTITIES),
    *(("customer.created", at("email_verified"), value, "true or false") for value in BAD_FLAGS),
    *(("customer.created", at("accepts_marketing"), value, "true or false") for value in BAD_FLAGS),
    *(("order.created", (*LINE, "gift_card"), value, "true or false") for value in BAD_FLAGS),
    *(("order.created", (*LINE, "categories"), value, "a list") for value in BAD_LISTS),
    *(("order.created", at("line_items"), value, "a list") for value in BAD_LISTS),
    *(("order.created", at("discount_codes"), value, "a list") for value in BAD_LISTS),
    *(("order.refunded", at("refund", "line_items"), value, "a list") for value in BAD_LISTS),
    *(("customer.created", at("tags"), value, "a list") for value in BAD_LISTS),
    *(("customer.created", at("address"), value, "an object") for value in BAD_OBJECTS),
    *(("order.created", at("customer"), value, "an object") for value in BAD_OBJECTS),
    *(("order.created", LINE, value, "an object") for value in BAD_OBJECTS),
    *(("order.refunded", at("refund"), value, "an object") for value in BAD_OBJECTS),
    *(("order.created", ("data",), value, "an object") for value in BAD_OBJECTS),
    *(
        ("customer.created", at("email"), value, "text of at most")
        for value in [*BAD_TEXTS, "x" * 321, "a@b.c\nBcc: x@y.z"]
    ),
    *(("customer.created", at("first_name"), value, "must be text") for value in BAD_TEXTS),
    *(("customer.created", at("tags", 0), value, "must be text") for value in BAD_TEXTS),
    *(("order.created", (*LINE, "title"), value, "must be text") for value in BAD_TEXTS),
    *(("order.created", at("number"), value, "text of at most") for value in [True, 1.5, [], {}, "x" * 256]),
    *(("order.created", at("source"), value, "one of online, pos") for value in ["web", "POS", "", 1, True, [], {}]),
    *(
        ("order.created", at("payment_status"), value, "one of pending, paid")
        for value in ["authorized", "Paid", "", 1]
    ),
    *(("order.created", at("delivery_status"), value, "one of pending, shipped") for value in ["delivered", "", [], 0]),
    ("customer.created", at("tags"), ["t"] * 251, "at most 250"),
    ("order.created", at("discount_codes"), ["c"] * 101, "at most 100"),
    ("order.created", at("line_items"), [{"id": str(number)} for number in range(1001)], "at most 1000"),
    ("order.created", at("line_items"), [{"id": "a"}, {"id": "b"}, {"id": "a"}], "two lines with the same id"),
]


@pytest.mark.parametrize(("name", "path", "value", "words"), BAD, ids=lambda value: repr(value)[:40])
def test_a_malformed_field_is_refused_at_once_by_its_name(name, path, value, words):
    error = refusal(changed(name, path, value))
    assert [each["field"] for each in error.errors] == [field(path)]
    assert words in error.errors[0]["message"]
    assert error.detail == f"{field(path)} {error.errors[0]['message']}."
    assert error.code == "malformed_delivery"


GOOD = [
    *(("order.created", at("id"), value) for value in ["1", "x" * 255, "é", "漢" * 255, "gid://shop/Order/1", " "]),
    *(
        ("order.created", at("subtotal"), value)
        for value in ["0", "0.00", "007", "9" * 15, "9" * 15 + ".9999", "1.2345"]
    ),
    *(
        ("order.created", at("created_at"), value)
        for value in [
            "2026-11-29T09:00:00Z",
            "2026-11-29T09:00:00+00:00",
            "2026-11-29T09:00:00-00:00",
            "2026-11-29T09:00:00+0530",
            "2026-11-29T09:00:00-09:30",
            "2026-11-29T09:00:00.1Z",
            "2026-11-29T09:00:00.123456789Z",
            "2026-11-29T09:00Z",
            "2024-02-29T00:00:00Z",
            "1900-01-01T00:00:00Z",
            "2199-12-31T23:59:59Z",
        ]
    ),
    *(("order.created", at("currency"), value) for value in ["USD", "JPY", "KWD", "TWD", "CLF"]),
    *(("order.created", at("number"), value) for value in ["#1001", 1001, "A-7"]),
    *(("order.created", (*LINE, "quantity"), value) for value in [0, 1, 10**9]),
    ("order.created", at("line_items"), []),
    ("order.created", at("line_items"), [{"id": str(number)} for number in range(1000)]),
    ("order.created", at("discount_codes"), []),
    ("customer.created", at("birthday"), "2024-02-29"),
    ("customer.created", at("address"), {"lines": [{"deep": [1, {"er": None}]}]}),
    ("customer.created", at("email"), "ada.not-an-address"),
    ("customer.created", at("email"), ""),
    ("order.refunded", at("refund", "line_items"), []),
]


@pytest.mark.parametrize(("name", "path", "value"), GOOD, ids=lambda value: repr(value)[:40])
def test_what_the_contract_allows_is_accepted(name, path, value):
    assert is_accepted(changed(name, path, value))


@pytest.mark.parametrize(
    ("name", "path", "longest"),
    [
        ("customer.created", at("first_name"), 255),
        ("customer.created", at("tags", 0), 255),
        ("order.created", (*LINE, "sku"), 255),
        ("order.created", (*LINE, "title"), 2000),
    ],
)
def test_words_that_are_too_long_are_cut_so_that_no_order_is_lost_over_them(name, path, longest):
    def read(said):
        return adapter.interpret(name, changed(name, path, said))

    assert read("é" * 100_000) == read("é" * longest) != read("é" * (longest - 1))


def test_all_that_is_wrong_is_named_at_once_but_not_without_end():
    document = payloads.document("custom", "order.created")
    document["data"]["currency"] = "eur"
    document["data"]["line_items"] = [{"id": number, "total": 1} for number in range(500)]
    error = refusal(document)
    assert len(error.errors) == 20
    assert error.errors[:2] == [
        {"field": "data.currency", "message": 'must be an ISO 4217 currency code such as "EUR"'},
        {"field": "data.line_items[0].id", "message": "must be text of 1 to 255 characters"},
    ]
    assert error.detail == 'data.currency must be an ISO 4217 currency code such as "EUR". 1000 more fields are wrong.'


def test_an_order_body_under_a_refund_type_is_refused():
    document = payloads.document("custom", "order.created") | {"type": "order.refunded"}
    assert [each["field"] for each in refusal(document).errors] == ["data.order_id", "data.refund"]


# The envelope.


@pytest.mark.parametrize("document", [None, True, 1, "order.paid", [], [{"type": "order.paid"}]])
def test_a_body_that_is_no_object_is_refused(document):
    with pytest.raises(MalformedDelivery) as raised:
        adapter.topic({}, document)
    assert raised.value.errors == [{"field": "the body", "message": "must be an object"}]


@pytest.mark.parametrize("found", [ABSENT, None, "", 1, True, [], {}, "x" * 256])
def test_a_delivery_without_a_type_is_refused(found):
    document = {"timestamp": "2026-11-29T09:00:00Z", "data": {}} | ({} if found is ABSENT else {"type": found})
    with pytest.raises(MalformedDelivery) as raised:
        adapter.topic({}, document)
    assert [each["field"] for each in raised.value.errors] == ["type"]


@pytest.mark.parametrize(
    "found", ["order.edited", "invoice.paid", "Order.Paid", "order.paid ", "order", "x", "é", "a/b"]
)
def test_a_type_that_nobody_knows_is_not_for_us_whatever_it_carries(found):
    for rest in ({}, {"timestamp": "never"}, {"timestamp": "2026-11-29T09:00:00Z", "data": {"id": 1}}):
        document = {"type": found} | rest
        assert adapter.topic({}, document) == found
        with pytest.raises(NotForUs):
            adapter.check(found, document)
        with pytest.raises(NotForUs):
            adapter.interpret(found, document)


# Anything at all.

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SOME_TYPE = st.sampled_from([name for name in payloads.names("custom") if name.count(".") == 1])


@given(SOME_TYPE, ANY_JSON)
def test_random_data_raises_nothing_but_a_malformed_delivery(found, data):
    document = {"type": found, "timestamp": "2026-11-29T09:00:00Z", "data": data}
    with pytest.raises(MalformedDelivery) as raised:
        adapter.interpret(found, document)
    assert strict_json.dumps(raised.value.as_problem())


@given(st.sampled_from(payloads.names("custom")), st.data(), ANY_JSON)
def test_a_sample_with_one_random_value_raises_nothing_but_a_malformed_delivery(name, data, value):
    document = payloads.document("custom", name)
    place = document["data"]
    while True:
        step = data.draw(
            st.sampled_from(sorted(place)) if isinstance(place, dict) else st.sampled_from(range(len(place)))
        )
        if not isinstance(place[step], dict | list) or not place[step] or data.draw(st.booleans()):
            break
        place = place[step]
    place[step] = value
    try:
        adapter.interpret(document["type"], document)
    except MalformedDelivery as refused:
        assert refused.detail.isprintable()
