"""`python -m benchmarks [names…]`: run them, print what they found, and keep it if asked."""

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import orjson

from benchmarks import machine, report
from benchmarks.processes import server_flags
from benchmarks.proof import prove
from benchmarks.rounds import Result
from benchmarks.stage import FULL, QUICK, Sizes, Stage, stage

NAMES = ("accept", "read", "flat", "post", "expire", "redeem", "sums", "tiers", "admin_pages", "peers_http")
"""In this order: the later ones use up what waits."""


def run(names: list[str], sizes: Sizes, rounds: int) -> tuple[dict[str, str], dict[str, Result]]:
    """The machine's facts and each benchmark's result. Ends every process that it started."""
    with stage(sizes) as built:
        facts = machine.facts(built.addresses.database_url) | {
            "server": server_flags(),
            "members": f"{sizes.members:,}",
            "rounds": str(rounds),
        }
        results = {}
        for name in NAMES:
            if name in names:
                begin = time.monotonic()
                results[name] = _benchmark(name)(built, rounds)
                print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        facts["load afterwards"] = machine.load()
        facts["ledger check afterwards"] = prove(built)
        return facts, results


def _benchmark(name: str) -> Callable[[Stage, int], Result]:
    found: Callable[[Stage, int], Result] = import_module(f"benchmarks.{name}").run
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default 3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data and half of the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all the samples' medians there")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(NAMES):
        parser.error(f"there is no benchmark {sorted(unknown)[0]!r}")
    facts, results = run(wanted.names or list(NAMES), QUICK if wanted.quick else FULL, max(1, wanted.rounds))
    text = report.markdown(facts, results)
    print(text)
    if wanted.json:
        document = {"machine": facts, "benchmarks": {name: each.as_document() for name, each in results.items()}}
        wanted.json.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    if wanted.write:
        report.write_readme(text)


if __name__ == "__main__":
    main()
