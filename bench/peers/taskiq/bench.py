"""The broker, its one task, and what the task notes in BENCH_OUT."""

import asyncio
import os
import time

from taskiq import TaskiqEvents
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ["BENCH_REDIS_URL"])
mode = os.environ.get("BENCH_MODE", "noop")
first = True


def payload(number: int) -> str:
    """1 KiB, of which the first 20 characters are a number: a time or an index."""
    return f"{number:020d}" + "x" * 1004


def note(line: str) -> None:
    with open(os.environ["BENCH_OUT"], "a") as out:
        out.write(line + "\n")


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def wait_for_gate(_state) -> None:
    note("ready")
    while not os.path.exists(os.environ["BENCH_GATE"]):
        await asyncio.sleep(0.001)


async def noop(_payload: str) -> None:
    global first
    if first:
        first = False
        note(f"first {time.monotonic_ns()}")


async def latency(payload: str) -> None:
    note(f"latency {time.monotonic_ns() - int(payload[:20])}")


async def sleep(payload: str) -> None:
    index = int(payload[:20])
    note(f"start {index}")
    await asyncio.sleep(1)
    note(f"end {index}")


task = broker.task(task_name="task")({"noop": noop, "latency": latency, "sleep": sleep}[mode])
