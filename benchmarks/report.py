"""How a run's figures are shown: on the terminal and in README.md."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.rounds import Figure, Result, Sample

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- figures: written by python -m benchmarks --write -->", "<!-- end of figures -->"


def markdown(machine: dict[str, str], results: dict[str, Result]) -> str:
    return "\n".join(_lines(machine, results)) + "\n"


def write_readme(text: str) -> None:
    """Put the figures between the two marks."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise LookupError(f"{README} has lost its marks")
    README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def _lines(machine: dict[str, str], results: dict[str, Result]) -> Iterator[str]:
    for name, value in machine.items():
        yield f"- {name}: {value}"
    yield ""
    yield "| | ours | the other side | ratio | CPU ratio | aim | |"
    yield "|---|---:|---:|---:|---:|---:|---|"
    for result in results.values():
        for figure in result.figures:
            yield _figure(figure)
    for result in results.values():
        yield ""
        yield f"### {result.title}"
        yield ""
        yield "| | per second | p50 ms | p99 ms | server µs | PostgreSQL µs | client µs |"
        yield "|---|---:|---:|---:|---:|---:|---:|"
        for name, sample in result.variants.items():
            yield _variant(name, sample)
        for note in result.notes:
            yield ""
            yield note


def _figure(figure: Figure) -> str:
    sign = "≤" if figure.at_most else "≥"
    cells = [
        figure.name,
        f"{_number(figure.ours)} {figure.unit}",
        f"{_number(figure.theirs)} {figure.unit}",
        _ratio(figure.ratio),
        "" if figure.cpu_ratio is None else _ratio(figure.cpu_ratio),
        f"{sign} {figure.aim:g}",
        figure.verdict,
    ]
    return f"| {' | '.join(cells)} |"


def _variant(name: str, sample: Sample) -> str:
    cells = [
        name,
        _number(sample.per_second),
        *(_number(each) for each in (sample.p50_ms, sample.p99_ms)),
        *(_number(each) for each in (sample.server_us, sample.postgres_us, sample.client_us)),
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 20 else f"{value:,.0f}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
