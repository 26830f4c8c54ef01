"""InfluxQL over the record: the subset that Grafana's InfluxDB data source sends, with the schema of the mirror."""
