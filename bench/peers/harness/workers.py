"""Worker processes of a peer, and what they note while they run.

Each worker runs in a process group of its own, so that a kill reaches whatever it forked. It says
`ready`, waits until the gate file appears, and then works: start-up is not part of any figure.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from .peers import Peer


class Failed(Exception):
    """One measurement of one peer did not come to its end. The message says why."""


class Workers:
    def __init__(self, peer: Peer, url: str, scratch: Path, mode: str, processes: int = 1, concurrency=None):
        self.out, self.gate = scratch / "notes", scratch / "gate"
        self.log_path = scratch / "worker.log"
        self.log = self.log_path.open("wb")
        self.peer, self.url, self.mode = peer, url, mode
        self.command = peer.worker(mode, concurrency or peer.concurrency)
        self.out.unlink(missing_ok=True)
        self.gate.unlink(missing_ok=True)
        self.running: list[subprocess.Popen] = []
        self.processes = processes

    def __enter__(self) -> "Workers":
        try:
            for _ in range(self.processes):
                self.start()
            self.wait_for(lambda: len(self.notes("ready")) == self.processes, 60, "not every worker came up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        self.running.append(
            subprocess.Popen(
                self.command, cwd=self.peer.folder, env=environment(self.url, self.out, self.gate, self.mode),
                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
            )  # fmt: skip
        )

    def open_gate(self) -> None:
        self.gate.touch()

    def notes(self, kind: str) -> list[int]:
        """The numbers noted under this word so far."""
        if not self.out.exists():
            return []
        words = (line.split() for line in self.out.read_text().splitlines())
        return [int(line[1]) if len(line) > 1 else 0 for line in words if line and line[0] == kind]

    def wait_for(self, condition, seconds: float, otherwise: str, every: float = 0.005) -> int:
        """Waits for the condition and gives the time when it was seen, in ns."""
        deadline = time.monotonic() + seconds
        checked = time.monotonic()
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(f"{otherwise} within {seconds:.0f} s{self.last_words()}")
            if time.monotonic() - checked > 0.5:
                checked = time.monotonic()
                self.check_alive()
            time.sleep(every)
        return time.monotonic_ns()

    def check_alive(self) -> None:
        for process in self.running:
            if process.poll() is not None:
                raise Failed(f"a worker ended with status {process.returncode}{self.last_words()}")

    def last_words(self) -> str:
        lines = self.log_path.read_text(errors="replace").strip().splitlines()
        return f"; it last said: {lines[-1][:300]}" if lines else ""

    def rss_mb(self) -> float:
        """Resident memory of the process that does the work: the largest of the first worker's group."""
        group = self.running[0].pid
        return max(resident(pid) for pid in members(group)) / 1e6

    def kill(self) -> None:
        for process in self.running:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.running.clear()

    def __exit__(self, *_) -> None:
        self.kill()
        self.log.close()


def environment(url: str, out: Path, gate: Path, mode: str) -> dict[str, str]:
    return dict(os.environ) | {
        "BENCH_REDIS_URL": url,
        "BENCH_OUT": str(out),
        "BENCH_GATE": str(gate),
        "BENCH_MODE": mode,
        "NODE_ENV": "production",
        "PYTHONUNBUFFERED": "1",
    }


def members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # After the command's closing bracket: state, parent, group.
                if int((entry / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
