"""Gives Schemathesis the local stack's callers, so that it gets past 401 and 404,
and a check of its own."""

import itertools
import json
import os
import re
from pathlib import Path

import schemathesis

STACK = json.loads(Path(os.environ["CALLERS"]).read_text())
# Each owner in turn, for an agent takes one control at a time.
AGENTS = itertools.cycle(it for it in STACK["agents"] if it["instanceId"] != "demo-hanging")


@schemathesis.hook
def before_call(_context, case, _kwargs):
    schemes = {name for it in case.operation.definition.raw.get("security", []) for name in it}
    agent = next(AGENTS)
    case.headers = case.headers or {}
    if "internalKey" in schemes:
        case.headers["Authorization"] = f"Bearer {STACK['bearer']}"
    elif "gatewayToken" in schemes:
        case.headers["Authorization"] = f"Bearer {agent['gatewayToken']}"
    elif "session" in schemes:
        case.headers.pop("Authorization", None)
        name, value = agent["cookie"].split("=", 1)
        case.cookies = {name: value}
    for name in ("userId", "id"):
        value = (case.path_parameters or {}).get(name, "")
        # A registration makes an agent, and a new id is as good. What is no id at
        # all has to be refused.
        if re.fullmatch("[A-Za-z0-9_-]{1,64}", str(value)) and case.method != "PUT":
            case.path_parameters[name] = agent["instanceId"]


@schemathesis.check
def no_unforeseen_error(_context, response, case):
    documented = case.operation.definition.raw["responses"]
    status = response.status_code
    if status == 500 or (status > 500 and str(status) not in documented):
        raise AssertionError(f"answered with {status}: {response.text}")
