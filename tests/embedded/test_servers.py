"""The embedded PostgreSQL and Valkey: shared, restarted, cleaned up, never left running (contract section 1)."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from backend.embedded import CannotStart, filled_in, running
from backend.embedded.places import Places, places_of
from tests import stopwatch
from tests.embedded.processes import eventually, is_alive, status_of, with_word

USE = "import sys; from pathlib import Path; from backend.embedded import running\n"
HOLD = USE + "with running(Path(sys.argv[1])) as at: print(at.database_url, flush=True); sys.stdin.read()"
ASK = USE + "import psycopg\nwith running(Path(sys.argv[1])) as at: print(psycopg.connect(at.database_url).info.dbname)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose cluster is made once for this file; each test starts and stops the servers itself."""
    data_dir = tmp_path_factory.mktemp("data")
    with running(data_dir):
        pass
    yield data_dir
    shutil.rmtree(data_dir)


@pytest.fixture
def data_dir(made: Path) -> Iterator[Path]:
    yield made
    assert_nothing_runs(made)


def marks(data_dir: Path) -> Places:
    return places_of("postgres", data_dir)


def assert_nothing_runs(data_dir: Path) -> None:
    places = marks(data_dir)
    eventually(lambda: not with_word(places.mark) and not with_word(str(data_dir)))
    assert not places.sockets.parent.exists()


def postmaster(data_dir: Path) -> psutil.Process:
    lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    return psutil.Process(int(lines[0]))


def keeper(data_dir: Path, name: str) -> psutil.Process:
    (found,) = (p for p in with_word("backend.embedded") if p.info["cmdline"][-2:] == [name, str(data_dir)])
    return found


def answer_of(database_url: str, query: str) -> object:
    try:
        with psycopg.connect(database_url, connect_timeout=60) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.OperationalError:
        return None
    return row and row[0]


