"""What the plant does: helium, heat and pressure, as plain numbers stepped by time.

In: a step in plant seconds, what valves and machines were told. Out: true values, never readings.
Nothing here knows about tags, PLCs or limits. Every mole of helium that leaves one vessel enters
another or is booked in the ledger, so that the total stands to rounding error.
"""
