"""Simulated PLCs: real OPC UA servers in three vendors' manners, for demo and tests.

In comes a plant map and a machine (controller/simulator) that knows how the plant behaves. Out go OPC UA
servers on 127.0.0.1, one per PLC, and the faults of their links. Nothing of the service is in here.
"""

from controller.opcua.plc.control import ask
from controller.opcua.plc.faults import KINDS, LinkFault, is_link_fault, parse_link_fault
from controller.opcua.plc.machine import RUNNING, Machine
from controller.opcua.plc.proxy import FaultProxy
from controller.opcua.plc.server import HOST, UPDATE_S, Access, SimulatedPlcServer
from controller.opcua.plc.simulation import Simulation, run_simulation
from controller.opcua.plc.styles import STYLES, Style
from controller.simulator import Computer

__all__ = [
    "HOST",
    "KINDS",
    "RUNNING",
    "STYLES",
    "UPDATE_S",
    "Access",
    "Computer",
    "FaultProxy",
    "LinkFault",
    "Machine",
    "SimulatedPlcServer",
    "Simulation",
    "Style",
    "ask",
    "is_link_fault",
    "parse_link_fault",
    "run_simulation",
]
