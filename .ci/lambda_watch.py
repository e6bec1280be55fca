"""The functions answer through Lambda's own event path as they do in the local
stack: `cargo lambda watch` serves them against the stack's DynamoDB and agents,
every operation of openapi.json is asked of both, and every file of events/ is
invoked.

events/FUNCTION/refused-*.json must be refused, all others answered with 2xx or 3xx. An
alert to support is sent, and nobody waits for it.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from harness import ENVIRONMENT, ROOT, Failed, ask, check, command_of, descendants
from harness import equal, free_port, local_stack, main, shown_on_failure, until

# Differ from answer to answer by their nature.
VOLATILE = {"deployedAt", "expiresAt", "from", "ticket", "until", "uptime", "url"}
# So do these of a container, which controls deploy meanwhile, and which each server
# looks at in its own moment.
OF_A_CONTAINER = {"status", "state", "createdAt", "timestamp", "uptimeFormatted", "cpu", "memory"}
OF_A_CONTAINER |= {"memoryPercent", "network", "blockIO", "pids", "uptime"}
MEASURED = {"cpu", "memory", "restartCount", "lastExit", "telemetry"}
COMPARED_HEADERS = ("content-type", "www-authenticate", "cache-control", "retry-after")
ORIGINS = {"AGENT_ORIGIN": "https://{agentId}.agents.example"}
# Whose program serves the events of a folder, if it has not the folder's name: the template
# deploys these a second time.
PROGRAMS = {"health": "maintenance", "operations": "lifecycle"}
# The first request of each function waits for the compiler.
COMPILING = 900
# A control that both servers are asked for is carried out once.
KEYS = (f"key-{number}" for number in itertools.count())


def good_bodies(agent):
    """What an operation with a body needs to be answered with 2xx."""
    return {
        "registerInstance": {"ownerId": agent["ownerId"], "openclawUrl": agent["url"]},
        "maintainAgent": {"action": "restart"},
        "checkIn": {"instanceId": agent["instanceId"], "gatewayProcessStatus": "active"},
        "setMaintenanceWindow": {"from": "2126-04-04T03:00:00Z", "until": "2126-04-04T05:00:00Z"},
        "storeConfiguration": {"configuration": {"gateway": {"bind": "lan"}}, "device": None},
    }


class Request(NamedTuple):
    """With the statuses that it may be answered with: those of the operation's
    description which begin with a digit."""

    method: str
    path: str
    headers: dict
    body: object
    allowed: list


def requests(openapi, stack):
    """Good and bad requests of every operation, from its description alone."""
    # Each control gets an agent of its own, for an agent takes one at a time.
    agents = itertools.cycle(stack["agents"])
    for template, operations in openapi["paths"].items():
        # What is passed on is answered by an agent, and those come and go
        # with the controls that are asked for here.
        # And a redirect to an agent asks nobody.
        if "{path}" in template or template.endswith("/{agentId}"):
            continue
        for method, operation in operations.items():
            # What is forwarded only needs one that is up, and a page's link none.
            any_agent = method == "get" or template.endswith(("/{path}", "/open"))
            agent = stack["agents"][0] if any_agent else next(agents)
            yield from requests_of(operation, method.upper(), template, stack, agent)


def requests_of(operation, method, template, stack, agent):
    name = operation["operationId"]
    takes_id, takes_body = "{" in template, "requestBody" in operation
    good_body = good_bodies(agent).get(name)
    check(takes_body == (good_body is not None), f"good_bodies and {name} disagree")
    nothing_there = {parameter: "nobody-has-it" for parameter in re.findall("{(.*?)}", template)}
    is_forwarded = nothing_there.pop("path", None)

    def request(headers, digits, instance=agent["instanceId"], body=good_body):
        ids = {"userId": instance, "id": instance, "agentId": instance}
        values = nothing_there | ids | {"path": "healthz"}
        path = re.sub("{(.*?)}", lambda found: values[found[1]], template)
        headers = headers | {"Idempotency-Key": next(KEYS)}
        allowed = [status for status in operation["responses"] if status[0] in digits]
        return Request(method, path, headers, body, allowed)

    match [scheme for schemes in operation["security"] for scheme in schemes]:
        case ["session", "userToken"]:
            good, wrong = {"Cookie": agent["cookie"]}, {"Cookie": "agentbot-session=no"}
        case ["gatewayToken"]:
            good = {"Authorization": f"Bearer {agent['gatewayToken']}"}
            wrong = {"Authorization": f"Bearer {'0' * 64}"}
        case ["internalKey"]:
            good = {"Authorization": f"Bearer {stack['bearer']}"}
            wrong = {"Authorization": "Bearer no"}
        case []:
            good = wrong = None
        case unknown:
            raise Failed(f"unknown security of {name}: {unknown}")
    # Nothing is there yet for an operation that is told of another thing's id, and
    # no Railway for a control.
    plain = len(nothing_there) < 2 and "409" not in operation["responses"]
    yield request(good or {}, "2" if plain else "245")
    if good:
        yield request({}, "4")
        yield request(wrong, "4")
        if "Cookie" in good and method == "GET":
            for other in stack["agents"]:
                digit = "2" if plain else "4"
                yield request({"Cookie": other["cookie"]}, digit, other["instanceId"])
            yield request({"Cookie": stack["userWithoutAgent"]["cookie"]}, "24")
    if takes_id:
        yield request(good or {}, "4", instance="not.an-id")
        if is_forwarded:
            yield request({}, "5", instance="nobody-has-it")
        elif method not in ("PUT", "DELETE"):
            yield request(good, "4", instance="nobody-has-it")
    if takes_body:
        yield request(good, "4", body="{")
        yield request(good, "245", body={})


def masked(value):
    if isinstance(value, list):
        return [masked(it) for it in value]
    if isinstance(value, dict):
        moving = OF_A_CONTAINER if "agentId" in value else MEASURED if "telemetry" in value else ()
        return {
            name: "..."
            if name in moving or (name in VOLATILE and isinstance(it, str))
            else masked(it)
            for name, it in value.items()
        }
    return value


def comparable(answer):
    """Everything of an answer that two servers must agree on."""
    try:
        body = masked(answer.json)
    except ValueError:
        body = answer.body
    headers = {name: answer.headers.get(name) for name in COMPARED_HEADERS}
    return {
        "status": answer.status,
        "headers": headers | {"x-request-id": "x-request-id" in answer.headers},
        "body": body,
    }


def compare(openapi, stack, watch):
    servers = (stack["api"], watch)
    all_requests = list(requests(openapi, stack))
    with ThreadPoolExecutor(2) as pool:
        for request in all_requests:
            method, path, headers, body, allowed = request

            def answer(base):
                return comparable(ask(base, method, path, headers, body))

            if method == "GET":
                # Both at once: an agent that hangs costs its limit only once.
                local, by_lambda = pool.map(answer, servers)
            else:
                if method in ("PUT", "DELETE") or path.endswith(("/ensure-compatibility", "/heartbeat")):
                    # Something to do the first time only, and the same ever after.
                    answer(servers[0])
                local, by_lambda = map(answer, servers)
            equal(by_lambda, local, f"{request}, Lambda's answer compared with the local stack's")
            check(str(local["status"]) in allowed, f"{request}: {local}")
    print(f"{len(all_requests)} requests have the same answers from Lambda and the local stack")


def invoke_events(functions, watch_port):
    for function in sorted([*functions, *PROGRAMS]):
        files = sorted((ROOT / "events" / function).glob("*.json"))
        # One without routes has its event beside the folders.
        plain = ROOT / "events" / f"{function}.json"
        if plain.exists():
            files = [plain]
        check(files, f"events/{function} has no sample event")
        for file in files:
            done = subprocess.run(
                ["cargo", "lambda", "invoke", PROGRAMS.get(function, function), "--data-file", file]
                + ["--invoke-address", "127.0.0.1", "--invoke-port", str(watch_port)],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                # A function without routes has not been built by a request.
                timeout=COMPILING,
            )
            name = str(file.relative_to(ROOT / "events"))
            equal(done.returncode, 0, f"exit code of {name}: {done.stderr}")
            answer = json.loads(done.stdout)
            if file == plain:
                check(answer["probed"] > 0, f"{name} was answered with {answer}")
                print(f"  swept {answer['probed']} of {answer['instances']}  {name}")
                continue
            status = answer["statusCode"]
            refused = file.name.startswith("refused-")
            allowed = range(400, 500) if refused else range(200, 400)
            check(status in allowed, f"{name} was answered with {status}: {answer.get('body')}")
            print(f"  {status}  {name}")


def first_answers(openapi, watch):
    """Waits for the compiler, one function after the other."""
    start = time.monotonic()
    for template, operations in openapi["paths"].items():
        for method in operations:
            ask(watch, method.upper(), template.replace("{", "").replace("}", ""), limit=COMPILING)
    print(f"every function is built and answers after {time.monotonic() - start:.1f} s")


def run():
    openapi = json.loads((ROOT / "openapi.json").read_text())
    functions = sorted(it.name for it in (ROOT / "functions").iterdir() if it.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "variables"
        with local_stack("--sweep", "0", "--env-file", variables, **ORIGINS) as stack, open(
            Path(folder) / "watch.log", "w+"
        ) as log, shown_on_failure(log):
            support = Support()
            port = free_port()
            watch = f"http://127.0.0.1:{port}"
            process = subprocess.Popen(
                ["cargo", "lambda", "watch", "--ignore-changes", "--env-file", variables]
                + ["--invoke-address", "127.0.0.1", "--invoke-port", str(port), "--disable-cors"],
                cwd=ROOT,
                env=ENVIRONMENT | ORIGINS | {"SUPPORT_WEBHOOK_URL": support.url},
                # It asks questions where it finds a terminal.
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # SIGINT goes to the group, as a terminal sends it.
                start_new_session=True,
            )
            until(lambda: answers(watch) or process.poll(), 20, "cargo lambda watch listens")
            check(process.poll() is None, "cargo lambda watch ended at once")
            first_answers(openapi, watch)
            alert_after_the_answer(stack, watch, support)
            compare(openapi, stack, watch)
            invoke_events(functions, port)

            served = descendants(process.pid)
            check(len(served) >= len(functions), f"{len(functions)} functions run: {served}")
            os.killpg(process.pid, signal.SIGINT)
            seconds = until(lambda: process.poll() is not None, 10, "cargo lambda watch has ended")
            left = [command_of(pid) for pid in served if pid in descendants(os.getpid())]
            check(not left, f"cargo lambda watch left behind: {left}")
            print(f"ended {seconds:.1f} s after SIGINT with nothing left behind")


class Support:
    """Takes alerts, and answers them when it is let go."""

    def __init__(self):
        self.alerts, self.answered = [], []
        self.let_go = threading.Event()
        support = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                support.alerts.append(alert)
                # Less than one attempt of the sender may take.
                support.let_go.wait(2)
                support.answered.append(alert)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def alert_after_the_answer(stack, watch, support):
    """Of an agent that is down, while the support takes its time."""
    agent = next(it for it in stack["agents"] if it["state"] == "unreachable")
    answer = ask(watch, "POST", "/api/support/heal-token", {"Cookie": agent["cookie"]})
    equal(answer.status, 200, "status of healing")
    check(not support.answered, "the answer waited until support had taken the alert")
    until(lambda: support.alerts, 10, "support is alerted")
    support.let_go.set()
    until(lambda: support.answered, 10, "support has taken the alert")
    equal(support.alerts[0]["instanceId"], agent["instanceId"], "the agent of the alert")
    print(f"support was alerted behind the answer: {support.alerts[0]['title']}")


def answers(base):
    try:
        ask(base, "GET", "/")
    except OSError:
        return False
    return True


main(run)
