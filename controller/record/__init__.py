"""What is kept: the journal, the flight recorder, the history and the intent ring.

In: events and values the core decided on, everything that went into the core, intents before their writes.
Out: journal numbers after the commit, rows by cursor, series by tag and time, recordings to replay.
`journal.db` is written by one thread of one process; everybody else reads it in short transactions.
The intent ring alone touches no disk: it lives in the runtime directory and survives a kill, no power cut.
"""
