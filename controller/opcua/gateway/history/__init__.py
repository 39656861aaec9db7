"""Historical Access (Part 11) and Aggregates (Part 13), read from the journal, never from the core."""
