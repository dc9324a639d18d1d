"""The embedded Valkey. It keeps nothing on disk: the queue is only a doorbell (design section 6)."""

import signal
import socket
import subprocess
from urllib.parse import quote

from backend.embedded import leftovers
from backend.embedded.places import Places, valkey_binary
from backend.lineage import dying_with_us


class Valkey:
    """One Valkey per data folder, on a unix socket in a folder that nobody else may enter."""

    stopping: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 1.0),)

    def __init__(self, places: Places) -> None:
        self.places = places
        self._binary = valkey_binary()
        self._socket = places.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket), safe='/')}?db=0"

    def prepare(self) -> None:
        self.places.make_sockets()
        self.places.home.mkdir(mode=0o700, exist_ok=True)

    def clean(self) -> None:
        """Remove what a killed server left. Only for the holder of the keeper's lock."""
        leftovers.end_processes("valkey-server", self.places.mark)
        self._socket.unlink(missing_ok=True)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server; it ends with the calling thread."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.places.home),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        with self.places.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [self._binary, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=dying_with_us(signal.SIGKILL),
                start_new_session=True,
            )

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(0.5)
            try:
                line.connect(str(self._socket))
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
            except OSError:
                return False
