"""The benchmarks run, on almost no data, so that they do not rot. Their figures mean nothing at this size."""

import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import report
from benchmarks.peers import installing
from benchmarks.rounds import Figure, Result, Sample, beside, faster, flat, interleaved
from benchmarks.stage import TINY

EXPECTED_FIGURES = {"accept": 3, "read": 3, "flat": 6, "post": 2, "expire": 2, "redeem": 5, "sums": 2, "tiers": 2}
"""All but `admin_pages`, which has one for each page that there is, and `peers_http`, which gets other people's programs from
the network."""


@pytest.mark.skipif(sys.platform != "linux", reason="CPU times come from /proc")
def test_every_benchmark_runs_and_leaves_a_ledger_that_proves_itself() -> None:
    assert set(benchmarks.NAMES) == {*EXPECTED_FIGURES, "admin_pages", "peers_http"}
    facts, results = benchmarks.run([*EXPECTED_FIGURES, "admin_pages"], TINY, rounds=1)

    pages = {figure.name.partition("?")[0] for figure in results.pop("admin_pages").figures}
    assert {"/admin", "/admin/customers", "/admin/redeemed-rewards", "/admin/reports/points"} <= pages
    assert {name: len(result.figures) for name, result in results.items()} == EXPECTED_FIGURES
    assert all(figure.ratio > 0 for result in results.values() for figure in result.figures)
    assert facts["ledger check afterwards"].startswith("clean")
    assert results["accept"].variants["delivery accepted"].postgres_us is not None
    assert results["redeem"].variants["redeem, one member"].per_second > 0
    assert "GET /me / naive ORM view" in report.markdown(facts, results)


def test_rounds_are_interleaved_and_the_medians_reported() -> None:
    order: list[str] = []
    values = {"a": iter([1.0, 30.0, 2.0]), "b": iter([5.0, 5.0, 9.0])}

    def measure(name: str) -> Sample:
        order.append(name)
        return Sample(next(values[name]))

    found = interleaved({"a": lambda: measure("a"), "b": lambda: measure("b")}, rounds=3)

    assert order == ["a", "b", "a", "b", "a", "b"]
    assert (found["a"].per_second, found["b"].per_second) == (2.0, 5.0)


@pytest.mark.parametrize(
    ("ratio", "cpu_ratio", "verdict"),
    [(0.5, 0.5, "met"), (0.5, 0.3, "nearly"), (0.3, 0.5, "nearly"), (0.3, 0.3, "short"), (0.5, None, "met")],
)
def test_a_figure_is_short_only_if_throughput_and_cpu_time_both_miss_the_aim(
    ratio: float, cpu_ratio: float | None, verdict: str
) -> None:
    assert Figure("x", ratio, 0.4, "per second", 1, 1, cpu_ratio).verdict == verdict


def test_where_less_is_better_the_aim_is_the_most() -> None:
    assert flat("x", Sample(1, p50_ms=1.3), Sample(1, p50_ms=1.0), 1.2).verdict == "short"
    assert flat("x", Sample(1, p50_ms=1.1), Sample(1, p50_ms=1.0), 1.2).verdict == "met"


def test_a_bare_answer_is_compared_by_the_server_alone_and_another_way_by_all_that_worked() -> None:
    ours, theirs = Sample(50, server_us=200, postgres_us=100), Sample(100, server_us=100, postgres_us=50)

    assert beside("x", ours, theirs, 0.4).cpu_ratio == 0.5
    assert faster("x", ours, theirs, 0.4).cpu_ratio == 0.5
    assert faster("x", ours, theirs, 0.4).ratio == 0.5


def test_a_peer_is_got_once_and_its_absence_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "KEPT", tmp_path / "kept")
    project = tmp_path / "project"
    project.mkdir()
    (project / "package.json").write_text("{}")

    with pytest.raises(installing.Absent, match=r"a peer cannot be installed: .*no-such-program"):
        installing.installed("a peer", project, [["no-such-program"]])
    with pytest.raises(installing.Absent, match="a peer cannot be installed: no network"):
        installing.installed("a peer", project, [["sh", "-c", "echo no network >&2; exit 1"]])
    folder = installing.installed("a peer", project, [["sh", "-c", "echo once >> got"]])
    installing.installed("a peer", project, [["sh", "-c", "echo twice >> got"]])

    assert (folder / "got").read_text() == "once\n"
    assert (folder / "package.json").exists()


def test_the_table_is_written_between_its_marks_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "README", readme)

    report.write_readme(report.markdown({"date": "today"}, {"x": Result("x", {"a": Sample(1.0)}, [])}))

    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old" not in text and "- date: today" in text
