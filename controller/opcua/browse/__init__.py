"""A live server looked through: a first draft of a PLC map, and where a map and its server differ.

In come an endpoint and how to log in; out go YAML text for `plc_maps/` and a list of differences. Nothing is
written to the server. What cannot be reached raises LinkLost with the reason for people.
"""

from controller.opcua.browse.compare import Difference, differences
from controller.opcua.browse.draft import draft
from controller.opcua.browse.walk import Found, Variable, walk
from controller.opcua.link.errors import LinkLost

__all__ = ["Difference", "Found", "LinkLost", "Variable", "differences", "draft", "walk"]
