"""Alarms, pure: what an alarm is, when it stands, who is told, who has said what about it.

Comes in: values with quality and time by tag index, and what people ask for. Goes out: records (every
change of state, with its reason) and the time of the next look. Nothing here waits, reads a clock or
touches a file; `receivers` alone speaks to the world. Imports nothing of `controller`.
"""
