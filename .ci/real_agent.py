"""A real OpenClaw gateway is reported truthfully while it starts, runs, hangs and
is gone. The simulated agents of the tests are only as good as our idea of a
gateway; this checks the idea.

real_agent.py PATH_OF_OPENCLAW_UP
"""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateways import BASELINE, gateway
from harness import ask, check, equal, is_alive, local_stack, main, until

INSTANCE = "real-agent"
LIMITS = {"/healthz": 5, "/readyz": 4, "/api/status": 5}


class Owner:
    """A user of the local stack who has just got an agent."""

    def __init__(self, stack, url):
        self.api, self.url = stack["api"], url
        self.cookie = {"Cookie": stack["userWithoutAgent"]["cookie"]}
        self.id = stack["userWithoutAgent"]["ownerId"]
        self.bearer = {"Authorization": f"Bearer {stack['bearer']}"}

    def register(self):
        body = {"ownerId": self.id, "openclawUrl": self.url, "plan": "solo"}
        return ask(self.api, "PUT", f"/api/openclaw/instances/{INSTANCE}", self.bearer, body)

    def get(self, path):
        answer = ask(self.api, "GET", path, self.cookie)
        equal(answer.status, 200, f"status of {path}: {answer.body!r}")
        return answer.json

    def health(self):
        return self.get("/api/openclaw/maintenance")

    def expected(self, status, reason, checks, uptime=None):
        """The whole body of the health endpoint."""
        ok = {path: check_reason is None for path, (_, check_reason) in checks.items()}
        return {
            "instanceId": INSTANCE,
            "railwayUrl": self.url,
            "healthy": ok["/healthz"],
            "ready": ok["/readyz"],
            # A plain gateway does not tell its version.
            "version": BASELINE,
            "versionSource": "default",
            "uptime": uptime,
            "status": status,
            "statusReason": reason,
            "checks": [
                {"path": path, "ok": ok[path], "status": http_status, "reason": check_reason}
                for path, (http_status, check_reason) in checks.items()
            ],
        }

    def expect_refused(self):
        reason = "request failed: connection refused"
        checks = {path: (None, reason) for path in LIMITS}
        expected = self.expected("unreachable", f"No probe succeeded: {reason}", checks)
        equal(self.health(), expected, "health without a gateway")

    def expect_healthy(self):
        found = self.health()
        uptime = found["uptime"]
        check(uptime and uptime.endswith("s"), f"uptime of a young gateway: {uptime!r}")
        checks = {"/healthz": (200, None), "/readyz": (200, None), "/api/status": (404, "HTTP 404")}
        equal(found, self.expected("healthy", None, checks, uptime), "health of a gateway")


class Watcher(threading.Thread):
    """Asks again and again, and notes each change of the status."""

    def __init__(self, owner):
        super().__init__(daemon=True)
        self.owner, self.seen, self.error = owner, [], None
        self.start_time, self.ending = time.monotonic(), threading.Event()

    def run(self):
        try:
            while not self.ending.wait(0.05):
                health = self.owner.health()
                if not self.seen or self.seen[-1][1] != health["status"]:
                    seconds = time.monotonic() - self.start_time
                    self.seen.append((seconds, health["status"], health["statusReason"]))
        except Exception as error:
            self.error = error

    def end(self):
        self.ending.set()
        self.join()
        for seconds, status, reason in self.seen:
            print(f"  {seconds:6.1f} s  {status}" + (f": {reason}" if reason else ""))
        if self.error:
            raise self.error
        return [status for _, status, _ in self.seen]


def expect_hanging(owner, callers):
    """All callers at once wait as long as the slowest path, and not for each
    other."""
    expected = owner.expected(
        "unreachable",
        "No probe succeeded: request failed: timed out after 5 s",
        {path: (None, f"request failed: timed out after {n} s") for path, n in LIMITS.items()},
    )
    start = time.monotonic()
    with ThreadPoolExecutor(callers) as pool:
        found = list(pool.map(lambda _: owner.health(), range(callers)))
    seconds = time.monotonic() - start
    for body in found:
        equal(body, expected, "health of a gateway that hangs")
    check(5 <= seconds <= 7, f"{callers} callers waited {seconds:.1f} s and not 5 to 7")
    print(f"{callers} callers were told of a hanging gateway after {seconds:.1f} s")


def run():
    script = Path(sys.argv[1]).resolve()
    with local_stack() as stack, gateway(script, BASELINE) as real:
        owner = Owner(stack, real.url)
        no_agent = {"status": "no_agent", "healthy": False, "ready": False}
        equal(owner.health(), no_agent, "health without an agent")
        made, again = owner.register(), owner.register()
        equal((made.status, again.status), (201, 200), "statuses of a registration, twice")
        equal(again.json, made.json, "a registration is idempotent")
        owner.expect_refused()

        watcher = Watcher(owner)
        watcher.start()
        try:
            real.start()
            until(lambda: watcher.seen[-1][1] == "healthy", 5, "the gateway is reported healthy")
        finally:
            seen = watcher.end()
        orders = [["unreachable", "healthy"], ["unreachable", "starting", "healthy"]]
        check(seen in orders, f"statuses of a gateway that starts: {seen}")

        owner.expect_healthy()
        state = owner.get(f"/api/instance/{INSTANCE}")
        equal((state["status"], state["statusReason"]), ("healthy", None), "its runtime state")
        stats = owner.get(f"/api/instance/{INSTANCE}/stats")
        equal((stats["status"], stats["health"]), ("running", "healthy"), "its stats")
        # Why a probe looks at the body: status 200 alone proves nothing.
        page = ask(owner.url, "GET", "/healthz/")
        equal(
            (page.status, page.headers.get_content_type()),
            (200, "text/html"),
            "the control page under a path like a probe's",
        )

        os.kill(real.process, signal.SIGSTOP)
        expect_hanging(owner, callers=10)
        os.kill(real.process, signal.SIGCONT)
        seconds = until(lambda: owner.health()["status"] == "healthy", 10, "healthy again")
        owner.expect_healthy()
        print(f"healthy again {seconds:.1f} s after SIGCONT")

        os.kill(real.process, signal.SIGTERM)
        seconds = until(lambda: not is_alive(real.process), 15, "the gateway has ended")
        owner.expect_refused()
        print(f"gone {seconds:.1f} s after SIGTERM, and reported so")


main(run)
