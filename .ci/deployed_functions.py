"""Every function of the template, as `sam build` has built it, is small, survives
a panic, starts with the variables that it has there, in an emulator of Lambda's
Runtime API, and answers each of its events: those of events/FUNCTION/refused-*.json
with a refusal, all others with success.

Its secrets come from a Secrets Manager that has those alone which the template's
defaults name.
"""

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from harness import ROOT, Failed, check, equal, local_stack, main, shown_on_failure

# The longest that a function may take, as in the template.
LIMIT = 29

# The largest that one may be, in bytes: a cold start reads all that it uses.
SIZE = 6_000_000


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler):
    """A server on a free port, and its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def secrets_manager(secrets, asked):
    """Has these secrets, by their names, and notes what is asked for."""

    class SecretsManager(Server):
        def do_POST(self):
            asked.add(self.headers["X-Amz-Target"])
            names = json.loads(self.body())["SecretIdList"]
            found = [{"ARN": it, "Name": it, "SecretString": secrets[it]} for it in names]
            body = json.dumps({"SecretValues": found, "Errors": []}).encode()
            self.reply(200, body, Content_Type="application/x-amz-json-1.1")

    return SecretsManager


def runtime_api(events, happened):
    """Hands out events, and puts what the function says into a queue."""

    class RuntimeApi(Server):
        def do_GET(self):
            happened.put(("asked", None))
            event = events.get()
            self.reply(
                200,
                event,
                Content_Type="application/json",
                Lambda_Runtime_Aws_Request_Id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                Lambda_Runtime_Deadline_Ms=str(int((time.time() + LIMIT) * 1000)),
                Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:us-east-1:123456789012:function:it",
            )

        def do_POST(self):
            kind = "answered" if self.path.endswith("/response") else "failed"
            happened.put((kind, self.body()))
            self.reply(202)

    return RuntimeApi


def next_of(happened, process, what):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with contextlib.suppress(queue.Empty):
            kind, body = happened.get(timeout=0.1)
            if kind != what:
                raise Failed(f"{what} was expected, and it {kind}: {body!r}")
            return body
        check(process.poll() is None, f"it ended with {process.returncode}")
    raise Failed(f"it has not {what} after {LIMIT} s")


def answers(program, variables, files):
    """What a function answers to the events of files, one after the other."""
    events, happened = queue.Queue(), queue.Queue()
    runtime = {
        "AWS_LAMBDA_FUNCTION_NAME": "it",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "it",
        "AWS_LAMBDA_LOG_STREAM_NAME": "it",
    }
    with serving(runtime_api(events, happened)) as address, tempfile.TemporaryFile(
        "w+"
    ) as log, shown_on_failure(log):
        process = subprocess.Popen(
            [program],
            # Nothing of this machine's environment.
            env=variables | runtime | {"AWS_LAMBDA_RUNTIME_API": address},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            next_of(happened, process, "asked")
            for file in files:
                events.put(file.read_bytes())
                yield file, json.loads(next_of(happened, process, "answered"))
                next_of(happened, process, "asked")
        finally:
            process.kill()
            process.wait()


def variables_of(properties, parameters, stack_variables, secrets):
    """The variables that the template sets, also on a condition, with the parameters'
    defaults, and the local stack's tables and addresses in the place of AWS's."""
    variables = {}
    for name, value in properties["Environment"]["Variables"].items():
        if isinstance(value, dict) and "Fn::If" in value:
            _, value, _ = value["Fn::If"]
        named = value.get("Ref") if isinstance(value, dict) else None
        if name.endswith("_FROM"):
            secret = parameters[named]["Default"]
            variables[name] = secret
            if secret:
                secrets[secret] = stack_variables[name.removesuffix("_FROM")]
        elif name in stack_variables:
            variables[name] = stack_variables[name]
        elif named in parameters:
            variables[name] = str(parameters[named]["Default"])
        elif named:
            # Of another resource, such as a queue: nobody listens there.
            variables[name] = f"http://127.0.0.1:9/{named}"
        elif isinstance(value, str):
            variables[name] = value
        else:
            raise Failed(f"{name} is set to something that is not known here: {value}")
    return variables


def run():
    template = yaml_parse((ROOT / "infra/template.yaml").read_text())
    # What needs more variables than the default.
    template["Parameters"]["SelfHealing"]["Default"] = "on"
    template["Parameters"]["AgentOrigin"]["Default"] = "https://{agentId}.agents.example"
    functions = {
        name: it
        for name, it in template["Resources"].items()
        if it["Type"] == "AWS::Serverless::Function"
    }
    packages = sorted(it.name for it in (ROOT / "functions").iterdir() if it.is_dir())
    binaries = {name: it["Metadata"]["BuildProperties"]["Binary"] for name, it in functions.items()}
    # A program may be deployed several times, each with routes of its own.
    equal(sorted(set(binaries.values())), packages, "programs of the template")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "variables"
        with local_stack("--sweep", "0", "--env-file", file):
            of_the_stack = dict(line.split("=", 1) for line in file.read_text().splitlines())
            # What the template leaves to defaults: AWS itself, and the real Railway.
            elsewhere = {
                name: value
                for name, value in of_the_stack.items()
                if name.startswith("AWS_") or name == "RAILWAY_API_URL"
            }
            for name, resource in functions.items():
                secrets, asked = {}, set()
                variables = elsewhere | variables_of(
                    resource["Properties"], template["Parameters"], of_the_stack, secrets
                )
                program = ROOT / ".aws-sam/build" / name / "bootstrap"
                check(os.access(program, os.X_OK), f"{program} is not there: sam build")
                size = program.stat().st_size
                check(size <= SIZE, f"{name} has {size} bytes, and may have {SIZE}")
                # What a panic calls. Without it the process ends, and with it the request.
                check(b"_Unwind_RaiseException" in program.read_bytes(), f"{name} does not unwind")
                with serving(secrets_manager(secrets, asked)) as manager:
                    variables["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = f"http://{manager}"
                    invoke(name.lower(), program, variables)
                target = {"secretsmanager.BatchGetSecretValue"} if secrets else set()
                equal(asked, target, f"what {name} asks Secrets Manager for")


def invoke(function, program, variables):
    print(f"{function}, {program.stat().st_size / 1e6:.1f} MB:")
    events = ROOT / "events"
    # Events of functions without routes are beside the folders.
    files = [*events.glob(f"{function}/*.json"), *events.glob(f"{function}*.json")]
    files.sort()
    check(files, f"events/{function} has no sample event")
    for file, answer in answers(program, variables, files):
        refused = file.name.startswith("refused-")
        status = answer.get("statusCode") if isinstance(answer, dict) else None
        if status is not None:
            allowed = range(400, 500) if refused else range(200, 400)
            check(status in allowed, f"{file.name} was answered with {status}: {answer['body']}")
        print(f"  {status or answer}  {file.name}", flush=True)


main(run)
