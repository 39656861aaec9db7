"""From checked blocks to the frozen plant; what does not fit together is reported on the way."""
