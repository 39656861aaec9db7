"""heloop: control room for helium recovery and liquefaction plants.

A supervisory layer between PLCs and people; never the safety function.
"""

__version__ = "0.1.0"
