"""The machine and the versions that a run's figures belong to."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

_PACKAGES = ("flask", "granian", "psycopg", "sqlalchemy", "rq", "orjson", "pydantic", "jiter")


def facts(database_url: str) -> dict[str, str]:
    """What to print above the figures."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("show server_version").fetchone()
    assert row is not None
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{os.cpu_count()} × {_processor()}",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "load before": load(),
        "python": platform.python_version(),
        "postgresql": row[0],
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def load() -> str:
    """The load average of 1, 5 and 15 minutes: what else the machine did."""
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (OSError, ValueError):
        return "unknown"
