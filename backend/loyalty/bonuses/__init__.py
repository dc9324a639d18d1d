"""What earns besides orders: signing up, birthdays, visits, events that are told; and how often it pays."""
