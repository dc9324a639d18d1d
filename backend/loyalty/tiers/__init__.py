"""The level that a member has reached, and what follows from it."""
