"""What is JSON to us, and what is refused with a sentence (contract section 3, reliability F-20)."""

import contextlib
import json
import time
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend import strict_json
from backend.errors import MalformedJson

MOST_SECONDS = 0.05

DEEP = 100_000
REFUSED: dict[str, tuple[bytes, str]] = {
    # name: (body, words of the sentence)
    "nothing": (b"", "ends too early"),
    "only blanks": (b" \n\t ", "ends too early"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "UTF-16 with a mark": ("{}".encode("utf-16"), "expected value"),
    "UTF-16 without a mark": ("{}".encode("utf-16-le"), "not strict JSON"),
    "UTF-32": ("{}".encode("utf-32"), "not strict JSON"),
    "Latin-1": ('{"name":"é"}'.encode("latin-1"), "not UTF-8"),
    "a lone byte FF": (b'"\xff"', "not UTF-8"),
    "a lone byte FF in a key": (b'{"\xff":1}', "not UTF-8"),
    "an overlong NUL": (b'["\xc0\x80"]', "not UTF-8"),
    "an overlong slash": (b'["\xe0\x80\xaf"]', "not UTF-8"),
    "a surrogate written in UTF-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "a code point past the last": (b'"\xf4\x90\x80\x80"', "not UTF-8"),
    "a cut-off character": (b'"\xe2\x82', "not"),
    "bytes after the text": (b"{}\xff", "trailing"),
    "nested arrays": (b"[" * DEEP, "20 levels"),
    "nested arrays that close": (b"[" * DEEP + b"]" * DEEP, "20 levels"),
    "nested objects": (b'{"a":' * DEEP, "20 levels"),
    "nested objects that close": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "20 levels"),
    "both nested": (b'[{"a":' * DEEP, "20 levels"),
    "a megabyte of brackets": (b"[" * 2**20, "20 levels"),
    "21 arrays": (b"[" * 21 + b"]" * 21, "20 levels"),
    "21 objects": (b'{"a":' * 21 + b"1" + b"}" * 21, "20 levels"),
    "21 levels in a late place": (b'{"a":1,"b":[[],' + b"[" * 19 + b"]" * 19 + b"]}", "20 levels"),
    "199 levels": (b"[" * 199 + b"]" * 199, "20 levels"),
    "NaN": (b"NaN", "expected value"),
    "NaN as a value": (b'{"total":NaN}', "expected value"),
    "nan": (b"[nan]", "not strict JSON"),
    "Infinity": (b"[Infinity]", "expected value"),
    "-Infinity": (b"[-Infinity]", "number"),
    "-NaN": (b"[-NaN]", "number"),
    "undefined": (b"[undefined]", "expected value"),
    "None": (b"[None]", "not strict JSON"),
    "True": (b"[True]", "not strict JSON"),
    "1e999": (b"[1e999]", "30 digits"),
    "1e-999": (b"[1e-999]", "30 digits"),
    "-1E+999": (b"[-1E+999]", "30 digits"),
    "an exponent past all": (b"[1e99999999999999999999]", "30 digits"),
    "a small exponent past all": (b"[1e-99999999999999999999]", "30 digits"),
    "zero with a huge exponent": (b"[0e500]", "30 digits"),
    "31 digits": (b"9" * 31, "30 digits"),
    "31 digits below zero": (b"[-" + b"9" * 31 + b"]", "30 digits"),
    "5000 digits": (b"[" + b"1" * 5000 + b"]", "30 digits"),
    "a million digits": (b"1" * 1_000_000, "30 digits"),
    "a million digits after the point": (b"0." + b"1" * 1_000_000, "30 digits"),
    "a million zeros after the point": (b"0." + b"0" * 1_000_000, "30 digits"),
    "a leading zero": (b"[01]", "number"),
    "a leading plus": (b"[+1]", "not strict JSON"),
    "no digit before the point": (b"[.5]", "not strict JSON"),
    "no digit after the point": (b"[1.]", "number"),
    "no digit in the exponent": (b"[1e]", "number"),
    "a minus alone": (b"[-]", "number"),
    "two minuses": (b"[--1]", "number"),
    "a hexadecimal number": (b"[0x10]", "not strict JSON"),
    "an underscore in a number": (b"[1_000]", "not strict JSON"),
    "full-width digits": ("[１２]".encode(), "not strict JSON"),
    "a key twice": (b'{"a":1,"a":2}', 'duplicate key "a"'),
    "a key twice with the same value": (b'{"a":1,"a":1}', 'duplicate key "a"'),
    "a key twice, once escaped": (b'{"a":1,"\\u0061":2}', 'duplicate key "a"'),
    "a key twice deep inside": (b'{"data":{"lines":[{"id":"1","id":"2"}]}}', 'duplicate key "id"'),
    "the empty key twice": (b'{"":1,"":2}', "duplicate key"),
    "a key thrice": (b'{"a":1,"b":2,"a":3,"a":4}', "duplicate key"),
    "a long key twice": (b'{"' + b"k" * 400_000 + b'":1,"' + b"k" * 400_000 + b'":1}', "duplicate key"),
    "a control character in a key twice": (b'{"\\u0007":1,"\\u0007":2}', "duplicate key"),
    "U+0000 in a key twice": (b'{"\\u0000":1,"\\u0000":2}', "duplicate key"),
    "a no-break space in a key twice": ('{"\u00a0":1,"\u00a0":2}'.encode(), "duplicate key"),
    "U+0000 in a text": (b'{"name":"a\\u0000b"}', "U+0000 at line 1 column 16"),
    "U+0000 in a key": (b'{"a\\u0000":1}', "U+0000"),
    "U+0000 alone": (b'"\\u0000"', "U+0000"),
    "U+0000 after a backslash": (b'"\\\\\\u0000"', "U+0000"),
    "U+0000 on the third line": (b'{\n"a":1,\n"b":"\\u0000"}', "U+0000 at line 3"),
    "a raw U+0000": (b'"\x00"', "control character"),
    "a U+0000 between values": (b"[1,\x002]", "not strict JSON"),
    "a U+0000 at the end": (b"{}\x00", "trailing"),
    "a raw newline in a text": (b'"a\nb"', "control character"),
    "a raw tab in a text": (b'"a\tb"', "control character"),
    "a lone high surrogate": (b'"\\ud800"', "surrogate"),
    "a lone high surrogate in a key": (b'{"\\ud800":1}', "surrogate"),
    "a lone high surrogate before text": (b'"\\ud83dx"', "surrogate"),
    "a lone low surrogate": (b'"\\udc00"', "surrogate"),
    "two high surrogates": (b'"\\ud800\\ud800"', "surrogate"),
    "surrogates the wrong way round": (b'"\\udc00\\ud800"', "surrogate"),
    "a surrogate and a letter": (b'"\\ud800\\u0041"', "surrogate"),
    "a lone surrogate in capitals": (b'"\\uDBFF"', "surrogate"),
    "a cut-off escape": (b'"\\u00"', "not strict JSON"),
    "an escape that is not hexadecimal": (b'"\\u00zz"', "not strict JSON"),
    "an unknown escape": (b'"\\x41"', "escape"),
    "an escaped newline": (b'"a\\\nb"', "escape"),
    "an unfinished text": (b'"abc', "ends too early"),
    "a text that ends in a backslash": (b'"abc\\', "ends too early"),
    "an unfinished array": (b"[1,2", "ends too early"),
    "an unfinished object": (b'{"a":1', "ends too early"),
    "an unfinished word": (b"tru", "ends too early"),
    "a trailing comma in an array": (b"[1,]", "trailing comma"),
    "a trailing comma in an object": (b'{"a":1,}', "trailing comma"),
    "a missing comma": (b"[1 2]", "expected"),
    "two commas": (b"[1,,2]", "not strict JSON"),
    "a leading comma": (b"[,1]", "not strict JSON"),
    "a missing colon": (b'{"a" 1}', "expected"),
    "a missing value": (b'{"a":}', "not strict JSON"),
    "a key without quotes": (b"{a:1}", "not strict JSON"),
    "a key that is a number": (b"{1:1}", "not strict JSON"),
    "single quotes": (b"{'a':1}", "not strict JSON"),
    "a line comment": (b"// hello\n{}", "not strict JSON"),
    "a block comment": (b"{/* hello */}", "not strict JSON"),
    "a second document": (b"{}{}", "trailing"),
    "JSON lines": (b'{"a":1}\n{"a":2}', "trailing"),
    "a closing bracket too many": (b"[]]", "trailing"),
    "the wrong closing bracket": (b'{"a":[1}', "not strict JSON"),
    "a form feed": (b"\x0c{}", "not strict JSON"),
    "a no-break space": ("\u00a0{}".encode(), "not strict JSON"),
    "a form": (b"type=order.paid&id=1", "not strict JSON"),
    "XML": (b"<order/>", "not strict JSON"),
    "gzip": (b"\x1f\x8b\x08\x00\x00", "not strict JSON"),
    "a pickle": (b"\x80\x04K\x01.", "not strict JSON"),
}


