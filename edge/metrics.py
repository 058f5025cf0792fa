"""Figures for Prometheus (terminal.md, "Operations"). One registry a terminal, so that tests can have many.

What happened last is told as a time, not as an age: a figure that nobody renews would stay young. The rules and the
dashboard that read these figures stand in systemd/monitoring.
"""

import platform
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from scanner.source import Source

STAGES = ("open_token", "settle", "total")
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
REACH_S = (0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 600.0, 3600.0, 86400.0)
YEAR_MS = 366 * 86_400_000


class Metrics:
    """The terminal's figures; each member is a prometheus_client metric or collector."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.decisions = Counter(
            "xinguan_decisions", "Decisions by outcome and first reason", ("outcome", "reason"), registry=registry
        )
        self._decided: dict[tuple[str, str], Counter] = {}
        self.stages = StageFigures()
        registry.register(self.stages)
        self.unsent = Gauge("xinguan_unsent_facts", "Facts that the platform has not signed for", registry=registry)
        self.oldest_unsent = Gauge(
            "xinguan_oldest_unsent_timestamp_seconds",
            "When the oldest unsent fact happened; 0 when none waits",
            registry=registry,
        )
        self.lists = ListFigures(registry)
        self.answered = Gauge(
            "xinguan_platform_answered_timestamp_seconds",
            "When the platform last answered; 0: never",
            registry=registry,
        )
        self.disk_free = Gauge("xinguan_disk_free_bytes", "Room left in the data folder", registry=registry)
        self.database = Gauge("xinguan_database_bytes", "Size of the ledger and its log", registry=registry)
        self.clock = Gauge("xinguan_clock_state", "1 for the state the clock is in", ("state",), registry=registry)
        self.lines = Gauge(
            "xinguan_line", "How each line of readiness stands: 0 well, 1 warn, 2 bad", ("line",), registry=registry
        )
        self.actuator_faults = Counter(
            "xinguan_actuator_faults", "Gates that did not obey", ("lane",), registry=registry
        )

        self.cleaned = Counter(
            "xinguan_api_cleaned",
            "Codes from the API that came with something around",
            ("lane", "what"),
            registry=registry,
        )

        ProcessCollector(registry=registry)
        build = Gauge("xinguan_build_info", "1 for the program that runs", ("version", "python"), registry=registry)
        build.labels(version("xinguan"), platform.python_version()).set(1)

    def decided(self, outcome: str, reason: str) -> None:
        """Count a decision; the counter of an outcome and its reason is looked for once."""
        counter = self._decided.get((outcome, reason))
        if counter is None:
            counter = self._decided[outcome, reason] = self.decisions.labels(outcome, reason)
        counter.inc()

    def watch(self, sources: Mapping[str, Source]) -> None:
        """Tell of these sources too, by lane."""
        self.registry.register(SourceFigures(sources))

    def text(self) -> bytes:
        """Return the exposition text, version 0.0.4."""
        return generate_latest(self.registry)


LANE, STEP = ("lane",), ("lane", "step")


class StageFigures(Collector):
    """How long the stages of decisions took, counted on the loop that decides: three of them in every grant.

    A plain histogram takes a lock for each bucket that it walks past; here a bucket is found by bisection.
    """

    def __init__(self) -> None:
        self._buckets = {stage: [0] * (len(BUCKETS_S) + 1) for stage in STAGES}
        self._sums = dict.fromkeys(STAGES, 0.0)

    def observe(self, stage: str, seconds: float) -> None:
        """Count that a stage took so long."""
        self._buckets[stage][bisect_left(BUCKETS_S, seconds)] += 1
        self._sums[stage] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield the family."""
        family = HistogramMetricFamily("xinguan_stage_seconds", "Time per stage of a decision", labels=("stage",))
        for stage, counts in self._buckets.items():
            upto = zip((*map(floatToGoString, BUCKETS_S), "+Inf"), accumulate(counts), strict=True)
            family.add_metric((stage,), buckets=list(upto), sum_value=self._sums[stage])
        yield family


