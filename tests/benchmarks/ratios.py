"""Ratios of two ways to do a thing, taken turn about in one run: the only kind of figure that outlives a machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from statistics import median
from threading import Thread
from time import thread_time
from typing import Any, TypeVar

Operation = Callable[[], object]
Result = TypeVar("Result")


def seconds(run: Operation, clock: Callable[[], float] = thread_time) -> float:
    """What one call takes of the processor; the share that other programs take meanwhile does not count."""
    start = clock()
    run()
    return clock() - start


def on_a_thread(work: Callable[[], Result]) -> Result:
    """Do ``work`` where the stack is short.

    Under pytest it is so deep that CPython 3.11 allocates and frees a piece of it again and again while functions
    call each other, which makes a recursive one look up to three times slower than it is.
    """
    results: list[Result] = []
    worker = Thread(target=lambda: results.append(work()))
    worker.start()
    worker.join()
    return results[0]


def compare(benchmark: Any, run: Operation, floor: Operation, goal: float, rounds: int = 25) -> None:
    """Time ``run`` and ``floor`` turn about and note their ratio beside the goal, which is at most so many times.

    ``ratio`` is the median of the ratios of neighbours, so that a machine that is busy for a while spoils a few of
    them and not the figure; ``ratio_of_best`` compares the best time of either.
    """
    run()
    floor()
    gc.collect()
    gc.freeze()  # what the test program itself holds shall not be searched for garbage again and again
    pairs = on_a_thread(lambda: [(seconds(floor), seconds(run)) for _ in range(rounds)])
    benchmark.pedantic(run, rounds=1)
    gc.unfreeze()
    note(benchmark, [took / least for least, took in pairs], goal)
    best_floor, best_run = (min(times) for times in zip(*pairs, strict=True))
    benchmark.extra_info["ratio_of_best"] = round(best_run / best_floor, 2)


def note(benchmark: Any, ratios: list[float], goal: float) -> None:
    """Record the ratio, how far it scatters, the goal, and the interpreter."""
    ordered = sorted(ratios)
    benchmark.extra_info["ratio"] = round(median(ordered), 2)
    benchmark.extra_info["quartiles"] = [round(ordered[len(ordered) * part // 4], 2) for part in (1, 3)]
    benchmark.extra_info["goal"] = goal
    benchmark.extra_info["interpreter"] = sys.version.split(" (")[0]


def repeated(run: Operation, times: int = 100) -> Operation:
    """Many calls as one, so that the clock's own time does not count."""

    def many() -> None:
        for _ in range(times):
            run()

    return many
