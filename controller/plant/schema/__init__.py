"""The shape of the plant files as pydantic models; quantities and references are checked in `build`."""
