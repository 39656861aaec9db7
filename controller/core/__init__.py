"""What decides. Pure and synchronous: no clock, timer, log, thread, socket or file in here.

In: `(now, inputs)` - notifications, link changes, answers to writes, people's requests.
Out: `Step(effects, due)` - writes, events, values, replies as data, and the next deadline.
`Core.protect` comes first (tags, interlocks, commands), `Core.evaluate` after it (alarms).
Durable state is a fold of the events that come out; everything else is read from the PLCs again.
"""
