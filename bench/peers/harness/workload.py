"""The workload, the same for every peer: one function per measurement.

Each begins on an empty database and gives the figures by the names they have in the report. A
measurement that does not come to its end raises `Failed`; the others go on without it.
"""

import json
import math
import subprocess
import time
from pathlib import Path

from .peers import Peer
from .server import Redis
from .workers import Failed, Workers, environment

CALLERS = 10
PACE_PER_SECOND = 200
PACE_SECONDS = 10
WARM_UP = 40
#: A peer slower than this is given up, with a minute more for its start.
SLOWEST_PER_SECOND = 200
RECOVERY_TASKS = 100
RECOVERY_AT_ONCE = 10
RECOVERY_LIMIT = 90
#: How far into their second the running tasks are when the worker is killed.
RECOVERY_KILL_AFTER = 0.4


class Bench:
    def __init__(self, peer: Peer, redis: Redis, scratch: Path):
        self.peer, self.redis, self.scratch = peer, redis, scratch

    def produce(self, *words) -> float:
        """Runs the peer's producer and gives the seconds that it measured itself."""
        command = [*self.peer.producer, *map(str, words)]
        places = environment(self.redis.url, self.scratch / "notes", self.scratch / "gate", "noop")
        try:
            ended = subprocess.run(
                command, cwd=self.peer.folder, env=places, capture_output=True, text=True,
                timeout=time_limit(int(words[1])),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Failed(f"the producer had not enqueued all after {error.timeout:.0f} s") from error
        if ended.returncode != 0:
            raise Failed(f"the producer failed: {ended.stderr.strip()[-300:]}")
        return json.loads(ended.stdout.strip().splitlines()[-1])["seconds"]

    def fill(self, tasks: int) -> dict:
        """Enqueues a backlog by the fastest call there is, and says how fast where that is a bulk call."""
        how = ("bulk", tasks) if self.peer.bulk else ("single", tasks, CALLERS)
        seconds = self.produce(*how)
        queued = self.peer.queued(self.redis)
        if queued != tasks:
            raise Failed(f"{tasks} tasks were enqueued, {queued} are there")
        return {"enqueue_bulk_per_s": tasks / seconds} if self.peer.bulk else {}

    def drain(self, tasks: int, processes: int) -> dict:
        redis, peer = self.redis, self.peer
        redis.flush()
        empty = redis.used_memory()
        figures = self.fill(tasks)
        queued = redis.used_memory()
        peer.before_drain(redis)
        with Workers(peer, redis.url, self.scratch, "noop", processes) as workers:
            cpu, commands = redis.cpu_seconds(), redis.commands()
            workers.open_gate()
            ended = workers.wait_for(
                lambda: bool(workers.notes("first")) and peer.done(redis, tasks) >= tasks,
                time_limit(tasks), f"not all of {tasks} tasks were done",
            )  # fmt: skip
            cpu, commands = redis.cpu_seconds() - cpu, redis.commands() - commands
            seconds = (ended - min(workers.notes("first"))) / 1e9
            rss = workers.rss_mb()
        figures[f"drain{processes}_per_s"] = tasks / seconds
        if processes == 1:
            figures |= {
                "rss_mb": rss,
                "redis_us_per_task": cpu * 1e6 / tasks,
                "redis_commands_per_task": commands / tasks,
                "redis_bytes_per_queued_task": (queued - empty) / tasks,
                "redis_bytes_per_task": (redis.used_memory() - empty) / tasks,
            }
        return figures

    def enqueue_single(self, tasks: int) -> dict:
        self.redis.flush()
        return {"enqueue_single_per_s": tasks / self.produce("single", tasks, CALLERS)}

    def pickup(self) -> dict:
        self.redis.flush()
        count = PACE_PER_SECOND * PACE_SECONDS
        with Workers(self.peer, self.redis.url, self.scratch, "latency") as workers:
            workers.open_gate()
            self.produce("paced", WARM_UP, PACE_PER_SECOND)
            self._wait_for_latencies(workers, WARM_UP)
            self.produce("paced", count, PACE_PER_SECOND)
            self._wait_for_latencies(workers, WARM_UP + count)
            latencies = sorted(workers.notes("latency")[WARM_UP:])
        return {
            "pickup_p50_ms": percentile(latencies, 50) / 1e6,
            "pickup_p99_ms": percentile(latencies, 99) / 1e6,
        }

    def _wait_for_latencies(self, workers: Workers, count: int) -> None:
        workers.wait_for(lambda: len(workers.notes("latency")) >= count, 60, "not every task was picked up", 0.1)

    def recovery(self) -> dict:
        """Kills the worker over its running tasks; counts from then until a fresh one has run all.

        Here the handlers' own notes count: a task that ran to its end is not missing.
        """
        self.redis.flush()
        self.produce("single", RECOVERY_TASKS, CALLERS)
        with Workers(self.peer, self.redis.url, self.scratch, "sleep", concurrency=RECOVERY_AT_ONCE) as workers:
            workers.open_gate()
            workers.wait_for(
                lambda: len(workers.notes("start")) >= RECOVERY_AT_ONCE, 60, "too few tasks ran at once"
            )
            time.sleep(RECOVERY_KILL_AFTER)
            workers.kill()
            killed = time.monotonic_ns()
            workers.start()
            workers.wait_for(lambda: len(workers.notes("ready")) == 2, 60, "no fresh worker came up")
            try:
                ended = workers.wait_for(
                    lambda: len(set(workers.notes("end"))) >= RECOVERY_TASKS, RECOVERY_LIMIT, "not all ran", 0.05
                )
            except Failed:
                return {"recovery_s": None, "missing": RECOVERY_TASKS - len(set(workers.notes("end")))}
        return {"recovery_s": (ended - killed) / 1e9, "missing": 0}


def time_limit(tasks: int) -> float:
    return 60 + tasks / SLOWEST_PER_SECOND


def percentile(ordered: list[int], percent: float) -> int:
    """The smallest value that at least this share of all values does not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
