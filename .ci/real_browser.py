"""A real browser in front of real OpenClaw gateways: an owner logs in at the API,
clicks, and the agent's own page says that it is connected; a stranger and a used link
get a page that says so, and no device is approved for them. Then two hostile agents in
one browser, at their own origins and below the contract's path: neither reads the
other's storage, cookies or answers, nor the API with the visitor's session.

real_browser.py PATH_OF_OPENCLAW_UP PLAYWRIGHT_FOLDER RELEASE...
"""

import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

from gateways import gateway
from harness import CACHE, ROOT, ask, check, equal, free_port, local_stack, main

SCREENSHOTS = CACHE / "screenshots"
PORT = free_port()
ORIGINS = f"http://{{agentId}}.agents.localhost:{PORT}"
AGENT, OWNER = "demo-running", "owner-running"
# Without models a page has something to ask first; what it then shows comes from the
# gateway, over the WebSocket.
RELEASES = {
    "2026.4.11": {
        "page": {"dangerouslyDisableDeviceAuth": True},
        "plugins": {},
        "shown": ("v2026.4.11", "Overview", r"STATUS\s+OK"),
    },
    "2026.9.6": {
        "page": {},
        "plugins": {"admin-http-rpc": {"enabled": True}},
        "shown": ("2026.9.6", "Gateway", rf"Connected to {AGENT}\.agents\.localhost:{PORT}"),
    },
}
REFUSED = "This link has been used or has expired"
NOT_OPEN = "This page is not open in this browser"


def browse(playwright, visits):
    """What the visitors saw, by the names of their visits."""
    command = ["node", ROOT / ".ci/real_browser.mjs", playwright, SCREENSHOTS]
    done = subprocess.run(command, input=json.dumps(visits), capture_output=True, text=True, timeout=300)
    check(done.returncode == 0, f"the browser failed: {done.stderr}")
    return {found["name"]: found for found in json.loads(done.stdout)}


def origin(agent):
    return ORIGINS.replace("{agentId}", agent)


def opened(stack, agent, cookie):
    """A fresh link to an agent's page."""
    answer = ask(stack["api"], "POST", f"/api/instance/{agent}/open", {"Cookie": cookie})
    equal(answer.status, 201, f"status of a link: {answer.body!r}")
    return answer.json["url"]


def devices(real, token):
    """The gateway's devices: those that wait, and those that are approved."""
    if real.release == "2026.4.11":
        files = [real.state / f"devices/{kind}.json" for kind in ("pending", "paired")]
        return [len(json.loads(file.read_text())) if file.exists() else 0 for file in files]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    call = {"method": "device.pair.list", "params": {}}
    found = ask(real.url, "POST", "/api/v1/admin/rpc", headers, call).json["payload"]
    return [len(found[kind]) for kind in ("pending", "paired")]


def expect_what_is_configured_to_be_what_ensure_compatibility_brings(stack, release, configuration, cookie):
    bearer = {"Authorization": f"Bearer {stack['bearer']}"}
    path = f"/api/openclaw/instances/{AGENT}/configuration"
    stored = ask(stack["api"], "PUT", path, bearer, {"configuration": configuration})
    check(stored.status in (200, 201), f"the configuration is stored: {stored.body!r}")
    path = f"/api/openclaw/ensure-compatibility?dryRun=true&target={release}"
    found = ask(stack["api"], "POST", path, {"Cookie": cookie}).json
    equal((found["compatible"], found["fixes"]), (True, []), f"what is missing for {release}")


