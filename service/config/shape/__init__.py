"""The shape of the configuration file, part by part: what may stand where. Meaning is `build`'s."""
