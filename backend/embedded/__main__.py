"""`python -m backend.embedded <server> <data folder>`: the keeper's process."""

import sys
from pathlib import Path

from backend.embedded import keeper

keeper.main(sys.argv[1], Path(sys.argv[2]))
