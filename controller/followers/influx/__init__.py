"""The journal into InfluxDB 1.x, 2.x and 3 Core, without a hole (docs/reference/influx-schema.md).

Pure: lines (rows to line protocol), held (what stands still), story (events), policy (what an answer means).
Not pure: targets (the write endpoints), sending, queries, setup, verify.
"""
