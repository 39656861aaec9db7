"""The simulated plant: physics, instruments and PLC logic, stepped by time, seeded, without any I/O.

In: a loaded plant (which tags there are), plant and wall seconds, what the service writes, faults.
Out: readings per PLC in engineering units, the state of each PLC's computer, and, for tests only,
the truth with its balance. Pure; the same seed and calls give the same values.
"""

from controller.simulator.fault_run import Computer
from controller.simulator.faults import (
    CRYOCOOLER_FAULTS,
    FAULTS,
    FaultError,
    FaultText,
    ScheduledFault,
    parse_faults,
    random_faults,
)
from controller.simulator.plc_logic.trip import PlcTrip
from controller.simulator.simulated import SimulatedPlant

__all__ = [
    "CRYOCOOLER_FAULTS",
    "FAULTS",
    "Computer",
    "FaultError",
    "FaultText",
    "PlcTrip",
    "ScheduledFault",
    "SimulatedPlant",
    "parse_faults",
    "random_faults",
]
