"""Historical Access (Part 11) and Aggregates (Part 13), read from journal and history, never from the core."""
