"""What the plant is: tags, commands, interlocks and PLCs, frozen and by index.

In: a folder of YAML files (`config.load`, the only I/O of this room; docs/reference/plant-files.md).
Out: a `Plant`, or every mistake in the files at once, with file, line, column, name and fix.
Also: units and quantities, raw numbers and engineering values (`scaling`), helium in vessels (`gas`).
On the way: blocks or parse -> document -> schema (pydantic) -> draft -> build -> checks, twins.
"""
