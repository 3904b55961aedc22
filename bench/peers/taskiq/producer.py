"""Enqueues: `single N CALLERS` or `paced N PER_SECOND`; prints the seconds it took."""

import asyncio
import json
import sys
import time

from bench import broker, payload, task


async def single(count: int, callers: int) -> None:
    indexes = iter(range(count))

    async def call() -> None:
        for index in indexes:
            await task.kiq(payload(index))

    await asyncio.gather(*(call() for _ in range(callers)))


async def paced(count: int, per_second: int) -> None:
    started = time.monotonic()
    adding = []
    for index in range(count):
        wait = started + index / per_second - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        adding.append(asyncio.create_task(task.kiq(payload(time.monotonic_ns()))))
    await asyncio.gather(*adding)


async def main() -> None:
    how, count, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    await broker.startup()
    started = time.monotonic()
    await {"single": single, "paced": paced}[how](count, rate)
    print(json.dumps({"seconds": time.monotonic() - started}))
    await broker.shutdown()


asyncio.run(main())
