"""A real OpenClaw gateway behind the proxy: its control page loads, its own
handshake is completed with the right token and refused with a wrong one, and a
stranger's device is a stranger's, with the address that he really has.

real_proxy.py PATH_OF_OPENCLAW_UP
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from gateways import BASELINE, CLIENT as STRANGER, TOKEN, gateway
from harness import ROOT, ask, check, equal, is_alive, local_stack, main, until

INSTANCE = "real-agent"

class Client:
    """Who connects with a device of its own."""

    def __init__(self, real, device):
        self.real, self.device = real, str(device)

    def start(self, base, path, headers, token, stay=False):
        url = base.replace("http://", "ws://") + path
        wish = {"url": url, "headers": headers, "token": token, "device": self.device, "stay": stay}
        process = subprocess.Popen(
            [self.real.node, ROOT / ".ci/real_proxy.mjs", self.real.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(json.dumps(wish))
        process.stdin.close()
        return process

    def connect(self, base, path, headers, token):
        process = self.start(base, path, headers, token)
        return json.loads(process.stdout.read())


def expect_same_page(gateway, api, prefix):
    headers = {"Accept": "text/html"}
    direct, proxied = ask(gateway, "GET", "/", headers), ask(api, "GET", f"{prefix}/", headers)
    equal(proxied.status, 200, "status of the control page")
    equal(proxied.body, direct.body, "the control page")
    files = re.findall(rb'(?:src|href)="\./([^"]+)"', proxied.body)
    check(files, "the control page names files")
    for file in {file.decode() for file in files}:
        through = ask(api, "GET", f"{prefix}/{file}")
        same = ask(gateway, "GET", f"/{file}")
        equal((through.status, through.body == same.body), (200, True), f"the page's file {file}")
        kinds = [it.headers.get("content-type") for it in (through, same)]
        equal(*kinds, f"type of {file}")
    print(f"the control page and its {len(set(files))} files come through as they are")


def expect_token_to_decide(api, prefix):
    for token, status in [(TOKEN, 200), ("wrong", 401)]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = {"tool": "sessions_list", "args": {}}
        answer = ask(api, "POST", f"{prefix}/tools/invoke", headers, body)
        equal(answer.status, status, f"a tool with the token {token[:5]}…: {answer.body!r}")


def devices(real, kind):
    file = real.state / f"devices/{kind}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def run():
    script = Path(sys.argv[1]).resolve()
    # As if the platform's own proxy stood in front of the relay.
    with local_stack(PROXY_FRONTS="1") as stack, gateway(script, BASELINE) as real, \
            tempfile.TemporaryDirectory() as keys:
        api = stack["api"]
        prefix = f"/api/openclaw/proxy/{INSTANCE}"
        bearer = {"Authorization": f"Bearer {stack['bearer']}"}
        user = stack["userWithoutAgent"]
        body = {"ownerId": user["ownerId"], "openclawUrl": real.url, "plan": "solo"}
        made = ask(api, "PUT", f"/api/openclaw/instances/{INSTANCE}", bearer, body)
        equal(made.status, 201, "status of the registration")
        equal(ask(api, "GET", f"{prefix}/").status, 502, "status without a gateway")
        # A gateway that believes the proxy beside it.
        real.configure(["127.0.0.1"])
        real.start()

        expect_same_page(real.url, api, prefix)
        expect_token_to_decide(api, prefix)

        known, stranger = Client(real, Path(keys) / "known"), Client(real, Path(keys) / "stranger")
        # On the gateway's own machine a device is paired at once.
        found = known.connect(real.url, "/", {}, TOKEN)
        check(found.get("answer", {}).get("ok"), f"a device on the gateway's machine: {found}")
        check(found["device"] in devices(real, "paired"), "it is paired")

        through = bearer | {"X-Forwarded-For": f"127.0.0.1, {STRANGER}"}
        found = known.connect(api, f"{prefix}/", through, TOKEN)
        check(found.get("answer", {}).get("ok"), f"a paired device through the proxy: {found}")
        equal(found["answer"]["payload"]["type"], "hello-ok", "the answer to its handshake")
        equal(found["answer"]["payload"]["protocol"], 3, "the gateway's protocol")

        found = known.connect(api, f"{prefix}/", through, "wrong")
        check(found.get("upgraded"), f"the token is judged after the upgrade: {found}")
        check("AUTH_TOKEN_MISMATCH" in json.dumps(found["answer"]), f"a wrong token: {found}")
        equal(found.get("close"), 1008, f"close code of a wrong token, {found}")

        found = stranger.connect(api, f"{prefix}/", through, TOKEN)
        check("PAIRING_REQUIRED" in json.dumps(found["answer"]), f"a stranger's device: {found}")
        equal(found.get("close"), 1008, "close code of a stranger's device")
        check(found["device"] not in devices(real, "paired"), "a stranger's device is not paired")
        asked = [it for it in devices(real, "pending").values() if it["deviceId"] == found["device"]]
        equal([it.get("remoteIp") for it in asked], [STRANGER], "the address that the gateway saw")
        print("a paired device gets in, a wrong token and a stranger's device do not")

        for headers, status in [({}, 401), ({"Authorization": "Bearer wrong"}, 403)]:
            found = known.connect(api, f"{prefix}/", headers, TOKEN)
            equal(found.get("status"), status, f"a WebSocket with {headers}")
        cookie = {"Cookie": user["cookie"]}
        ticket = ask(api, "POST", f"{prefix}/ticket", cookie).json["ticket"]
        found = known.connect(api, f"{prefix}/?ticket={ticket}", {}, TOKEN)
        check(found.get("answer", {}).get("ok"), f"a browser with a ticket: {found}")
        found = known.connect(api, f"{prefix}/?ticket={ticket}", {}, TOKEN)
        equal(found.get("status"), 403, "the same ticket again")

        staying = known.start(api, f"{prefix}/", through, TOKEN, stay=True)
        equal(staying.stderr.readline(), "open\n", "a connection that stays")
        os.kill(real.process, signal.SIGTERM)
        found = json.loads(staying.stdout.read())
        equal(found.get("close"), 1012, f"close code when the gateway ends, {found}")
        until(lambda: not is_alive(real.process), 15, "the gateway has ended")
        print("the gateway's own close code comes through")


main(run)
