"""The supervisor on small real programs: what dies starts again, all end together, nothing is left (contract section 1)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.supervisor import Program, Supervisor
from tests import stopwatch
from tests.embedded.processes import eventually, free_port, is_alive, status_of

SUPERVISE = """
import json, os, sys
from backend.supervisor import Program, Supervisor
programs = [Program(*each) for each in json.loads(sys.argv[1])]
with Supervisor() as supervisor:
    supervisor.run(programs, os.environ)
"""
APPENDING = """
import os, pathlib, signal, subprocess, sys, time
def note(pid):
    with open(sys.argv[1], "a") as notes: notes.write(f"{pid}\\n")
"""
LASTING = APPENDING + "note(os.getpid()); time.sleep(600)"
STUBBORN_PARENT = (
    APPENDING
    + """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
note(child.pid); note(os.getpid()); time.sleep(600)
"""
)
TALKATIVE = APPENDING + "note(os.getpid())\nwhile True: print('x' * 1000, flush=True)"
SHORT_LIVED = APPENDING + "note(os.getpid())"


class Notes:
    """The pids that a program wrote down, first to last."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def pids(self) -> list[int]:
        return [int(line) for line in self.file.read_text().split()] if self.file.exists() else []

    def wait_for(self, count: int, *, within: float = 60.0) -> list[int]:
        return eventually(lambda: self.pids if len(self.pids) >= count else [], within=within)


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "pids")


def shell(notes: Notes) -> str:
    """What is there at once, as a Python is not on a busy machine."""
    return f"sh -c 'echo $$ >> {notes.file}; exec sleep 600'"


def command(script: str, notes: Notes, tmp_path: Path) -> str:
    file = tmp_path / "program.py"
    file.write_text(script)
    return f"{sys.executable} {file} {notes.file}"


@contextmanager
def supervised(*programs: tuple[str, str], stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISE, json.dumps(programs)], stdout=stdout)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_killed_program_is_started_again_within_a_second(notes: Notes, tmp_path: Path) -> None:
    with supervised(("lasting", shell(notes))):

        def rise_again() -> None:
            *_, last = pids = notes.wait_for(1)
            os.kill(last, signal.SIGKILL)
            notes.wait_for(len(pids) + 1)

        assert stopwatch.is_within(1, rise_again)


def test_what_a_killed_program_had_started_ends_with_it(notes: Notes, tmp_path: Path) -> None:
    with supervised(("stubborn", command(STUBBORN_PARENT, notes, tmp_path))):
        child, parent = notes.wait_for(2)
        os.kill(parent, signal.SIGKILL)
        notes.wait_for(4)
        assert not is_alive(child)


def test_sigterm_ends_even_what_ignores_it_within_ten_seconds(notes: Notes, tmp_path: Path) -> None:
    with supervised(("stubborn", command(STUBBORN_PARENT, notes, tmp_path))) as supervisor:
        child, parent = notes.wait_for(2)
        supervisor.terminate()
        assert status_of(supervisor, within=10) == 0
        assert not is_alive(child)
        assert not is_alive(parent)


def test_a_second_signal_ends_at_once(notes: Notes, tmp_path: Path) -> None:
    with supervised(("stubborn", command(STUBBORN_PARENT, notes, tmp_path))) as supervisor:
        pids = notes.wait_for(2)
        supervisor.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            supervisor.wait(0.5)
        supervisor.send_signal(signal.SIGINT)
        assert status_of(supervisor, within=2) == 0  # without it: 4 s
        assert not any(map(is_alive, pids))


def test_nothing_outlives_a_killed_supervisor(notes: Notes, tmp_path: Path) -> None:
    with supervised(("stubborn", command(STUBBORN_PARENT, notes, tmp_path))) as supervisor:
        pids = notes.wait_for(2)
        supervisor.kill()
        eventually(lambda: not any(map(is_alive, pids)))


def test_output_that_nobody_reads_stops_neither_the_program_nor_the_supervisor(notes: Notes, tmp_path: Path) -> None:
    with supervised(("talkative", command(TALKATIVE, notes, tmp_path)), stdout=subprocess.PIPE) as supervisor:
        (first,) = notes.wait_for(1)
        time.sleep(0.3)  # a pipe holds 64 KB, which are written in a moment
        os.kill(first, signal.SIGKILL)
        notes.wait_for(2)
        supervisor.terminate()
        assert status_of(supervisor, within=10) == 0


def test_a_program_that_ends_again_and_again_is_not_started_in_a_hurry(notes: Notes, tmp_path: Path) -> None:
    begun = time.monotonic()
    with supervised(("short", command(SHORT_LIVED, notes, tmp_path))):
        notes.wait_for(5)
    assert time.monotonic() - begun >= 0.2 + 0.4 + 0.6 + 0.8  # its pauses


def test_lines_carry_the_name_of_their_program(notes: Notes, tmp_path: Path) -> None:
    programs = ("web", "echo one; echo two; sleep 600"), ("clock", "echo tick; sleep 600")
    shells = [(name, f"sh -c '{script}'") for name, script in programs]
    with supervised(*shells, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        seen = {supervisor.stdout.readline() for _ in range(3)}
        assert seen == {b"web   | one\n", b"web   | two\n", b"clock | tick\n"}


def test_a_program_run_once_tells_its_status() -> None:
    with Supervisor() as supervisor:
        assert supervisor.run_once(Program("release", "sh -c 'exit 3'"), os.environ) == 3
        assert supervisor.run_once(Program("release", "true"), os.environ) == 0


def test_on_ready_is_called_once_when_the_health_address_answers_and_its_error_ends_everything(
    notes: Notes, tmp_path: Path
) -> None:
    page = tmp_path / "page"
    page.mkdir()
    port = free_port()
    web = f"{sys.executable} -m http.server --bind 127.0.0.1 --directory {page} {port}"
    calls: list[list[int]] = []

    def on_ready() -> None:
        calls.append(notes.wait_for(1))
        raise ValueError("not what we wanted")

    programs = [Program("web", web, f"http://127.0.0.1:{port}/"), Program("b", command(LASTING, notes, tmp_path))]
    with Supervisor() as supervisor, pytest.raises(ValueError, match="not what we wanted"):
        supervisor.run(programs, os.environ, on_ready=on_ready)
    assert len(calls) == 1
    assert not is_alive(calls[0][0])