def cpu_seconds(body):
    """The least of three, since a collection of garbage may fall into any of them."""

    def once():
        started = time.process_time()
        with contextlib.suppress(MalformedJson):
            strict_json.parse(body)
        return time.process_time() - started

    return min(once() for _ in range(3))


def test_at_least_a_hundred_hostile_bodies_are_tried():
    assert len(REFUSED) >= 100


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_body_is_refused_at_once_with_a_readable_sentence(name):
    body, words = REFUSED[name]
    with pytest.raises(MalformedJson) as refusal:
        strict_json.parse(body)
    assert cpu_seconds(body) <= MOST_SECONDS
    sentence = refusal.value.detail
    assert words in sentence
    assert sentence.startswith("The body is not strict JSON: ")
    assert len(sentence) <= 400
    assert sentence.isprintable()
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a" : [ true , false , null ] } \r\n', {"a": [True, False, None]}),
        (b"1.10", Decimal("1.10")),
        (b"[19.99]", [Decimal("19.99")]),
        (b"1e3", Decimal("1e3")),
        (b"-0", 0),
        (b"9" * 30, 10**30 - 1),
        (b"0." + b"0" * 29 + b"1", Decimal("0." + "0" * 29 + "1")),
        (b'"\\ud83d\\ude00"', "😀"),
        ('"😀 é 漢字"'.encode(), "😀 é 漢字"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\\\\\\\u0000"', "\\\\u0000"),
        (b'"\\u0001\\u007f"', "\x01\x7f"),
        (b'{"a":1,"A":2,"\xc3\xa9":3,"e\xcc\x81":4}', {"a": 1, "A": 2, "é": 3, "e\u0301": 4}),
        (b"[" * 20 + b"]" * 20, json.loads("[" * 20 + "]" * 20)),
        (b'{"a":' * 20 + b"1" + b"}" * 20, json.loads('{"a":' * 20 + "1" + "}" * 20)),
    ],
)
def test_strict_json_is_read_as_it_is_meant(body, value):
    read = strict_json.parse(body)
    assert read == value
    assert type(read) is type(value)


