"""How a runner talks with the harness: one JSON line when it is ready, then one for each `round SECONDS` it reads.

Between rounds the harness stops the process, so an idle side costs the measured one nothing.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable

WARM_UP = 1
FEWEST = 3


def peak_mb() -> float:
    """Most resident memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(**fields: object) -> None:
    """One JSON line; refuses a number that JSON does not have."""
    print(json.dumps(fields, allow_nan=False), flush=True)


def run_round(step: Callable[[], object], seconds: float) -> dict[str, float]:
    """Repeats `step` for so long; milliseconds of one."""
    for _ in range(WARM_UP):
        step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST or time.perf_counter() < end:
        begin = time.perf_counter()
        step()
        times.append((time.perf_counter() - begin) * 1e3)
    return {"median_ms": statistics.median(times), "min_ms": min(times), "n": len(times)}


def serve(phase: str, step: Callable[[], object], checks: dict[str, object]) -> None:
    """Says what the checks found, then measures on demand until the input ends."""
    say(phase=phase, ready=True, peak_mb=peak_mb(), **checks)
    for line in sys.stdin:
        word, *rest = line.split()
        if word != "round":
            break
        say(phase=phase, **run_round(step, float(rest[0])), peak_mb=peak_mb())
