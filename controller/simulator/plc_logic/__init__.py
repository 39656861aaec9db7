"""What the PLCs of the plant do by themselves: trips, state machines, handshakes, watchdogs.

In: the measured values of one PLC (never truth, never another PLC's values, but for hard-wired
contacts), its command nodes, plant seconds for processes and wall seconds for the heartbeat.
Out: what valves and machines are told, and the values that the PLC itself computes.
"""
