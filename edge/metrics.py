"""Figures for Prometheus (terminal.md, "Operations"). One registry a terminal, so that tests can have many."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STAGES = ("open_token", "settle", "total")
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """The terminal's figures; each member is a plain prometheus_client metric."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.decisions = Counter(
            "xinguan_decisions", "Decisions by outcome and first reason", ("outcome", "reason"), registry=registry
        )
        self.latency = Histogram(
            "xinguan_stage_seconds", "Time per stage of a decision", ("stage",), buckets=BUCKETS_S, registry=registry
        )
        self.unsent = Gauge("xinguan_unsent_facts", "Facts that the platform has not signed for", registry=registry)
        self.oldest_unsent = Gauge("xinguan_oldest_unsent_seconds", "Age of the oldest unsent fact", registry=registry)
        self.list_age = Gauge("xinguan_list_age_seconds", "Age of each signed list", ("list",), registry=registry)
        self.clock = Gauge("xinguan_clock_state", "1 for the state the clock is in", ("state",), registry=registry)
        self.camera_age = Gauge(
            "xinguan_camera_frame_age_seconds", "Age of the newest frame", ("lane",), registry=registry
        )
        self.scanner_restarts = Gauge(
            "xinguan_scanner_restarts", "Restarts of the scanner", ("lane",), registry=registry
        )
        self.actuator_faults = Counter(
            "xinguan_actuator_faults", "Gates that did not obey", ("lane",), registry=registry
        )

    def text(self) -> bytes:
        """Return the exposition text, version 0.0.4."""
        return generate_latest(self.registry)
