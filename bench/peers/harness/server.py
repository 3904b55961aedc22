"""The Redis under test: a small client, and a private server for runs without one.

The client speaks just enough of the protocol to watch counters, so that the runner needs nothing
but Python. It counts what it sends: those commands are not the peer's.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from urllib.parse import urlparse

DEFAULT_DATABASE = 13


class Refused(Exception):
    """This server must not be used, or does not answer. The message says why."""


class Redis:
    def __init__(self, url: str):
        parts = urlparse(url)
        if parts.scheme != "redis" or not parts.hostname:
            raise Refused(f"{url} is not redis://host:port: every peer is measured over TCP")
        self.database = int(parts.path.strip("/") or DEFAULT_DATABASE)
        self.url = parts._replace(path=f"/{self.database}").geturl()
        self.sent = 0
        try:
            self.socket = socket.create_connection((parts.hostname, parts.port or 6379), timeout=30)
        except OSError as error:
            raise Refused(f"no Redis at {url}: {error}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")
        if parts.password:
            self.call("AUTH", *filter(None, [parts.username]), parts.password)
        self.call("SELECT", self.database)

    def call(self, *words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        message = b"*%d\r\n" % len(encoded)
        message += b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        try:
            self.socket.sendall(message)
            self.sent += 1
            return self._reply()
        except OSError as error:
            raise Refused(f"Redis went away: {error}") from error

    def _reply(self):
        line = self.reader.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(f"Redis answered: {rest.decode()}")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.reader.read(size + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        raise Refused("Redis closed the connection")

    def info(self, section: str) -> dict[str, str]:
        lines = self.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def config(self, name: str) -> str:
        return self.call("CONFIG", "GET", name)[1].decode()

    def flush(self) -> None:
        """Empties this database, and no other."""
        self.call("FLUSHDB", "SYNC")

    def used_memory(self) -> int:
        return int(self.info("memory")["used_memory"])

    def cpu_seconds(self) -> float:
        cpu = self.info("cpu")
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

    def commands(self) -> int:
        """Commands run since the start, those inside scripts too, without this client's own."""
        own = self.sent
        stats = self.info("commandstats").values()
        return sum(int(stat.split(",")[0].removeprefix("calls=")) for stat in stats) - own

    def refuse_if_in_use(self) -> None:
        keys = {name: counts for name, counts in self.info("keyspace").items()}
        if keys:
            held = ", ".join(f"{name} ({counts.split(',')[0]})" for name, counts in keys.items())
            raise Refused(f"{self.url} holds keys: {held}. Give the benchmark an empty server of its own")

    def describe(self) -> dict:
        names = ["appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "io-threads"]
        return {
            "version": self.info("server")["redis_version"],
            "config": {name: self.config(name) for name in names},
        }


class PrivateServer:
    """A redis-server on a free port, without persistence, gone when the block ends.

    Sorted sets are kept as skip lists from nine entries on, as deploy/redis.conf has it.
    """

    def __enter__(self) -> str:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise Refused("no redis-server here: install it, or name one with --redis-url")
        self.directory = tempfile.mkdtemp(prefix="bench-redis-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", self.directory,
             "--save", "", "--appendonly", "no", "--zset-max-listpack-entries", "8"],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            self._wait(port)
        except BaseException:
            self.__exit__()
            raise
        return f"redis://127.0.0.1:{port}"

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Refused("the private redis-server did not come up")

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