@contextmanager
def another_user(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the servers until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("postgresql://")
        try:
            yield process
        finally:
            process.kill()


def test_both_servers_answer_and_stop_with_their_only_user(data_dir: Path) -> None:
    with running(data_dir) as addresses:
        assert answer_of(addresses.database_url, "SELECT current_database()") == "lagniappe"
        assert answer_of(addresses.database_url, "SELECT current_setting('TimeZone')") == "UTC"
        assert answer_of(addresses.database_url, "SELECT current_setting('fsync')") == "on"
        client = redis.Redis.from_url(addresses.redis_url)
        assert client.ping()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.close()


def test_nobody_but_the_owner_reaches_the_sockets(data_dir: Path) -> None:
    with running(data_dir):
        folder = marks(data_dir).sockets.parent
        assert folder.stat().st_uid == os.getuid()
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must give its power away")
def test_started_by_root_postgresql_has_no_power_but_to_read_through_folders(data_dir: Path) -> None:
    with running(data_dir):
        process = postmaster(data_dir)
        status = (Path("/proc") / str(process.pid) / "status").read_text()
        assert process.uids().real != 0
        lent = int(next(line for line in status.splitlines() if line.startswith("CapPrm")).split()[1], 16)
        assert lent in (1 << 1, 1 << 2)  # CAP_DAC_OVERRIDE or CAP_DAC_READ_SEARCH alone


def test_data_is_there_at_the_next_start(data_dir: Path) -> None:
    with running(data_dir) as addresses, psycopg.connect(addresses.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with running(data_dir) as addresses:
        assert answer_of(addresses.database_url, "SELECT answer FROM kept") == 42


def test_a_second_process_joins_and_keeps_the_servers_when_the_first_leaves(data_dir: Path) -> None:
    with another_user(data_dir) as second:
        with running(data_dir) as addresses:
            pid = postmaster(data_dir).pid
        assert answer_of(addresses.database_url, "SELECT 1") == 1
        assert postmaster(data_dir).pid == pid
        assert second.stdin is not None
        second.stdin.close()
        status_of(second)


def test_processes_that_start_at_the_same_moment_share_one_server(tmp_path: Path) -> None:
    crowd = [
        subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path / "new")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [one.communicate(timeout=240)[0].strip() for one in crowd] == ["lagniappe"] * 4
    assert_nothing_runs(tmp_path / "new")


def test_servers_of_a_killed_user_stop(data_dir: Path) -> None:
    with another_user(data_dir) as other:
        other.kill()
        assert_nothing_runs(data_dir)


def test_a_killed_postmaster_is_started_again_within_a_second_with_what_was_committed(data_dir: Path) -> None:
    with running(data_dir) as addresses:
        with psycopg.connect(addresses.database_url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS survivor (at int)")
            connection.execute("INSERT INTO survivor VALUES (7)")

        def rise_again() -> None:
            killed = postmaster(data_dir)
            killed.kill()
            eventually(lambda: answer_of(addresses.database_url, "SELECT max(at) FROM survivor") == 7)
            assert postmaster(data_dir).pid != killed.pid

        assert stopwatch.is_within(2, rise_again)


def test_a_killed_valkey_is_started_again_within_a_second(data_dir: Path) -> None:
    with running(data_dir) as addresses:
        client = redis.Redis.from_url(addresses.redis_url)

        def is_new() -> bool:
            try:
                return client.get("doorbell") is None
            except redis.ConnectionError:
                return False

        def rise_again() -> None:
            client.set("doorbell", "rung")
            (killed,) = (p for p in with_word(marks(data_dir).mark) if p.info["name"] == "valkey-server")
            killed.kill()
            eventually(is_new)

        assert stopwatch.is_within(2, rise_again)
        client.close()


def test_servers_die_with_their_keeper_and_the_next_user_gets_new_ones(data_dir: Path) -> None:
    with another_user(data_dir):
        old = postmaster(data_dir)
        keeper(data_dir, "postgres").kill()
        keeper(data_dir, "valkey").kill()
        with running(data_dir) as addresses:
            assert answer_of(addresses.database_url, "SELECT 1") == 1
            assert postmaster(data_dir).pid != old.pid


def test_stale_files_that_name_the_pid_of_another_process_do_not_stop_the_start(data_dir: Path) -> None:
    with running(data_dir):
        sockets = marks(data_dir).sockets
        owner = postmaster(data_dir).uids().real
        pid_file = (data_dir / "postgres" / "postmaster.pid").read_text()
        lock_file = (sockets / ".s.PGSQL.5432.lock").read_text()
        socket_owner = sockets.stat()
    # A process of the same user has the old server's pid by now: PostgreSQL takes it for the old server.
    with subprocess.Popen(["sleep", "60"], **({"user": owner} if os.geteuid() == 0 else {})) as stranger:
        sockets.mkdir(mode=0o700, parents=True)
        sockets.parent.chmod(0o700)
        os.chown(sockets, socket_owner.st_uid, socket_owner.st_gid)
        for file, text in (
            (data_dir / "postgres" / "postmaster.pid", pid_file),
            (sockets / ".s.PGSQL.5432.lock", lock_file),
        ):
            file.write_text("\n".join([str(stranger.pid), *text.splitlines()[1:]]) + "\n")
            os.chown(file, owner, socket_owner.st_gid)
        with running(data_dir) as addresses:
            assert answer_of(addresses.database_url, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_an_orphan_that_holds_the_shared_memory_does_not_stop_the_start(data_dir: Path) -> None:
    with running(data_dir) as addresses, psycopg.connect(addresses.database_url) as connection:
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)  # so that it does not notice that its postmaster is dead
        postmaster(data_dir).kill()
        eventually(lambda: answer_of(addresses.database_url, "SELECT 1") == 1)
        assert not is_alive(orphan)
        connection.close()


def test_a_cluster_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    with running(tmp_path) as addresses:
        assert answer_of(addresses.database_url, "SELECT 1") == 1
    assert not draft.exists()


def test_servers_stop_when_their_data_folder_is_taken_away(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir):
        data_dir.rename(tmp_path / "elsewhere")
        assert_nothing_runs(data_dir)


def test_only_what_the_environment_leaves_unset_is_started(data_dir: Path) -> None:
    given = {"DATABASE_URL": "postgresql://elsewhere/db", "REDIS_URL": "", "LAGNIAPPE_DATA_DIR": str(data_dir)}
    with filled_in(given) as environ:
        assert environ["DATABASE_URL"] == "postgresql://elsewhere/db"
        assert redis.Redis.from_url(environ["REDIS_URL"]).ping()
        assert not [p for p in with_word(marks(data_dir).mark) if p.info["name"] == "postgres"]


def test_a_link_in_the_place_of_the_sockets_folder_is_refused(data_dir: Path, tmp_path: Path) -> None:
    place = marks(data_dir).sockets.parent
    place.symlink_to(tmp_path)
    try:
        with pytest.raises(CannotStart, match="belongs to somebody else"), running(data_dir):
            pass
    finally:
        place.unlink()


def test_a_cluster_of_another_version_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir(mode=0o700)
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    (tmp_path / "postgres" / "postgresql.conf").write_text("")
    with pytest.raises(CannotStart, match=r"does not start .*incompatible"), running(tmp_path):
        pass
    assert_nothing_runs(tmp_path)


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CannotStart, match=r"The data folder .* cannot be written: .*\.$"),
        running(tmp_path / "file" / "data"),
    ):
        pass
