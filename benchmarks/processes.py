"""The processes of a benchmark: web servers under the flags that the product ships with, and the CPU that each tree used."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
APP = "backend.app:create_app"
PYTHON = Path(sys.executable)
PROGRAMS = PYTHON.parent
_PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """CPU time that a process and its descendants have used so far, those that ended included. 0.0 without /proc."""
    found: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        found[int(entry.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {root}
    while grown := {pid for pid, (parent, _) in found.items() if parent in family} - family:
        family |= grown
    return sum(found[pid][1] for pid in family if pid in found) / _TICKS


@dataclass(frozen=True)
class Server:
    """A web server that answers."""

    port: int
    pid: int


@contextmanager
def started(
    command: Sequence[str | Path], environ: Mapping[str, str], log: Path, folder: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """A process group of its own for as long as the block; it ends with it, whatever happens."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=with_our_programs(environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        _end(child)


@contextmanager
def web(target: str, environ: Mapping[str, str], log: Path, programs: Path = PROGRAMS) -> Iterator[Server]:
    """The Procfile's web server with `target` in place of the product's app; `programs` holds another Python's."""
    port = free_port()
    command = f"exec {programs}/{_procfile_web().replace(APP, target)}"
    given = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "1", "PYTHONPATH": str(ROOT), **environ}
    with started(["/bin/sh", "-c", command], given, log) as child:
        wait_for(port, child, log)
        yield Server(port, child.pid)


def with_our_programs(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with this interpreter's programs first in PATH."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    path = f"{PROGRAMS}{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return {**inherited, **environ, "PATH": path}


def server_flags() -> str:
    """The web server's command line, for the report."""
    return " ".join(word for word in shlex.split(_procfile_web()) if not word.startswith("backend."))


def _procfile_web() -> str:
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        if name == "web":
            return command
    raise LookupError("the Procfile names no web process")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Until the child takes connections. Raises RuntimeError with the end of its log."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the web server does not answer, see {log}: {log.read_text()[-2000:]}")


def _end(child: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    child.wait()
