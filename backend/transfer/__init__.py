"""In and out in bulk: members, balances and codes from CSV, the whole shop as a zip and back."""
