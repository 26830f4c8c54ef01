"""The HTTP interface and the pages: reads the record, writes only people's requests."""
