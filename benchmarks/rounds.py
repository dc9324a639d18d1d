"""Interleaved rounds: every variant once, then every variant again. What is reported are medians and their ratios."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Measure = Callable[[], "Sample"]


@dataclass(frozen=True)
class Sample:
    """One variant in one round. CPU in microseconds for each request (or row); None where it has no meaning."""

    per_second: float
    server_us: float | None = None
    postgres_us: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    client_us: float | None = None
    longest_transaction_s: float | None = None

    @property
    def cpu_us(self) -> float | None:
        """What the server and PostgreSQL spend together."""
        if self.server_us is None and self.postgres_us is None:
            return None
        return (self.server_us or 0.0) + (self.postgres_us or 0.0)


@dataclass(frozen=True)
class Figure:
    """One ratio with its aim, by throughput (or time) and, where it has a meaning, by CPU time."""

    name: str
    ratio: float
    aim: float
    unit: str
    """What the two sides count: "per second", "p50 ms" or "s"."""
    ours: float
    theirs: float
    cpu_ratio: float | None = None
    at_most: bool = False
    """True where less is better."""

    @property
    def verdict(self) -> str:
        """The gate for a noisy machine: short only if both ratios miss the aim, a warning if one does."""
        reached = [self._reaches(each) for each in (self.ratio, self.cpu_ratio) if each is not None]
        return "met" if all(reached) else "nearly" if any(reached) else "short"

    def _reaches(self, ratio: float) -> bool:
        return ratio <= self.aim if self.at_most else ratio >= self.aim


@dataclass(frozen=True)
class Result:
    """What one benchmark found."""

    title: str
    variants: dict[str, Sample]
    figures: list[Figure]
    notes: tuple[str, ...] = ()

    def as_document(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "variants": {name: asdict(sample) for name, sample in self.variants.items()},
            "figures": [asdict(figure) | {"verdict": figure.verdict} for figure in self.figures],
            "notes": list(self.notes),
        }


def interleaved(variants: Mapping[str, Measure], rounds: int) -> dict[str, Sample]:
    """The medians of `rounds` rounds; in each round every variant is measured once."""
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, measure in variants.items():
            samples[name].append(measure())
    return {name: _median(taken) for name, taken in samples.items()}


def beside(name: str, ours: Sample, theirs: Sample, aim: float) -> Figure:
    """Against a bare answer of the same server: per second, and by the CPU time of the server alone.

    The bare answer has no database, and PostgreSQL works on a core of its own: its share is in the tables.
    """
    cpu = theirs.server_us / ours.server_us if ours.server_us and theirs.server_us else None
    return Figure(name, ours.per_second / theirs.per_second, aim, "per second", ours.per_second, theirs.per_second, cpu)


def faster(name: str, ours: Sample, theirs: Sample, aim: float, *, by_cpu: bool = True) -> Figure:
    """Against another way to the same end: per second, and by the CPU time of all that worked for it."""
    cpu = theirs.cpu_us / ours.cpu_us if by_cpu and ours.cpu_us and theirs.cpu_us else None
    return Figure(name, ours.per_second / theirs.per_second, aim, "per second", ours.per_second, theirs.per_second, cpu)


def flat(name: str, ours: Sample, theirs: Sample, aim: float) -> Figure:
    """How many times as long the middle one takes; at most the aim."""
    assert ours.p50_ms and theirs.p50_ms
    cpu = ours.cpu_us / theirs.cpu_us if ours.cpu_us and theirs.cpu_us else None
    return Figure(name, ours.p50_ms / theirs.p50_ms, aim, "p50 ms", ours.p50_ms, theirs.p50_ms, cpu, at_most=True)


def _median(samples: list[Sample]) -> Sample:
    def middle(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    columns = {
        name: middle([getattr(sample, name) for sample in samples])
        for name in Sample.__dataclass_fields__
        if name != "longest_transaction_s"
    }
    longest = [s.longest_transaction_s for s in samples if s.longest_transaction_s is not None]
    return Sample(**columns, longest_transaction_s=max(longest, default=None))  # type: ignore[arg-type]
