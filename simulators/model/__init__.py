"""Models of an OPC UA server and an MQTT broker: pure state machines without sockets, for runs in virtual time."""