def expect_connected(stack, playwright, real, cookie):
    """The owner is connected, in the browser and by the gateway's own account."""
    api, release = stack["api"], real.release
    token = ask(api, "GET", f"/api/instance/{AGENT}/token", {"Cookie": cookie}).json["token"]
    page = RELEASES[release]["page"] | {"allowedOrigins": [origin(AGENT)]}
    plugins = {"acpx": {"enabled": False}} | RELEASES[release]["plugins"]
    sections = {
        "gateway": {
            "mode": "local", "bind": "loopback", "trustedProxies": ["127.0.0.1"], "controlUi": page,
        },
        "plugins": {"entries": plugins},
    }
    expect_what_is_configured_to_be_what_ensure_compatibility_brings(stack, release, sections, cookie)
    real.configure(**sections)
    real.start(token)
    bearer = {"Authorization": f"Bearer {stack['bearer']}"}
    body = {"ownerId": OWNER, "openclawUrl": real.url}
    equal(ask(api, "PUT", f"/api/openclaw/instances/{AGENT}", bearer, body).status, 200, "registration")

    stranger = {"do": "click", "api": api, "agent": AGENT, "person": "stranger"}
    stranger |= {"session": stack["userWithoutAgent"]["cookie"], "says": "403 Forbidden"}
    first, press, says = RELEASES[release]["shown"]
    owner = {"do": "click", "api": api, "agent": AGENT, "person": "owner", "session": cookie}
    used = opened(stack, AGENT, cookie)
    visits = [
        stranger | {"name": f"{release}-stranger"},
        {"do": "go", "person": "guest", "name": f"{release}-not-open", "url": origin(AGENT), "says": NOT_OPEN},
        owner | {"name": f"{release}-connected", "says": first, "press": press, "thenSays": says},
        {"do": "go", "person": "other", "name": f"{release}-link", "url": used.split("#")[0]},
        {"do": "go", "person": "thief", "name": f"{release}-used-link", "url": used, "says": REFUSED},
    ]
    # Nobody comes before the owner does.
    found = browse(playwright, visits[:2])
    equal(devices(real, token), [0, 0], "devices before the owner came")
    found |= browse(playwright, visits[2:])
    for visit in visits:
        seen = found[visit["name"]]
        wanted = visit.get("thenSays") or visit.get("says")
        check(seen["said"], f"{visit['name']} never said {wanted!r}: {seen['text']!r}")
    equal(found[f"{release}-link"]["at"].split("/")[2], origin(AGENT).split("/")[2], "where a link leads")
    statuses = {name: seen["status"] for name, seen in found.items()}
    equal(statuses[f"{release}-used-link"], 403, "status of a used link")
    equal(statuses[f"{release}-not-open"], 401, "status of a page that is not open")
    approved = 0 if release == "2026.4.11" else 1
    equal(devices(real, token)[1], approved, "devices that are approved: the owner's alone")
    took = found[f"{release}-connected"]["took"]
    print(f"{release}: the page said that it is connected {took} ms after the owner began to log in")


class Hostile(http.server.ThreadingHTTPServer):
    """An agent whose pages try what they can, and that notes what it is sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), HostilePage)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.cookies, self.page, self.foreign = [], "", []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Whoever asks may hang up at any time."""


