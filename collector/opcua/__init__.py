"""OPC UA: a publish loop of our own over asyncua's secure channel."""
