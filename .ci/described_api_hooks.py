"""Gives Schemathesis the local stack's callers, so that it gets past 401 and 404,
and a check of its own."""

import itertools
import json
import os
from pathlib import Path

import schemathesis
from schemathesis.generation import GenerationMode

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
    is_good = case.meta is None or case.meta.generation.mode == GenerationMode.POSITIVE
    for name in ("userId", "id"):
        # A registration makes an agent, and a new id is as good.
        if is_good and name in (case.path_parameters or {}) and case.method != "PUT":
            case.path_parameters[name] = agent["instanceId"]


@schemathesis.check
def no_unforeseen_error(_context, response, case):
    documented = case.operation.definition.raw["responses"]
    status = response.status_code
    if status == 500 or (status > 500 and str(status) not in documented):
        raise AssertionError(f"answered with {status}: {response.text}")
