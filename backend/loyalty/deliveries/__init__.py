"""What arrived from stores, what became of it, and what is missing."""
