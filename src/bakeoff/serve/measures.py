"""Counters for Prometheus, served at /metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Measures:
    """Counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "bakeoff_requests", "Requests by route and status code.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "bakeoff_request_seconds",
            "Seconds until the end of the answer.",
            ["route"],
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
            registry=self.registry,
        )
        self.active = Gauge("bakeoff_active_requests", "Requests that compute or wait.", registry=self.registry)
        self.tokens = Counter("bakeoff_tokens", "Generated tokens.", registry=self.registry)
        self.writing = Gauge("bakeoff_texts_in_progress", "Texts being generated.", registry=self.registry)
        self.loaded = Gauge("bakeoff_loaded_models", "Models in memory.", registry=self.registry)

    def text(self) -> bytes:
        """Return the counters in Prometheus' text format."""
        return generate_latest(self.registry)
