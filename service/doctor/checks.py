"""The list of checks of a configuration, in the order in which they are told."""

from functools import partial

from service.config.build import Configuration
from service.doctor import keeping, logins, machine, plant
from service.doctor.running import Check


def checks_of(configuration: Configuration) -> list[Check]:
    """A check for everything that this configuration depends on."""
    of_sources = [
        Check(f"broker {name}", partial(plant.broker, name=name))
        if source.mqtt is not None
        else Check(f"server {name}", partial(plant.server, name=name))
        for name, source in configuration.sources.items()
    ]
    return [
        Check("service", keeping.service),
        Check("clock", machine.clock),
        Check("disk", machine.disk),
        Check("journal", machine.journal),
        Check("open files", machine.limits),
        Check("database", keeping.database),
        Check("backup", keeping.backup),
        Check("secrets", keeping.secrets),
        Check("certificates", keeping.certificates),
        Check("identity provider", logins.openid),
        Check("directory", logins.directory),
        *of_sources,
        Check("mirrors", keeping.mirrors),
    ]
