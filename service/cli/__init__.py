"""The `thermowell` command."""


def main() -> None:
    """Stand in until the commands are here."""
