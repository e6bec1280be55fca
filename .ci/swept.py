"""What the end-to-end checks ask of a local stack that sweeps and heals."""

import contextlib
import datetime
import http.server
import json
import re
import threading

from harness import ask, check, equal, local_stack, until


class Webhook(http.server.ThreadingHTTPServer):
    """Whom alerts are sent to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), WebhookRequest)
        self.alerts, self.url = [], f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class WebhookRequest(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.alerts.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def swept_stack():
    """One whose sweeps follow each other closely, and whose self-healing acts at the
    first occasion. The demo's agent that hangs would have each sweep take five
    seconds."""
    webhook = Webhook()
    variables = {
        "ALERT_WEBHOOK_URLS": webhook.url,
        "SELF_HEALING": "on",
        "SELF_HEALING_AFTER": "3",
        "SELF_HEALING_PAUSE": "1",
        "SWEEP_GRACE": "1",
        "AGENT_URL_HANGING": "http://127.0.0.1:1",
    }
    with local_stack("--sweep", "1", **variables) as stack:
        yield Swept(stack, webhook)
    webhook.shutdown()


class Swept:
    """The platform, and the owners of its instances."""

    def __init__(self, stack, webhook):
        self.webhook = webhook
        self.api, self.dynamodb = stack["api"], stack["dynamodb"]
        self.access_key = stack["accessKey"]
        self.bearer = {"Authorization": f"Bearer {stack['bearer']}"}
        self.agents = {agent["instanceId"]: agent for agent in stack["agents"]}

    def register(self, instance, url):
        body = {"ownerId": self.agents[instance]["ownerId"], "openclawUrl": url, "plan": "solo"}
        path = f"/api/openclaw/instances/{instance}"
        equal(ask(self.api, "PUT", path, self.bearer, body).status, 200, f"PUT {path}")

    def _own(self, method, instance, path=""):
        path = f"/api/instance/{instance}{path}"
        answer = ask(self.api, method, path, {"Cookie": self.agents[instance]["cookie"]})
        equal(answer.status, 200, f"status of {method} {path}: {answer.body!r}")
        return answer.json

    def state(self, instance):
        return self._own("GET", instance)

    def history(self, instance):
        return self._own("GET", instance, "/history")

    def token(self, instance):
        return self._own("GET", instance, "/token")["token"]

    def rotate(self, instance):
        return self._own("POST", instance, "/token/rotate")["operationId"]

    def keep_from_healing(self, instance):
        """For an hour, in which all else goes on."""
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [now, now + datetime.timedelta(hours=1)]
        begin, end = (it.strftime("%Y-%m-%dT%H:%M:%SZ") for it in times)
        body = {"from": begin, "until": end, "instanceId": instance}
        path = f"/api/openclaw/maintenance-windows/{instance}"
        equal(ask(self.api, "PUT", path, self.bearer, body).status, 201, f"PUT {path}")

    def operation(self, instance, operation):
        return self._own("GET", instance, f"/operations/{operation}")

    def settled(self, instance, operation):
        is_settled = lambda: self.operation(instance, operation)["status"] not in ("running", "accepted")
        until(is_settled, 90, f"operation {operation} has settled")
        return self.operation(instance, operation)

    def pending_token(self, instance):
        """As it is on its way to the agent: no endpoint shows it."""
        credential = f"Credential={self.access_key}/20260101/us-east-1/dynamodb/aws4_request"
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none",
        }
        body = {"TableName": "tokens", "Key": {"instanceId": {"S": instance}}, "ConsistentRead": True}
        answer = ask(self.dynamodb, "POST", "/", headers, body)
        equal(answer.status, 200, f"status of DynamoDB: {answer.body!r}")
        return answer.json["Item"]["pendingToken"]["S"]

    def metrics(self):
        return ask(self.api, "GET", "/api/openclaw/metrics", self.bearer).body.decode()

    def sweeps_until(self, holds, seconds=120):
        """How many sweeps have begun until something holds of how many that is."""
        seen = set()

        def held():
            seen.update(re.findall(r"^openclaw_last_sweep_timestamp_seconds (\S+)", self.metrics(), re.M))
            return holds(len(seen) - 1)

        until(held, seconds, "what sweeps bring about")
        return len(seen) - 1

    def wait_for_sweeps(self, count):
        """Until as many have begun, and the last one of them has ended."""
        self.sweeps_until(lambda begun: begun > count, 20 * count)

    def expect_left_alone(self, instance, degraded, alerts):
        """It has always been up, this is degraded, people were told so far, and no sweep
        has done anything."""
        history = self.history(instance)
        equal((history["condition"], history["degraded"]), ("up", degraded), f"condition of {instance}")
        to_down = [it for it in history["transitions"] if it["to"] == "down"]
        equal(to_down, [], f"times that {instance} went down")
        operations = self._own("GET", instance, "/operations")["operations"]
        healed = [it for it in operations if it["requestedBy"] == "self-healing"]
        equal(healed, [], f"what self-healing did to {instance}")
        told = [it["title"] for it in self.webhook.alerts if it["instanceId"] == instance]
        equal(told, alerts, f"alerts of {instance}")
        series = [
            f'openclaw_agent_up{{agent="{instance}"}} 1',
            f'openclaw_agent_condition{{agent="{instance}",condition="up"}} 1',
            *(f'openclaw_agent_degraded{{agent="{instance}",cause="{it}"}} 1' for it in degraded),
        ]
        metrics = self.metrics()
        for line in series:
            check(line in metrics, f"{line} is not among the metrics")
        told = metrics.count(f'openclaw_agent_degraded{{agent="{instance}"')
        equal(told, len(degraded), f"metrics of what is degraded of {instance}")
        listed = ask(self.api, "GET", "/api/openclaw/instances", self.bearer).json["instances"]
        found = [it["degraded"] for it in listed if it["agentId"] == instance]
        equal(found, [degraded], f"what the fleet's list says of {instance}")
