"""Units and ranges as OPC UA has them (OPC 10000-8, 5.6.3 and 5.6.4)."""

from __future__ import annotations

from typing import Final

from asyncua import ua

UNECE: Final = "http://www.opcfoundation.org/UA/units/un/cefact"
OWN: Final = "urn:heloop:units"

# unit of the plant -> (common code of UNECE Recommendation 20, its symbol, its name). Only where the unit is
# exactly that one: gauge and absolute pressure, gas volumes at a temperature and fractions of helium have no
# code, and a client that converts bar to bar must not lose what they are.
CODES: Final = {
    "°C": ("CEL", "°C", "degree Celsius"),
    "K": ("KEL", "K", "kelvin"),
    "bar": ("BAR", "bar", "bar [unit of pressure]"),
    "mbar": ("MBR", "mbar", "millibar"),
    "MPa": ("MPA", "MPa", "megapascal"),
    "kPa": ("KPA", "kPa", "kilopascal"),
    "%": ("P1", "% or pct", "percent"),
    "s": ("SEC", "s", "second [unit of time]"),
    "ms": ("C26", "ms", "millisecond"),
    "min": ("MIN", "min", "minute [unit of time]"),
    "h": ("HUR", "h", "hour"),
    "d": ("DAY", "d", "day"),
    "day": ("DAY", "d", "day"),
    "m3": ("MTQ", "m³", "cubic metre"),
    "L": ("LTR", "l", "litre"),
    "kg": ("KGM", "kg", "kilogram"),
    "g": ("GRM", "g", "gram"),
    "W": ("WTT", "W", "watt"),
    "kW": ("KWT", "kW", "kilowatt"),
    "kWh": ("KWH", "kW·h", "kilowatt hour"),
    "V": ("VLT", "V", "volt"),
    "mV": ("2Z", "mV", "millivolt"),
    "A": ("AMP", "A", "ampere"),
    "mA": ("4K", "mA", "milliampere"),
    "ohm": ("OHM", "Ω", "ohm"),
    "mm": ("MMT", "mm", "millimetre"),
    "rpm": ("RPM", "r/min", "revolutions per minute"),
    "rps": ("RPS", "r/s", "revolutions per second"),
    "m3/h": ("MQH", "m³/h", "cubic metre per hour"),
    "L/h": ("E32", "l/h", "litre per hour"),
    "g/s": ("F23", "g/s", "gram per second"),
    "gal": ("A76", "Gal", "gal"),
    "dBm": ("DBM", "dBm", "Decibel-milliwatts"),
}
# What the plant's own units mean, where a symbol does not say it.
NAMES: Final = {
    "barg": "bar, gauge",
    "mbarg": "millibar, gauge",
    "MPag": "megapascal, gauge",
    "kPag": "kilopascal, gauge",
    "bara": "bar, absolute",
    "mbara": "millibar, absolute",
    "MPaa": "megapascal, absolute",
    "kPaa": "kilopascal, absolute",
    "Nm3": "cubic metre of gas at 0 °C and 101.325 kPa",
    "Nm3/h": "cubic metre of gas at 0 °C and 101.325 kPa, per hour",
    "m3_15": "cubic metre of gas at 15 °C and 101.325 kPa",
    "m3_20": "cubic metre of gas at 20 °C and 101.325 kPa",
    "ppmv": "parts per million by volume",
    "vpm": "parts per million by volume",
    "%He": "percent helium by volume",
    "%O2": "percent oxygen by volume",
}


def unit_id(code: str) -> int:
    """A common code as number: its characters' bytes, the first the highest (OPC 10000-8, 5.6.4.4)."""
    return int.from_bytes(code.encode("ascii"), "big")


def unit_information(unit: str) -> ua.EUInformation:
    """Of a plant's unit: UNECE's where there is one, else ours without a number (unitId -1)."""
    if unit in CODES:
        code, symbol, name = CODES[unit]
        return _information(UNECE, unit_id(code), symbol, name)
    return _information(OWN, -1, unit, NAMES.get(unit, unit))


def _information(uri: str, number: int, symbol: str, name: str) -> ua.EUInformation:
    return ua.EUInformation(
        ua.String(uri),
        ua.Int32(number),
        ua.LocalizedText(ua.String(symbol)),
        ua.LocalizedText(ua.String(name)),
    )
