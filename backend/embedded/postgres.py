"""The embedded PostgreSQL: its folder, its command, what it leaves behind."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from backend.embedded import leftovers, privileges
from backend.embedded.places import CannotStart, Places, postgres_binaries
from backend.lineage import dying_with_us

DATABASE = "lagniappe"
_PORT = 5432  # only names the socket: nothing listens on the network

_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "off",  # pglz makes writes 2.5 to 4 times slower, and this build has no lz4
    "max_wal_size": "4GB",
    "autovacuum": "on",
    # What a crash left unwritten goes to the disk before the log is read: by one call instead of one for each file.
    "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class Postgres:
    """One PostgreSQL per data folder, on a unix socket in a folder that nobody else may enter."""

    stopping: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGINT, 2.5), (signal.SIGQUIT, 0.5))
    """Fast shutdown first, then immediate; how many seconds each may take."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._binaries = postgres_binaries()
        self._owner = privileges.owner_for(places.home)

    @property
    def url(self) -> str:
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.places.sockets), safe='/')}"

    def prepare(self) -> None:
        """Make the cluster and its database at the first start. Raises CannotStart."""
        self.places.make_sockets()
        privileges.give(self.places.sockets, self._owner)
        home = self.places.home
        if home.exists():
            privileges.give(home, self._owner)
            return
        # Made beside its place and moved there when complete: one that was interrupted is never taken for a cluster.
        draft = home.with_name(home.name + ".new")
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        privileges.give(draft, self._owner)
        self._run(draft, "initdb", f"--pgdata={draft}", f"--username={DATABASE}", *_INITDB)
        self._run(draft, "postgres", "--single", "-D", str(draft), "postgres", text=f"CREATE DATABASE {DATABASE}\n")
        draft.rename(home)

    def clean(self) -> None:
        """Remove what a killed server left. Only for the holder of the keeper's lock, who wants no old one.

        PostgreSQL itself takes a stale file for a running server when its pid belongs to another process by now.
        """
        leftovers.end_processes("postgres", self.places.mark)
        for stale in (self.places.home / "postmaster.pid", *self.places.sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the postmaster; it ends with the calling thread."""
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self.places.sockets),
            "cluster_name": self.places.mark,  # stands in the title of each of its processes: `clean` finds them by it
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        home = self.places.home
        with self.places.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [*self._as_owner(home, death="QUIT"), self._binaries / "postgres", "-D", home, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=None if self._owner else dying_with_us(signal.SIGQUIT),
                start_new_session=True,
            )

    def answers(self) -> bool:
        """True when connections are accepted: the eighth line of its pid file says so (as pg_ctl reads it)."""
        try:
            lines = (self.places.home / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and (self.places.sockets / f".s.PGSQL.{_PORT}").exists()

    def _as_owner(self, folder: Path, death: str | None = None) -> list[str]:
        return privileges.as_owner(self._owner, self._binaries, folder, death=death)

    def _run(self, folder: Path, program: str, *arguments: str, text: str = "") -> None:
        done = subprocess.run(  # noqa: S603
            [*self._as_owner(folder), self._binaries / program, *arguments],
            input=text.encode(),
            capture_output=True,
            cwd="/",
            check=False,
        )
        with self.places.log.open("ab") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode != 0:
            reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise CannotStart(f"PostgreSQL's data folder cannot be made ({program}: {reason}), see {self.places.log}.")


_INITDB = (
    "--auth=trust",  # the socket's folder is the lock
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # the same order on every machine
    "--no-instructions",
)