def test_money_written_as_a_number_keeps_its_digits():
    assert str(strict_json.parse(b"[586.450]")[0]) == "586.450"


def test_a_body_of_a_megabyte_is_read_in_a_moment():
    lines = [{"id": f"line_{number}", "title": "x" * 900, "total": "1.00"} for number in range(1000)]
    body = json.dumps({"line_items": lines}).encode()
    assert len(strict_json.parse(body)["line_items"]) == 1000
    assert cpu_seconds(body) <= MOST_SECONDS


@given(st.binary())
@example(b'{"a":"\\u0000')
@example(b'"\\ud800\\udfff"')
def test_random_bytes_raise_nothing_but_malformed_json(body):
    try:
        strict_json.parse(body)
    except MalformedJson as refusal:
        assert refusal.detail.isprintable()


JSON_LIKE = st.text(alphabet='[]{}",:\\u0dD8e9-+. tfn\n\x00é', max_size=40).map(lambda text: text.encode())


@given(JSON_LIKE)
def test_what_nearly_is_json_is_read_as_the_standard_library_reads_it_or_refused(body):
    try:
        value = strict_json.parse(body)
    except MalformedJson:
        return
    assert value == json.loads(body, parse_float=Decimal)
    json.dumps(value, default=str, ensure_ascii=False).encode()  # no lone surrogate came through


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\\u0é"), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_what_others_write_is_read_back(value, escaped):
    assert strict_json.parse(json.dumps(value, ensure_ascii=escaped).encode()) == value


@given(VALUES)
def test_what_we_write_is_read_back(value):
    assert strict_json.parse(strict_json.dumps(value)) == value


def test_a_decimal_is_written_as_text_without_an_exponent():
    assert strict_json.dumps({"a": Decimal("12.00"), "b": Decimal("1E+3"), "c": Decimal("0.0000001")}) == (
        b'{"a":"12.00","b":"1000","c":"0.0000001"}'
    )


def test_what_has_no_place_in_json_is_not_written():
    with pytest.raises(TypeError):
        strict_json.dumps({"a": {1, 2}})
