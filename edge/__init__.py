"""The service on a terminal: composition, lanes, HTTP API, screens, actuators, clock, config, command line."""
