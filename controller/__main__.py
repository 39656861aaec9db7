"""`python -m controller` is the command `heloop`: children are started this way."""

from controller.cli import main

main()
