"""The peers: how each is installed and started, and where it records that a task is done.

A peer's own scripts sit in the folder of its name. The runner never looks at a peer's handlers to
tell whether a task is done: it asks the peer's own record in Redis, by the functions here.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .server import Redis

HERE = Path(__file__).resolve().parent.parent


class NotInstalled(Exception):
    """The peer can't be had on this machine. The message says why."""


@dataclass(frozen=True)
class Peer:
    name: str
    version: str
    #: Tasks at once in one worker process when throughput is measured.
    concurrency: int
    #: Whether there is a call that enqueues many tasks.
    bulk: bool
    install: Callable[[], None]
    producer: list[str]
    #: The worker's command line for (mode, concurrency).
    worker: Callable[[str, int], list[str]]
    queued: Callable[[Redis], int]
    #: Tasks recorded as done, given how many there were.
    done: Callable[[Redis, int], int]
    #: What has to happen between a bulk enqueue and a drain, outside the clock.
    before_drain: Callable[[Redis], None] = lambda redis: None

    @property
    def folder(self) -> Path:
        return HERE / self.name


def run(command: list[str], cwd: Path) -> None:
    if shutil.which(command[0]) is None:
        raise NotInstalled(f"{command[0]} is not on this machine")
    # stdout carries the report, so installers talk on stderr.
    if subprocess.run(command, cwd=cwd, stdout=sys.stderr).returncode != 0:
        raise NotInstalled(f"`{' '.join([Path(command[0]).name, *command[1:3]])}` failed")


def pinned(file: str, before: str) -> str:
    """The version that a peer's own file pins, so that it is written once."""
    return re.search(re.escape(before) + r"([0-9.]+)", (HERE / file).read_text())[1]


def is_current(stamp: Path, source: Path) -> bool:
    return stamp.exists() and stamp.read_text() == source.read_text()


# BullMQ: keeps finished jobs in `bull:{queue}:completed` unless told otherwise.


def install_bullmq() -> None:
    folder = HERE / "bullmq"
    lock, stamp = folder / "package-lock.json", folder / "node_modules/.installed"
    if not is_current(stamp, lock):
        # Not `npm ci`: it wants an entry for every platform's build of one optional accelerator.
        run(["npm", "install", "--no-save", "--ignore-scripts", "--silent"], folder)
        stamp.write_text(lock.read_text())


bullmq = Peer(
    name="bullmq",
    version=pinned("bullmq/package.json", '"bullmq": "'),
    concurrency=100,
    bulk=True,
    install=install_bullmq,
    producer=["node", "producer.mjs"],
    worker=lambda mode, concurrency: ["node", "worker.mjs", mode, str(concurrency)],
    queued=lambda redis: redis.call("LLEN", "bull:bench:wait"),
    done=lambda redis, total: redis.call("ZCARD", "bull:bench:completed"),
)


# apalis-redis: pushes everything through its schedule; keeps finished tasks in `{queue}:done`.

APALIS = str(HERE / "apalis/target/release/greenline-bench-apalis")


def install_apalis() -> None:
    run(["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", "target"], HERE / "apalis")


def promote_scheduled(redis: Redis) -> None:
    """Moves due tasks to the active list in steps.

    The peer's own script does it in one `unpack`, which fails above some 8,000 tasks and stops
    the worker. Done here, the drain of a larger backlog can be measured at all.
    """
    while popped := redis.call("ZPOPMIN", "bench:scheduled", 1000):
        redis.call("RPUSH", "bench:active", *popped[::2])


apalis = Peer(
    name="apalis",
    version=pinned("apalis/Cargo.toml", 'apalis-redis = "='),
    concurrency=100,
    bulk=True,
    install=install_apalis,
    producer=[APALIS, "producer"],
    worker=lambda mode, concurrency: [APALIS, "worker", mode, str(concurrency)],
    queued=lambda redis: redis.call("ZCARD", "bench:scheduled") + redis.call("LLEN", "bench:active"),
    done=lambda redis, total: redis.call("SCARD", "bench:done"),
    before_drain=promote_scheduled,
)


# The Python peers have an environment each: their requirements need not agree.


def python_peer(name: str) -> tuple[Callable[[], None], Path]:
    environment, requirements = HERE / ".venv" / name, HERE / name / "requirements.txt"
    stamp = environment / "installed.txt"

    def install() -> None:
        if not is_current(stamp, requirements):
            run([sys.executable, "-m", "venv", "--clear", str(environment)], HERE)
            run([str(environment / "bin/pip"), "install", "--quiet", "-r", str(requirements)], HERE)
            stamp.write_text(requirements.read_text())

    return install, environment / "bin"


# taskiq on Redis streams: done is read by the group and acknowledged. The stream is kept.

install_taskiq, TASKIQ = python_peer("taskiq")


def acknowledged(redis: Redis) -> int:
    fields = redis.call("XINFO", "GROUPS", "taskiq")[0]
    group = dict(zip(fields[::2], fields[1::2]))
    return (group[b"entries-read"] or 0) - group[b"pending"]


taskiq = Peer(
    name="taskiq",
    version=pinned("taskiq/requirements.txt", 'taskiq=='),
    concurrency=100,
    bulk=False,
    install=install_taskiq,
    producer=[str(TASKIQ / "python"), "producer.py"],
    worker=lambda mode, concurrency: [
        str(TASKIQ / "taskiq"), "worker", "bench:broker", "--workers", "1",
        "--max-async-tasks", str(concurrency), "--log-level", "WARNING",
    ],  # fmt: skip
    queued=lambda redis: redis.call("XLEN", "taskiq"),
    done=lambda redis, total: acknowledged(redis),
)


# dramatiq: done is gone from the message hash. Nothing is kept.

install_dramatiq, DRAMATIQ = python_peer("dramatiq")

dramatiq = Peer(
    name="dramatiq",
    version=pinned("dramatiq/requirements.txt", 'dramatiq=='),
    concurrency=8,
    bulk=False,
    install=install_dramatiq,
    producer=[str(DRAMATIQ / "python"), "producer.py"],
    worker=lambda mode, concurrency: [
        str(DRAMATIQ / "dramatiq"), "bench", "--processes", "1", "--threads", str(concurrency),
    ],  # fmt: skip
    queued=lambda redis: redis.call("HLEN", "dramatiq:default.msgs"),
    done=lambda redis, total: total - redis.call("HLEN", "dramatiq:default.msgs"),
)

ALL = {peer.name: peer for peer in [bullmq, apalis, taskiq, dramatiq]}
