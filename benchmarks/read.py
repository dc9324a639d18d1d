"""The widget's read: `GET /widget/v1/me` against a bare answer and against the naive view; 304 for the program."""

import urllib.request
from functools import partial

from benchmarks import http
from benchmarks.load import request
from benchmarks.reference import naive_view
from benchmarks.rounds import Result, beside, faster, interleaved
from benchmarks.stage import Stage

READERS = 20_000
ME = "/widget/v1/me"


def run(stage: Stage, rounds: int) -> Result:
    database, seconds = stage.large, stage.sizes.seconds
    program = f"/widget/v1/{database.widget_key}/program"
    readers = http.some_members(database, READERS)
    ours, bare = stage.product(database), stage.bare()
    naive = stage.server("benchmarks.reference.naive_view:create_app", database)
    naive_tokens = naive_view.serializer(database.environ["SECRET_KEY"])
    naive_requests = http.reads(ME, [naive_tokens.dumps([database.shop.shop_id, each, 1]) for each in readers])
    not_modified = request("GET", program, http.widget_headers() | {"If-None-Match": _etag(ours.port, program)})
    hello = request("GET", "/hello", http.widget_headers())
    raw = request("GET", "/raw", http.widget_headers())
    door = partial(http.door, postgres_pid=stage.postgres_pid, seconds=seconds, expected=200)
    variants = interleaved(
        {
            "bare answer": door(bare, requests=http.same(hello)),
            "GET /me": door(ours, requests=http.reads(ME, http.sessions(database, readers))),
            "304 for the program": door(ours, requests=http.same(not_modified), expected=304),
            "naive ORM view": door(naive, requests=naive_requests),
            "answer before Flask (the client's ceiling)": door(bare, requests=http.same(raw)),
        },
        rounds,
    )
    me_read, hello_read = variants["GET /me"], variants["bare answer"]
    return Result(
        f"read: {len(readers):,} members in turn, {http.CONNECTIONS} connections",
        variants,
        [
            beside("GET /me / bare answer", me_read, hello_read, 0.5),
            faster("GET /me / naive ORM view", me_read, variants["naive ORM view"], 7),
            beside("304 for the program / bare answer", variants["304 for the program"], hello_read, 0.65),
        ],
    )


def _etag(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        etag: str = answer.headers["ETag"]
        return etag
