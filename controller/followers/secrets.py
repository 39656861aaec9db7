"""Secrets, looked up where a reference of a plant file says: environment, file or systemd's credentials."""

from __future__ import annotations

import os
from pathlib import Path


class NoSecret(Exception):
    """What a reference names is not there; the text says which."""


def secret(reference: str) -> str:
    """What 'env:NAME', 'file:PATH' or 'credential:NAME' (systemd) refers to; '' for ''. Raises NoSecret."""
    kind, _, name = reference.partition(":")
    try:
        match kind:
            case "":
                return ""
            case "env":
                return os.environ[name]
            case "file":
                return Path(name).read_text(encoding="utf-8").rstrip("\n")
            case "credential":
                place = Path(os.environ["CREDENTIALS_DIRECTORY"]) / name
                return place.read_text(encoding="utf-8").rstrip("\n")
            case _:
                raise NoSecret("a secret is env:NAME, file:PATH or credential:NAME")
    except KeyError as error:
        raise NoSecret(f"the secret {reference} is not there: the environment has no {error}") from None
    except OSError as error:
        raise NoSecret(f"the secret {reference} is not there: {error.strerror}") from None
    except ValueError:
        raise NoSecret(f"the secret {reference} is no text in UTF-8") from None
