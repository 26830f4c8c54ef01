"""Where the records of a configuration are, and opening them."""

from records.address import Address
from records.database import SqlRecords
from service.config.build import Configuration
from service.files import Files


def address_of(configuration: Configuration) -> Address:
    """The server that the configuration names, else the file in the data folder."""
    return Files(configuration.data).records if configuration.records is None else configuration.records


def open_records(configuration: Configuration) -> SqlRecords:
    """Open the records; `SqlRecords.open` says what may be wrong."""
    return SqlRecords.open(address_of(configuration))
