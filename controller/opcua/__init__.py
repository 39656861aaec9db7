"""Everything OPC UA: links to PLCs, the gateway, the simulated PLCs. Nobody else imports asyncua.

In: what PLCs publish, what clients of the gateway ask, what the core wants written. Out: inputs for the
core, status codes told by name, and nothing of asyncua's own types.
"""
