"""What can go wrong with the record, each with a text that says what to do."""

from __future__ import annotations


class RecordError(Exception):
    """Any of the below: the text is for people and names the fix."""


class InUse(RecordError):
    """Another process writes here."""


class Damaged(RecordError):
    """A file is not what it should be. Nothing is repaired or moved without being asked to."""


class Unreadable(RecordError):
    """The disk did not give it in time, or at all; trying again later may help."""


class WrongPlant(RecordError):
    """The directory holds the journal of another plant, or of a newer format."""


class NotRecorded(RecordError):
    """An append that did not reach the disk: the journal closed, or the disk took nothing for too long."""


class Missing(RecordError):
    """There is nothing here to read, or an optional package is not installed."""