class ListFigures:
    """How old the signed lists are, what is still given on them, and how soon news of them are in force."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.signed = Gauge(
            "xinguan_list_signed_timestamp_seconds",
            "When the newest of each city's lists was signed",
            ("list",),
            registry=registry,
        )
        self.allows = Gauge(
            "xinguan_list_allows",
            "What is still given on each city's lists at their age: 0 everything, 1 some, 2 nothing",
            ("list",),
            registry=registry,
        )
        self.reach = Histogram(
            "xinguan_list_reach_seconds",
            "From the office's click that made a publication to its being in force here",
            ("list",),
            buckets=REACH_S,
            registry=registry,
        )

    def switched(self, versions: Mapping[str, int | None], now_ms: int) -> None:
        """Note what came into force: a publication is numbered by the millisecond of the call that made it."""
        for role, number in versions.items():
            if number is not None and 0 <= now_ms - number <= YEAR_MS:
                self.reach.labels(role).observe((now_ms - number) / 1000)


class SourceFigures(Collector):
    """What the lanes' scanners do, as they say it at the moment of asking. A child's counters begin anew with it."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield the families, each with every lane."""
        yield from self._standing()
        yield from self._extras()
        yield from self._frames()
        yield from self._steps()

    def _standing(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("xinguan_scanner_ready", "1 if a code shown now would be read", labels=LANE)
        restarts = GaugeMetricFamily("xinguan_scanner_restarts", "Restarts of the scanner", labels=LANE)
        reopened = CounterMetricFamily("xinguan_scanner_reopened", "Times the camera was opened again", labels=LANE)
        memory = GaugeMetricFamily("xinguan_scanner_memory_bytes", "Memory of the scanner process", labels=LANE)
        dropped = "Figures of the scanner process that cannot be and were dropped"
        bad = CounterMetricFamily("xinguan_scanner_bad_figures", dropped, labels=LANE)
        for lane, source in self._sources.items():
            health = source.health
            ready.add_metric((lane,), health.ready)
            restarts.add_metric((lane,), health.restarts)
            if source.spec.is_camera:
                reopened.add_metric((lane,), health.reopened)
                memory.add_metric((lane,), health.rss_bytes)
                bad.add_metric((lane,), health.bad_figures)
        yield from (ready, restarts, reopened, memory, bad)

    def _extras(self) -> Iterator[Metric]:
        dropped = CounterMetricFamily("xinguan_scanner_dropped", "What was thrown away", labels=("lane", "why"))
        cleaned = CounterMetricFamily(
            "xinguan_scanner_cleaned", "What came with codes and was taken off", labels=("lane", "what")
        )
        for lane, source in self._sources.items():
            for why, count in source.health.drops.items():
                dropped.add_metric((lane, why), count)
            for what, count in source.health.cleaned.items():
                cleaned.add_metric((lane, what), count)
        yield from (dropped, cleaned)

    def _frames(self) -> Iterator[Metric]:
        frames = CounterMetricFamily("xinguan_camera_frames", "Frames that the camera gave", labels=LANE)
        fps = GaugeMetricFamily("xinguan_camera_fps", "Frames a second", labels=LANE)
        age = GaugeMetricFamily("xinguan_camera_frame_age_seconds", "Age of the newest frame", labels=LANE)
        looks = GaugeMetricFamily(
            "xinguan_scanner_looks", "Frames of the last minute that showed something like a code", labels=LANE
        )
        read = GaugeMetricFamily("xinguan_scanner_looks_read", "Of these, how many were read", labels=LANE)
        for lane, source in self._sources.items():
            if not source.spec.is_camera:
                continue
            health = source.health
            frames.add_metric((lane,), health.frames)
            fps.add_metric((lane,), health.fps)
            looks.add_metric((lane,), health.looks)
            read.add_metric((lane,), health.looks_read)
            if (frame_age := source.frame_age_s) is not None:
                age.add_metric((lane,), frame_age)
        yield from (frames, fps, age, looks, read)

    def _steps(self) -> Iterator[Metric]:
        tries = CounterMetricFamily("xinguan_scanner_tries", "Times a step was tried", labels=STEP)
        decodes = CounterMetricFamily("xinguan_scanner_decodes", "Frames that a step read", labels=STEP)
        seconds = CounterMetricFamily("xinguan_scanner_step_seconds", "CPU time of a step", labels=STEP)
        for lane, source in self._sources.items():
            for step, count in source.health.tries.items():
                tries.add_metric((lane, step), count)
                decodes.add_metric((lane, step), source.health.decodes.get(step, 0))
                seconds.add_metric((lane, step), source.health.step_ms.get(step, 0.0) / 1000)
        yield from (tries, decodes, seconds)
