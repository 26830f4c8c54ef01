"""`python -m service.cli`: the same as `thermowell`."""

from service.cli import main

main()
