"""The functions answer through Lambda's own event path as they do in the local
stack: `cargo lambda watch` serves them against the stack's DynamoDB and agents,
every operation of openapi.json is asked of both, and every file of events/ is
invoked.

events/FUNCTION/refused-*.json must be refused, all others answered with 2xx.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from harness import ENVIRONMENT, ROOT, Failed, ask, check, command_of, descendants
from harness import equal, free_port, local_stack, main, shown_on_failure, until

# Differ from answer to answer by their nature.
VOLATILE = {"deployedAt", "uptime"}
COMPARED_HEADERS = ("content-type", "www-authenticate", "cache-control", "retry-after")
# The first request of each function waits for the compiler.
COMPILING = 900
# What an operation with a body needs to be answered with 2xx.
BODIES = {"registerInstance": {"ownerId": "owner-running", "plan": "solo"}}


class Request(NamedTuple):
    """With the first digit of the status that both must answer with, if it is
    the same for every operation."""

    method: str
    path: str
    headers: dict
    body: object
    expected: str = ""


def requests(openapi, stack):
    """Good and bad requests of every operation, from its description alone."""
    for template, operations in openapi["paths"].items():
        for method, operation in operations.items():
            yield from requests_of(operation, method.upper(), template, stack)


def requests_of(operation, method, template, stack):
    running, *others = stack["agents"]
    cookie = {"Cookie": running["cookie"]}
    bearer = {"Authorization": f"Bearer {stack['bearer']}"}
    takes_body, takes_id = "requestBody" in operation, "{" in template
    check(not takes_body or operation["operationId"] in BODIES, f"no body for {operation}")
    good_body = BODIES[operation["operationId"]] if takes_body else None

    def request(headers, expected="", instance=running["instanceId"], body=good_body):
        return Request(method, re.sub("{.*?}", instance, template), headers, body, expected)

    match [name for scheme in operation["security"] for name in scheme]:
        case ["session"]:
            good, wrong = cookie, {"Cookie": "agentbot-session=no"}
            for agent in others:
                yield request({"Cookie": agent["cookie"]}, "2", agent["instanceId"])
            yield request({"Cookie": stack["userWithoutAgent"]["cookie"]})
        case ["internalKey"]:
            good, wrong = bearer, {"Authorization": "Bearer no"}
        case []:
            good = wrong = None
        case unknown:
            raise Failed(f"unknown security of {method} {template}: {unknown}")
    yield request(good or {}, "2")
    if good:
        yield request({}, "4")
        yield request(wrong, "4")
    if takes_id:
        yield request(good, "4", instance="not.an-id")
        yield request(good, instance="nobody-has-it")
    if takes_body:
        yield request(good, "4", body="{")
        yield request(good, "4", body={})


def masked(value):
    if isinstance(value, dict):
        return {
            name: "..." if name in VOLATILE and isinstance(it, str) else masked(it)
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
    all_requests = list(requests(openapi, stack))
    with ThreadPoolExecutor(2) as pool:
        for request in all_requests:
            method, path, headers, body, expected = request
            # A write is new the first time only.
            if method != "GET":
                ask(stack["api"], method, path, headers, body)
            # Both at once: an agent that hangs costs its limit only once.
            local, by_lambda = pool.map(
                lambda base: comparable(ask(base, method, path, headers, body)),
                (stack["api"], watch),
            )
            equal(by_lambda, local, f"{request}, Lambda's answer compared with the local stack's")
            status = str(local["status"])
            check(status.startswith(expected) and status < "500", f"{request}: {local}")
    print(f"{len(all_requests)} requests have the same answers from Lambda and the local stack")


def invoke_events(functions, watch_port):
    for function in functions:
        files = sorted((ROOT / "events" / function).glob("*.json"))
        check(files, f"events/{function} has no sample event")
        for file in files:
            done = subprocess.run(
                ["cargo", "lambda", "invoke", function, "--data-file", file]
                + ["--invoke-address", "127.0.0.1", "--invoke-port", str(watch_port)],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )
            name = f"{function}/{file.name}"
            equal(done.returncode, 0, f"exit code of {name}: {done.stderr}")
            answer = json.loads(done.stdout)
            status = answer["statusCode"]
            refused = file.name.startswith("refused-")
            allowed = range(400, 500) if refused else range(200, 300)
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
        with local_stack("--env-file", variables) as stack, open(
            Path(folder) / "watch.log", "w+"
        ) as log, shown_on_failure(log):
            port = free_port()
            watch = f"http://127.0.0.1:{port}"
            process = subprocess.Popen(
                ["cargo", "lambda", "watch", "--ignore-changes", "--env-file", variables]
                + ["--invoke-address", "127.0.0.1", "--invoke-port", str(port), "--disable-cors"],
                cwd=ROOT,
                env=ENVIRONMENT,
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
            compare(openapi, stack, watch)
            invoke_events(functions, port)

            served = descendants(process.pid)
            check(len(served) >= len(functions), f"{len(functions)} functions run: {served}")
            os.killpg(process.pid, signal.SIGINT)
            seconds = until(lambda: process.poll() is not None, 10, "cargo lambda watch has ended")
            left = [command_of(pid) for pid in served if pid in descendants(os.getpid())]
            check(not left, f"cargo lambda watch left behind: {left}")
            print(f"ended {seconds:.1f} s after SIGINT with nothing left behind")


def answers(base):
    try:
        ask(base, "GET", "/")
    except OSError:
        return False
    return True


main(run)
