"""Shops: making one, what every request needs to know of one, forgetting one."""
