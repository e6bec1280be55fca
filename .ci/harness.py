"""What the end-to-end checks share: the local stack, processes that are sure to
end, and HTTP answers as they came, without redirects or proxies."""

import contextlib
import ctypes
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CACHE = Path(os.environ.get("CI_CACHE", Path.home() / ".cache/openclaw-maintenance"))

# What a developer has set for a real deployment must not leak into a check.
_KEPT = ("CARGO", "RUST", "HOME", "LANG", "PATH", "TMPDIR")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}


class Failed(Exception):
    """Something is not as it must be."""


def check(holds, what):
    if not holds:
        raise Failed(what)


def equal(found, expected, what):
    if found != expected:
        raise Failed(f"{what}:\n  expected {expected!r}\n  found    {found!r}")


def free_port():
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        return unbound.getsockname()[1]


def until(holds, seconds, what):
    """Waits until something holds, and tells how long it took."""
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > seconds:
            raise Failed(f"after {seconds} s still not: {what}")
        time.sleep(0.05)
    return time.monotonic() - start


# --- HTTP


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def ask(base, method, path, headers=None, body=None, limit=30):
    """One request on a connection of its own."""
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=limit)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


# --- processes


def is_alive(pid):
    """A zombie is not: it only waits for its parent to read its end."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def descendants(root):
    """The living processes below one."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, pending = [], [root]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return [pid for pid in found if is_alive(pid)]


def command_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return f"{pid} {command.decode(errors='replace')}"
    return str(pid)


@contextlib.contextmanager
def no_process_left_behind():
    """Whatever was started inside is ended by its id, also what its own parent
    left behind: orphans come to this process and not to the system's first."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        for deadly in (signal.SIGTERM, signal.SIGKILL):
            for pid in descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, deadly)
                    # One that is stopped would never hear of it.
                    os.kill(pid, signal.SIGCONT)
            with contextlib.suppress(Failed):
                until(lambda: not descendants(os.getpid()), 8, "all have ended")
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


@contextlib.contextmanager
def shown_on_failure(log):
    """The last lines of a log, only when something went wrong."""
    try:
        yield
    except BaseException:
        log.seek(0)
        sys.stderr.writelines(f"  | {line}" for line in log.readlines()[-15:])
        raise


@contextlib.contextmanager
def local_stack(*flags, port=0, **variables):
    """`local` with nothing on disk, and the line that it prints when it answers.
    It must end well on SIGINT."""
    binary = TARGET / "debug/local"
    check(binary.exists(), f"{binary} is not there: cargo build -p local")
    with tempfile.TemporaryFile("w+") as log, shown_on_failure(log):
        process = subprocess.Popen(
            [binary, "--port", str(port), "--memory", "--json", *flags],
            env=ENVIRONMENT | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        readable, _, _ = select.select([process.stdout], [], [], 30)
        line = process.stdout.readline() if readable else ""
        check(line, "the local stack did not start")
        yield json.loads(line)
        process.send_signal(signal.SIGINT)
        equal(process.wait(10), 0, "exit code of the local stack after SIGINT")
        left = descendants(os.getpid())
        check(not left, f"processes were left behind: {[command_of(pid) for pid in left]}")


def main(run):
    """Runs a check, and says in one line why it failed."""
    try:
        with no_process_left_behind():
            run()
    except Failed as failure:
        sys.exit(f"error: {failure}")
