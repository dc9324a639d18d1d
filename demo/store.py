"""`python -m demo.store --settings FILE`: the pretend store's process: pages, mailbox and sender in one."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from werkzeug.serving import make_server

from demo import invitation, mailbox, seeds, settings
from demo.book import Book
from demo.outbox import Sender
from demo.settings import Settings, SettingsError
from demo.shop import Shop
from demo.web import create_app


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo.store", description="A small shop that knows Lagniappe from outside.")
    parser.add_argument("--settings", type=Path, help="a JSON file; STORE_<KEY> in the environment replaces a key")
    parser.add_argument("--port", type=int, help="replaces the setting")
    given = parser.parse_args(arguments)
    environ = {**os.environ, **({"STORE_PORT": str(given.port)} if given.port else {})}
    try:
        told = settings.read(given.settings, environ)
        run(told)
    except (SettingsError, OSError) as error:
        print(f"The pretend store cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def run(told: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises OSError if a port is taken."""
    logging.basicConfig(level=logging.WARNING, format="store: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # one line per page would bury what matters
    book = Book(told.folder)
    sender = Sender(book, told.webhook_url, told.webhook_secret, (told.api_url, told.api_key))
    shop = Shop(book, sender, told)
    server = make_server(told.host, told.port, create_app(shop), threaded=True)
    letterbox = mailbox.serve(book, "127.0.0.1", told.mail_port)
    _stop_on_signals(server.shutdown)
    seeds.sow(book, lambda advocate, friend: invitation.code_of(told, advocate, friend))
    sender.start()
    try:
        server.serve_forever()
    finally:
        letterbox.stop()
        sender.stop()
        server.server_close()


def _stop_on_signals(stop) -> None:  # type: ignore[no-untyped-def]
    """`stop` waits for the serving loop, so it must run outside the thread that serves."""

    def end(*_: object) -> None:
        threading.Thread(target=stop, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


if __name__ == "__main__":
    sys.exit(main())
