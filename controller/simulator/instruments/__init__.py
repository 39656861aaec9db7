"""What the instruments make of the truth: lag, dead time, calibration, noise, and their own faults.

In: getters of true values, a seeded generator. Out: measured values by tag name, with a StatusCode
where it is not Good. PLC logic and OPC UA nodes read nothing else.
"""
