"""What happens, for people and machines: one log line a call, and metrics in Prometheus' text format."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from agor_core.errors import ServiceError
from agor_core.feathers.params import HookContext
from agor_core.feathers.wire import dumps

call_logger = logging.getLogger("agor_core.feathers.calls")

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Observer:
    """Sees every outside call once, when it is over. Neither data nor tokens are looked at."""

    def __init__(self, user_field: str = "id") -> None:
        self._user_field = user_field
        self.calls: dict[tuple[str, str, int], int] = {}
        # How many took no longer than each of the bounds but than the one before; the slower ones; the sum.
        self.seconds: dict[tuple[str, str], list[float]] = {}

    def __call__(self, context: HookContext, seconds: float, error: BaseException | None) -> None:
        """A call is over; `error` is what it failed with."""
        code = 200 if error is None else error.code if isinstance(error, ServiceError) else 500
        place = context.path, context.signature.wire
        self.calls[*place, code] = self.calls.get((*place, code), 0) + 1
        histogram = self.seconds.get(place) or self.seconds.setdefault(place, [0.0] * (len(BUCKETS_S) + 2))
        histogram[bisect_left(BUCKETS_S, seconds)] += 1
        histogram[-1] += seconds
        if call_logger.isEnabledFor(logging.INFO):
            self._log(context, seconds, code)

    def _log(self, context: HookContext, seconds: float, code: int) -> None:
        params = context.params
        line = {
            "path": context.path,
            "method": context.method,
            "ms": round(seconds * 1000, 2),
            "code": code,
            "user": (params.user or {}).get(self._user_field),
            "connection": None if params.connection is None else params.connection.id,
        }
        # Not `info`: it would look up from which line of code this comes, for each call anew.
        text = dumps(line).decode()
        call_logger.handle(call_logger.makeRecord(call_logger.name, logging.INFO, __file__, 0, text, (), None))

    def text(self) -> list[str]:
        """The metrics of calls, line by line."""
        lines = ["# TYPE feathers_calls_total counter"]
        for (path, method, code), count in sorted(self.calls.items()):
            lines.append(line_of("feathers_calls_total", count, path=path, method=method, code=code))
        lines.append("# TYPE feathers_call_seconds histogram")
        for (path, method), histogram in sorted(self.seconds.items()):
            name = "feathers_call_seconds_bucket"
            *counts, total_s = histogram
            so_far = list(accumulate(counts))
            for bound, so_many in zip((*BUCKETS_S, "+Inf"), so_far, strict=True):
                lines.append(line_of(name, so_many, path=path, method=method, le=bound))
            lines.append(line_of("feathers_call_seconds_sum", total_s, path=path, method=method))
            lines.append(line_of("feathers_call_seconds_count", so_far[-1], path=path, method=method))
        return lines


def line_of(name: str, value: float, **labels: Any) -> str:
    """One sample."""
    shown = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}"


def samples(kind: str, values: Mapping[str, float]) -> Iterable[str]:
    """Samples without labels, each with its type."""
    for name, value in values.items():
        yield f"# TYPE {name} {kind}"
        yield line_of(name, value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
