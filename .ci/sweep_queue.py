"""A sweep of more instances than one process is to have goes over a queue: the
coordinator sends segments, and each one, delivered as Lambda delivers it, is
swept. The queue is moto's; the function is served by `cargo lambda watch`.

Runs in the Python that `.ci/moto` prints. Where RECORD_CALLS names a file, it notes there what the function asks of SQS.
"""

import collections
import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from botocore.config import Config

from harness import ENVIRONMENT, ROOT, ask, check, equal, free_port, local_stack, main
from harness import shown_on_failure, until

ABOVE = 2
AGENTS = 60
# As the template calls it.
QUEUE = "SweepQueue"
# The first invocation waits for the compiler.
COMPILING = 900


@contextlib.contextmanager
def served(log, *command, port, seconds, **variables):
    """A process that listens on a port, until the end of the block."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=ENVIRONMENT | variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    base = f"http://127.0.0.1:{port}"

    def answers():
        with contextlib.suppress(OSError):
            ask(base, "GET", "/", limit=5)
            return True
        return process.poll() is not None

    try:
        until(answers, seconds, f"{command[0]} listens")
        check(process.poll() is None, f"{command[0]} ended at once")
        yield base
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(15)


@contextlib.contextmanager
def recorder(upstream, calls):
    """Passes SQS' requests on, and notes what IAM would have to allow."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            queue = json.loads(body)["QueueUrl"].rpartition("/")[2]
            # IAM knows no batches.
            calls.add(f"sweep sqs:{operation.removesuffix('Batch')} {queue}")
            request = urllib.request.Request(upstream, body, dict(self.headers.items()))
            with urllib.request.urlopen(request, timeout=30) as answer:
                self.send_response(answer.status)
                for name in ("Content-Type", "Content-Length", "x-amzn-requestid"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def client(service, endpoint, access_key):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 1}, proxies={}),
    )


def invoke(port, event, folder):
    file = Path(folder) / "event.json"
    file.write_text(json.dumps(event))
    done = subprocess.run(
        ["cargo", "lambda", "invoke", "sweep", "--data-file", file]
        + ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMPILING,
    )
    equal(done.returncode, 0, f"exit code of an invocation: {done.stderr}")
    return json.loads(done.stdout)


def received(sqs, url):
    """All messages of a queue, as Lambda's event has them."""
    records = []
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        if not messages:
            return records
        for message in messages:
            records.append({"messageId": message["MessageId"], "body": message["Body"]})
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def register(dynamodb):
    """Puts agents of which nothing is known."""
    for number in range(AGENTS):
        item = {"instanceId": f"agent-{number}", "ownerId": "owner"}
        item["openclawUrl"] = "http://127.0.0.1:1"
        dynamodb.put_item(
            TableName="instances", Item={name: {"S": it} for name, it in item.items()}
        )


def swept(dynamodb):
    """The sweeps that last wrote how those agents are, and of how many agents."""
    items = dynamodb.scan(TableName="instances")["Items"]
    items = [item for item in items if item["instanceId"]["S"].startswith("agent-")]
    return collections.Counter(
        item.get("observed", {}).get("M", {}).get("sweep", {}).get("S") for item in items
    )


def run():
    calls = set()
    with tempfile.TemporaryDirectory() as folder, open(
        Path(folder) / "log", "w+"
    ) as log, shown_on_failure(log):
        variables = Path(folder) / "variables"
        moto_port, watch_port = free_port(), free_port()
        moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1"]
        with local_stack("--sweep", "0", "--env-file", variables) as stack, served(
            log, *moto, "-p", str(moto_port), port=moto_port, seconds=60
        ) as sqs_url, recorder(sqs_url, calls) as recorded_url:
            access_key = stack["accessKey"]
            dynamodb = client("dynamodb", stack["dynamodb"], access_key)
            sqs = client("sqs", sqs_url, access_key)
            queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
            register(dynamodb)
            with open(variables, "a") as file:
                file.write(f"AWS_ENDPOINT_URL_SQS={recorded_url}\n")
                file.write(f"SWEEP_QUEUE_URL={queue}\nSWEEP_SEGMENT_ABOVE={ABOVE}\n")
            watch = ["cargo", "lambda", "watch", "--ignore-changes", "--env-file", variables]
            watch += ["--invoke-address", "127.0.0.1", "--invoke-port", str(watch_port)]
            with served(log, *watch, port=watch_port, seconds=30):
                sweep_by_queue(dynamodb, sqs, queue, watch_port, folder)
    check(calls, "the function asked nothing of SQS")
    if recording := os.environ.get("RECORD_CALLS"):
        with open(recording, "a") as file:
            file.writelines(f"{line}\n" for line in sorted(calls))


def sweep_by_queue(dynamodb, sqs, queue, port, folder):
    count = AGENTS + 7
    # Compiling may take longer than a segment stays good.
    equal(invoke(port, {"Records": []}, folder), {"batchItemFailures": []}, "the answer to no message")
    # The first sweep is made at once, and finds that it has too much to do.
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    first, second = (
        (now + datetime.timedelta(minutes=it)).strftime("%Y-%m-%dT%H:%M:%SZ") for it in (0, 1)
    )
    event = json.loads((ROOT / "events/sweep.json").read_text())
    made = invoke(port, event | {"time": first}, folder)
    equal((made["sweep"], made["instances"]), (first, count), "the first sweep, and whom it met")
    equal(swept(dynamodb), {first: AGENTS}, "agents that the first sweep saw")
    register(dynamodb)
    segments = -(-count // ABOVE)
    divided = invoke(port, event | {"time": second}, folder)
    equal(divided, {"segments": segments}, "the coordinator's answer")
    equal(swept(dynamodb), {None: AGENTS}, "agents that nobody saw while segments are in the queue")

    records = received(sqs, queue)
    equal(len(records), segments, "messages in the queue")
    bodies = sorted((json.loads(it["body"]) for it in records), key=lambda it: it["segment"])
    equal([it["segment"] for it in bodies], list(range(segments)), "segments")
    equal({it["of"] for it in bodies}, {segments}, "of how many they are")

    # One message of somebody else fails alone.
    records[1:1] = [{"messageId": "not-ours", "body": "hello"}]
    failed = []
    for start in range(0, len(records), 10):
        answer = invoke(port, {"Records": records[start : start + 10]}, folder)
        failed += [it["itemIdentifier"] for it in answer["batchItemFailures"]]
    equal(failed, ["not-ours"], "messages that failed")
    equal(swept(dynamodb), {second: AGENTS}, "agents that the segments saw")
    print(f"{count} agents were swept in {segments} segments over SQS")


main(run)
