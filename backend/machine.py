"""One machine: embedded servers where no addresses are given, the schema, and every process of the Procfile."""

import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from backend.config import Config, remember_base_url
from backend.embedded import Servers
from backend.errors import ConfigError, LagniappeError
from backend.supervisor import Program, Supervisor

PROCFILE = Path(__file__).parent.parent / "Procfile"
_PROCFILE_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")
_RELEASE = "release"
_WEB = "web"


def run(
    environ: Mapping[str, str],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    procfile: Path = PROCFILE,
    prepare: Callable[[dict[str, str]], list[Program]] | None = None,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Run everything until SIGINT or SIGTERM.

    `prepare` is called once, when the servers answer and the schema is current, with the environment that every process
    gets; the programs it returns run beside those of the Procfile. `on_ready` is called once, in a thread, when every
    program with a health address answers there. Raises LagniappeError with one sentence if something is set wrong.
    """
    address = f"http://{_local(host)}:{port}"
    commands = procfile_commands(procfile.read_text())
    release = commands.pop(_RELEASE, None)
    servers = Servers(_with_defaults(environ, host, port, address))
    config = _check(servers.environ)
    _require_free(host, port)

    if config.is_rehearsal:
        remember_base_url(config.data_dir, config.base_url)

    def announce() -> None:
        supervisor.say(f"Lagniappe answers at {address}")
        if on_ready is not None:
            on_ready()

    try:
        with Supervisor(on_tick=servers.mend) as supervisor, servers:
            if release is not None:
                status = supervisor.run_once(Program(_RELEASE, release), servers.environ)
                if status is None:
                    return
                if status != 0:
                    raise LagniappeError(f"`{release}` failed with status {status}: nothing was started.")
            programs = [
                Program(name, command, f"{address}/readyz" if name == _WEB else None)
                for name, command in commands.items()
            ]
            programs += prepare(servers.environ) if prepare is not None else []
            supervisor.run(programs, servers.environ, on_ready=announce)
    except KeyboardInterrupt:
        return


def procfile_commands(text: str) -> dict[str, str]:
    """The commands of a Procfile by name. Raises ConfigError for a line that is none."""
    commands = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = _PROCFILE_LINE.fullmatch(line.rstrip())
        if found is None:
            raise ConfigError(f"The Procfile has a line that is not `name: command`: {line!r}.")
        commands[found[1]] = found[2]
    return commands


def _with_defaults(environ: Mapping[str, str], host: str, port: int, address: str) -> dict[str, str]:
    defaults = {} if environ.get("LAGNIAPPE_ENV", "production") == "production" else {"BASE_URL": address}
    given = {name: value for name, value in environ.items() if value or name not in defaults}
    return {**defaults, **given, "HOST": host, "PORT": str(port)}


def _check(environ: Mapping[str, str]) -> Config:
    """Refuse a bad setting before anything is started, with stand-ins for the addresses of the embedded servers."""
    stand_ins = {"DATABASE_URL": "postgresql://", "REDIS_URL": "unix://"}
    return Config.from_environ({**environ, **{name: url for name, url in stand_ins.items() if not environ.get(name)}})


def _require_free(host: str, port: int) -> None:
    """A port that is taken would have the web process started again for ever."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ConfigError(f"Nothing can listen on {host}:{port} ({error.strerror}): choose another --port.") from error


def _local(host: str) -> str:
    """Where a server that listens on `host` is reached from this machine, as it stands in an address."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{reached}]" if ":" in reached else reached
