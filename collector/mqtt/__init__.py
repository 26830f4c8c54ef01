"""MQTT: a persistent session whose messages are acknowledged after the journal's commit."""
