"""Ends process groups whose supervisor was killed.

A child can be told to die with its parent, a grandchild cannot: web servers and workers have children of their own,
which would keep the port and the connections. So this process holds the list of groups, and a pipe from the
supervisor; when the pipe ends without a farewell, the groups end too. It needs nothing but the standard library.
"""

import contextlib
import os
import signal
import sys
from typing import IO


def main(orders: IO[str]) -> None:
    """Read `+<group>` and `-<group>`, one a line. At the end of `orders` kill what was not taken off the list."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for order in orders:
        change = groups.add if order.startswith("+") else groups.discard
        change(int(order[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.stdin)
