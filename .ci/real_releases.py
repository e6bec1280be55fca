"""Real OpenClaw gateways of several releases, each asked directly and behind an
edge that adds forwarding headers, with and without `gateway.trustedProxies`: the
API tells of each what it is, sweeps leave alone what is up, no good token is
withdrawn, and the proxy reaches it.

real_releases.py PATH_OF_OPENCLAW_UP RELEASE...
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateways import BASELINE, Edge, Wrapper, gateway
from harness import ROOT, ask, check, equal, main, until
from swept import swept_stack

LOOPBACK = ("127.0.0.1", "::1")
REMEDY = "gateway.trustedProxies"
# Instances that have a service on the simulated Railway, so that self-healing and
# rotations could act on them. The second one is behind the edge.
DIRECT, BEHIND = "demo-running", "demo-legacy"
SWEEPS = 6
# What a gateway without an uptime is given to be the new process.
DOUBT = 15


def startup(gateway):
    """What it says on `/startupz`; nothing before 2026.8."""
    answer = ask(gateway.url, "GET", "/startupz")
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.json if is_json else None


def expect_version(owner, gateway):
    """What the gateway tells itself, and never another release's number."""
    told = startup(gateway)
    if told:
        equal(told["version"], gateway.release, "the gateway's own version")
    expected = (gateway.release, "startupz") if told else (BASELINE, "default")
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


def tool(base, token, prefix=""):
    """The status with which a tool answers to a token."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = {"tool": "sessions_list", "args": {}}
    return ask(base, "POST", f"{prefix}/tools/invoke", headers, body).status


def expect_proxied(owner, gateway, right, keys):
    """Over HTTP and over a WebSocket, the agent's own token decides."""
    prefix = f"/api/openclaw/proxy/{DIRECT}"
    for token, status in [(right, 200), ("wrong", 401)]:
        equal(tool(owner.api, token, prefix), status, f"a tool with the token {token[:5]}…")
        url = owner.api.replace("http://", "ws://") + f"{prefix}/"
        wish = {"url": url, "headers": owner.bearer, "token": token, "device": f"{keys}/device"}
        client = subprocess.run(
            [gateway.node, ROOT / ".ci/real_proxy.mjs", gateway.folder],
            input=json.dumps(wish), capture_output=True, text=True, timeout=60,
        )
        found = json.loads(client.stdout)
        check(found.get("upgraded"), f"a WebSocket through the proxy: {found}")
        answer = json.dumps(found.get("answer"))
        # A device that is not paired yet has shown the right token all the same.
        known = "hello-ok" in answer or "PAIRING_REQUIRED" in answer or "NOT_PAIRED" in answer
        equal(known, token == right, f"a handshake with the token {token[:5]}…: {found}")


def expect_closed_way_to_withdraw_nothing(owner, gateway, operation, token):
    """Long enough for any agent to count as the new process."""
    time.sleep(DOUBT + 1)
    for _ in range(3):
        found = owner.operation(BEHIND, operation)
        equal((found["status"], found["error"]), ("accepted", None), "a rotation that cannot be proved")
    equal(owner.token(BEHIND), token, "the token meanwhile")
    equal(tool(gateway.url, token), 200, "a tool with the token meanwhile")


def expect_refused(owner, gateway, operation, token):
    """The gateway still has the old token, and says so."""
    found = owner.settled(BEHIND, operation)
    equal(found["status"], "failed", "a rotation to a token that the gateway does not have")
    check(found["error"].startswith("The agent refused the new token"), found["error"])
    equal(owner.token(BEHIND), token, "the token after it")
    equal(tool(gateway.url, token), 200, "a tool with the token after it")


def expect_down(owner, instance, what):
    took = until(lambda: owner.history(instance)["condition"] == "down", 60, f"{instance} is down, {what}")
    print(f"  {instance} is down {took:.1f} s after it was {what}")


def expect_release(script, release):
    with swept_stack() as owner, gateway(script, release) as real, \
            tempfile.TemporaryDirectory() as keys:
        begin = time.monotonic()
        edge = Edge(real.port)
        token = owner.token(BEHIND)
        real.start(token)
        for instance, url in [(DIRECT, real.url), (BEHIND, edge.url)]:
            owner.register(instance, url)
        until(lambda: owner.state(DIRECT)["status"] == "healthy", 30, f"{release} is told as healthy")
        expect_version(owner, real)
        refuses = expect_attribution_to_be_named(owner, edge)
        owner.wait_for_sweeps(SWEEPS)
        owner.expect_left_alone(DIRECT, [], [])
        alerts = ["Agent degraded"] if refuses else []
        owner.expect_left_alone(BEHIND, ["proxy_attribution_required"] if refuses else [], alerts)

        operation = owner.rotate(BEHIND)
        if refuses:
            expect_closed_way_to_withdraw_nothing(owner, real, operation, token)
            # Read again without a restart.
            real.configure(LOOPBACK)
            until(lambda: owner.state(BEHIND)["status"] == "healthy", 30, f"{release} opens the way")
        expect_refused(owner, real, operation, token)
        expect_proxied(owner, real, token, keys)
        owner.wait_for_sweeps(SWEEPS)
        alerts += ["Agent no longer degraded"] if refuses else []
        owner.expect_left_alone(DIRECT, [], [])
        owner.expect_left_alone(BEHIND, [], alerts)

        os.kill(real.process, signal.SIGSTOP)
        equal(owner.state(DIRECT)["status"], "unreachable", "stopped by a signal")
        expect_down(owner, DIRECT, "stopped")
        expect_down(owner, BEHIND, "stopped")
        os.kill(real.process, signal.SIGCONT)
        for instance in (DIRECT, BEHIND):
            until(lambda: owner.history(instance)["condition"] == "up", 30, f"{instance} goes on")

        # Behind a wrapper that lets any token through, the handshake decides.
        wrapper = Wrapper(real.port, token)
        owner.register(BEHIND, wrapper.url)
        equal(tool(wrapper.url, "wrong"), 200, "a tool with a wrong token behind the wrapper")

        # A repair would bring the old token back while the gateway starts.
        owner.keep_from_healing(BEHIND)
        operation = owner.rotate(BEHIND)
        token = owner.pending_token(BEHIND)
        real.end(signal.SIGKILL)
        equal(owner.state(DIRECT)["status"], "unreachable", "an agent that was killed")
        expect_down(owner, DIRECT, "killed")
        # With the variables that a new container would have.
        real.configure(LOOPBACK)
        real.start(token)
        wrapper.token = token
        found = owner.settled(BEHIND, operation)
        equal((found["status"], found["error"]), ("succeeded", None), "a rotation")
        equal(owner.token(BEHIND), token, "the token after it")
        operation = owner.rotate(BEHIND)
        real.end(signal.SIGTERM)
        # A new process without the new variables.
        real.start(token)
        expect_refused(owner, real, operation, token)
        owner.register(BEHIND, edge.url)
        equal(owner.state(BEHIND)["status"], "healthy", f"{release} behind an edge that it knows")
        edge.shutdown()
        wrapper.shutdown()
    how = "refuses an unknown edge" if refuses else "serves through any edge"
    print(f"{release}: {how}, told as it is, in {time.monotonic() - begin:.0f} s")


def run():
    script = Path(sys.argv[1]).resolve()
    for release in sys.argv[2:]:
        expect_release(script, release)


main(run)
