"""PostgreSQL and Valkey from wheels, for whoever has no servers of their own.

`running(data_dir)` is all that most callers need: it joins the servers of a data folder, or starts them. `filled_in`
does the same for an environment in which DATABASE_URL or REDIS_URL may be unset.
"""

from backend.embedded.membership import Addresses, Servers, filled_in, running
from backend.embedded.places import CannotStart

__all__ = ["Addresses", "CannotStart", "Servers", "filled_in", "running"]
