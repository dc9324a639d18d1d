"""Points by hand, their end, and what a member had at an earlier moment or will have at a later one."""
