"""The codes of rewards: pools, stock, what the store refused or lost."""
