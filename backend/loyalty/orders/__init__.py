"""Orders: what is known of each, when it counts, what it earns, and what its refunds take back."""