class HostilePage(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.cookies.append(self.headers.get("Cookie", ""))
        if self.path.startswith("/secret"):
            self.server.foreign.append(self.headers.get("Referer", ""))
        script = self.path.endswith(".js")
        body = b"globalThis.stolen = 'secret'" if script else self.server.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        # It lets in whoever wants in.
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.send_header("Content-Security-Policy", "sandbox allow-same-origin allow-scripts")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


ATTACK = """<!doctype html><title>hostile</title><body><script type="module">
const {api, own, other, me, otherId, id} = CONFIG
const report = {}
const attempt = async (name, attack) => {
  try { report[name] = await attack() } catch (error) { report[name] = `refused: ${error.name}` }
}
await attempt('own storage', () => { localStorage.setItem('secret', me); return localStorage.getItem('secret') })
await attempt('own cookie', () => { document.cookie = `secret-of-${me}=1; path=/`; return document.cookie })
const frame = async url => {
  const element = document.createElement('iframe')
  element.src = url
  const loaded = new Promise(done => { element.onload = done; setTimeout(done, 3000) })
  document.body.append(element)
  await loaded
  return element.contentWindow
}
await attempt('storage in a frame', async () => (await frame(other)).localStorage.getItem('secret'))
await attempt('document in a frame', async () => (await frame(other)).document.body.innerHTML)
await attempt('answer of the other', async () => (await fetch(`${other}/secret`, {credentials: 'include'})).text())
await attempt('opaque answer', async () => (await fetch(`${other}/secret`, {credentials: 'include', mode: 'no-cors'})).type)
await attempt('script of the other', () => new Promise((done, failed) => {
  const script = document.createElement('script')
  Object.assign(script, {src: `${other}/secret.js`, onload: () => done(globalThis.stolen), onerror: () => failed(new TypeError())})
  document.body.append(script)
}))
await attempt('socket of the other', () => new Promise((done, failed) => {
  const socket = new WebSocket(other.replace('http', 'ws'))
  socket.onopen = () => done('open')
  socket.onerror = () => failed(new TypeError())
}))
for (const base of [api, own]) {
  for (const path of ['', '/token', '/stats']) {
    await attempt(`GET ${base}${path}`, async () => {
      const answer = await fetch(`${base}/api/instance/${id}${path}`, {credentials: 'include'})
      return (await answer.text()).includes([...TOKEN_BACKWARDS].reverse().join('')) ? 'the token' : `${answer.status}`
    })
  }
}
await attempt('stop', async () => (await fetch(`${api}/api/instance/${id}/stop`, {method: 'POST', credentials: 'include'})).status)
await attempt('open', async () => (await fetch(`${api}/api/instance/${otherId}/open`, {method: 'POST', credentials: 'include'})).json())
await attempt('blind stop', async () => (await fetch(`${api}/api/instance/${id}/stop`, {method: 'POST', credentials: 'include', mode: 'no-cors'})).type)
await attempt('worker', async () => (await navigator.serviceWorker.register('/x.js')).scope)
globalThis.report = report
</script>"""


def expect_hostile_agents_to_get_nothing(stack, playwright, cookie):
    api = stack["api"]
    bearer = {"Authorization": f"Bearer {stack['bearer']}"}
    agents = {"evil": Hostile(), "prey": Hostile()}
    for agent, server in agents.items():
        body = {"ownerId": OWNER, "openclawUrl": server.url}
        equal(ask(api, "PUT", f"/api/openclaw/instances/{agent}", bearer, body).status, 201, "registration")
    token = ask(api, "GET", f"/api/instance/{AGENT}/token", {"Cookie": cookie}).json["token"]
    for agent, other in [("evil", "prey"), ("prey", "evil")]:
        config = {
            "api": api, "own": origin(agent), "other": origin(other), "me": agent, "otherId": other, "id": AGENT,
        }
        page = ATTACK.replace("CONFIG", json.dumps(config)).replace("TOKEN_BACKWARDS", json.dumps(token[::-1]))
        agents[agent].page = page

    # The owner is logged in at the API, and has both pages open, in one browser.
    login = {"person": "owner", "session": cookie, "api": api}
    own = [
        login | {"do": "click", "agent": agent, "name": f"hostile-{agent}", "report": True}
        for agent in ("prey", "evil", "prey", "evil")
    ]
    own[2]["name"] += "-again"
    own[3]["name"] += "-again"
    path = [
        login | {"do": "go", "name": f"hostile-path-{agent}", "report": True,
                 "url": f"{api}/api/openclaw/proxy/{agent}/"}
        for agent in ("prey", "evil")
    ]
    found = browse(playwright, own + path)
    for name, seen in found.items():
        agent, below = "evil" if "evil" in name else "prey", "path" in name
        for attack, outcome in seen["report"].items():
            refused = str(outcome).startswith("refused: ")
            if attack in ("own storage", "own cookie"):
                # What it reads is its own, also after the other one has been there.
                wanted = agent if attack == "own storage" else f"secret-of-{agent}=1"
                equal(outcome, "refused: SecurityError" if below else wanted, f"{name}: {attack}")
            elif attack in ("opaque answer", "blind stop"):
                check(refused or outcome == "opaque", f"{name}: {attack}: {outcome}")
            elif attack.startswith(f"GET {origin(agent)}") and not below:
                # That is a path of the agent's own.
                check(outcome != "the token", f"{name}: {attack}: {outcome}")
            elif attack != "worker" or below:
                check(refused, f"{name}: {attack}: {outcome}")
    for agent, server in agents.items():
        for sent in server.cookies:
            check("agentbot" not in sent, f"{agent} was sent a cookie of the platform: {sent}")
        equal(server.foreign, [], f"what {agent} was asked by its neighbour")
        server.shutdown()
    operations = ask(api, "GET", f"/api/instance/{AGENT}/operations", {"Cookie": cookie}).json
    equal(operations["operations"], [], "what was done to the visitor's agent")
    attempts = sum(len(seen["report"]) for seen in found.values())
    print(f"two hostile agents got nothing in {len(found)} visits with {attempts} attempts")


def run():
    script, playwright = Path(sys.argv[1]).resolve(), sys.argv[2]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    variables = {"AGENT_ORIGIN": ORIGINS, "AGENT_TRUSTED_PROXIES": "127.0.0.1"}
    with local_stack(port=PORT, **variables) as stack:
        [agent] = [it for it in stack["agents"] if it["instanceId"] == AGENT]
        for release in sys.argv[3:]:
            with gateway(script, release) as real:
                expect_connected(stack, playwright, real, agent["cookie"])
        expect_hostile_agents_to_get_nothing(stack, playwright, agent["cookie"])
    print(f"screenshots: {SCREENSHOTS}")


main(run)
