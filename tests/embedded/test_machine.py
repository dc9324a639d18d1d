"""`lagniappe up` on a small web process: the schema first, then the Procfile; wrong settings stop it with a sentence."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import machine
from backend.embedded.places import places_of
from backend.errors import ConfigError, LagniappeError
from backend.supervisor import Program
from tests.embedded.processes import eventually, free_port, status_of, with_word

WEB = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(os.environ["DATABASE_URL"].encode())
    def log_message(self, *words): pass
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
"""
RUN = """
import os, sys
from pathlib import Path
from backend import machine
machine.run(os.environ, port=int(sys.argv[1]), procfile=Path(sys.argv[2]))
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def procfile(tmp_path: Path) -> Path:
    (tmp_path / "web.py").write_text(WEB)
    file = tmp_path / "Procfile"
    file.write_text(f"web: {sys.executable} {tmp_path}/web.py\nrelease: touch {tmp_path}/migrated\n")
    return file


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    own = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    yield {**own, "LAGNIAPPE_ENV": "test", "LAGNIAPPE_DATA_DIR": str(tmp_path / "data")}
    mark = places_of("postgres", tmp_path / "data").mark
    eventually(lambda: not with_word(mark) and not with_word(str(tmp_path / "data")))


def page(port: int) -> str:
    """Empty if there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_everything_runs_and_ends_within_ten_seconds(
    environ: dict[str, str], procfile: Path, port: int, tmp_path: Path
) -> None:
    up = subprocess.Popen([sys.executable, "-c", RUN, str(port), str(procfile)], env=environ, stdout=subprocess.PIPE)
    assert up.stdout is not None
    assert up.stdout.readline() == f"up      | Lagniappe answers at http://127.0.0.1:{port}\n".encode()
    assert (tmp_path / "migrated").exists()
    assert eventually(lambda: page(port)).startswith("postgresql://lagniappe@/lagniappe?host=/tmp/lagniappe-")

    (web,) = (p for p in with_word(f"{tmp_path}/web.py") if p.pid != up.pid)
    web.kill()
    eventually(lambda: page(port))  # how soon, test_supervisor tells
    assert up.stdout.readline() == b"up      | web ended (SIGKILL), starting it again\n"

    for keeper in with_word("backend.embedded"):
        if str(tmp_path / "data") in keeper.info["cmdline"]:
            keeper.kill()
    mark = places_of("postgres", tmp_path / "data").mark
    eventually(lambda: {"postgres", "valkey-server"} <= {process.info["name"] for process in with_word(mark)})

    up.send_signal(signal.SIGTERM)
    assert status_of(up, within=10) == 0
    eventually(lambda: not with_word(mark))
    assert page(port) == ""
    up.stdout.close()


def test_a_failing_release_starts_nothing(environ: dict[str, str], procfile: Path, port: int, tmp_path: Path) -> None:
    procfile.write_text(f"web: touch {tmp_path}/started\nrelease: false\n")
    with pytest.raises(LagniappeError, match="`false` failed with status 1: nothing was started"):
        machine.run(environ, port=port, procfile=procfile)
    assert not (tmp_path / "started").exists()


def test_production_without_its_settings_starts_nothing(
    environ: dict[str, str], procfile: Path, tmp_path: Path
) -> None:
    del environ["LAGNIAPPE_ENV"]
    with pytest.raises(ConfigError, match=r"^SECRET_KEY is not set\.$"):
        machine.run(environ, procfile=procfile)
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_told_at_once(environ: dict[str, str], procfile: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Nothing can listen on 127.0.0.1:{port}"):
            machine.run(environ, port=port, procfile=procfile)
    assert not (tmp_path / "data").exists()


def test_programs_prepared_for_the_machine_run_beside_it_with_the_same_environment(
    environ: dict[str, str], procfile: Path, port: int, tmp_path: Path
) -> None:
    told: list[str] = []

    def prepare(environ: dict[str, str]) -> list[Program]:
        assert (tmp_path / "migrated").exists()
        told.append(environ["BASE_URL"])
        return [Program("extra", f"sh -c 'echo \"$BASE_URL\" > {tmp_path}/seen; sleep 600'")]

    def on_ready() -> None:
        eventually(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text())
        os.kill(os.getpid(), signal.SIGINT)

    machine.run(environ, port=port, procfile=procfile, prepare=prepare, on_ready=on_ready)
    assert told == [f"http://127.0.0.1:{port}"]
    assert (tmp_path / "seen").read_text().strip() == f"http://127.0.0.1:{port}"


def test_the_procfile_of_this_repository_names_the_four_processes() -> None:
    commands = machine.procfile_commands(machine.PROCFILE.read_text())
    assert set(commands) == {"web", "worker", "clock", "release"}


def test_a_line_that_is_no_command_is_refused() -> None:
    with pytest.raises(ConfigError, match="'web granian'"):
        machine.procfile_commands("# comment\n\nweb granian\n")
