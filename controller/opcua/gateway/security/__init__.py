"""Who gets in: secure channels, the certificates they trust, users and their roles, limits and lock-out."""
