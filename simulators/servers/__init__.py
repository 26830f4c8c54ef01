"""Real servers for the simulated plant: OPC UA, an MQTT publisher and its broker, and a mailbox."""
