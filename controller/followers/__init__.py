"""What goes on elsewhere: each follower reads the journal by cursor and sends it on at its own pace.

In: pages of the journal (events, sample blocks), the sink's answers. Out: what the sink takes, a cursor and
dead letters in followers/NAME.db, records over the command socket (the sink is down, something was parked).
At-least-once into idempotent sinks: a sink that is away costs disk, never data.
"""
