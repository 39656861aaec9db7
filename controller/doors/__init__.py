"""How others get in and out of the core: the feed (values out), commands (people in), and who they are.

In: requests of people and queries of programs, over Unix sockets in the runtime directory.
Out: a snapshot and then a stream of values; a reply to each request once its event is on disk.
No door reads or writes a PLC; all of them end at the core's inbox.
"""
