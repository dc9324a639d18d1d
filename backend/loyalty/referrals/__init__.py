"""Who brought whom, whether it counts, and what both get for it."""
