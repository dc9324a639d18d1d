"""Who is told of what: members by mail, merchants' own systems by webhooks."""
