"""The broker, its one actor, and what the actor notes in BENCH_OUT."""

import os
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

mode = os.environ.get("BENCH_MODE", "noop")
first = True


def payload(number: int) -> str:
    """1 KiB, of which the first 20 characters are a number: a time or an index."""
    return f"{number:020d}" + "x" * 1004


def note(line: str) -> None:
    with open(os.environ["BENCH_OUT"], "a") as out:
        out.write(line + "\n")


class WaitForGate(dramatiq.Middleware):
    def before_worker_boot(self, broker, worker) -> None:
        note("ready")
        while not os.path.exists(os.environ["BENCH_GATE"]):
            time.sleep(0.001)


def noop(_payload: str) -> None:
    global first
    if first:
        first = False
        note(f"first {time.monotonic_ns()}")


def latency(payload: str) -> None:
    note(f"latency {time.monotonic_ns() - int(payload[:20])}")


def sleep(payload: str) -> None:
    index = int(payload[:20])
    note(f"start {index}")
    time.sleep(1)
    note(f"end {index}")


broker = RedisBroker(url=os.environ["BENCH_REDIS_URL"])
broker.add_middleware(WaitForGate())
dramatiq.set_broker(broker)
task = dramatiq.actor(actor_name="task")({"noop": noop, "latency": latency, "sleep": sleep}[mode])
