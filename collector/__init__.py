"""Takes samples from OPC UA servers and MQTT brokers, and acknowledges them only once they are durable."""
