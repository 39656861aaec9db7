"""The gateway: an OPC UA server for the clients in the plant, in a process of its own.

In: the core's feed (values), its journal (events, by cursor) and history, what clients ask. Out: services
of OPC UA Part 4, 8, 9 and 11; people's requests, to the core's command socket. It decides nothing about the
plant: whoever wants something changed is named to the core, and the core's answer goes back as it is.
One module per service set; asyncua gives the codec, the secure channel and the standard nodes.
"""
