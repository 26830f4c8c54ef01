"""A simulated plant: batch physics behind real OPC UA and MQTT servers."""
