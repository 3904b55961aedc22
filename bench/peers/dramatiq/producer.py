"""Enqueues: `single N CALLERS` or `paced N PER_SECOND`; prints the seconds it took."""

import json
import sys
import threading
import time

from bench import payload, task


def single(count: int, callers: int) -> None:
    indexes = iter(range(count))

    def call() -> None:
        # One next() on a range iterator is one step under the interpreter's lock.
        for index in indexes:
            task.send(payload(index))

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def paced(count: int, per_second: int) -> None:
    started = time.monotonic()
    for index in range(count):
        wait = started + index / per_second - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        task.send(payload(time.monotonic_ns()))


how, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
started = time.monotonic()
{"single": single, "paced": paced}[how](count, rate)
print(json.dumps({"seconds": time.monotonic() - started}))
