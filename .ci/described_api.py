"""The local stack answers as openapi.json says, whatever Schemathesis asks: with
a status and a body of the description, never with an unforeseen error.

described_api.py PATH_OF_SCHEMATHESIS
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import ENVIRONMENT, ROOT, check, local_stack, main

# The same requests in every run.
SEED = "20260411"
# Made up for each operation, beside those that follow from the description.
EXAMPLES = "25"
SECONDS = 600
# Below it answer the agents, and they describe nothing: whatever is sent there,
# also with a method that openapi.json does not know, is passed on.
NOT_OURS = "^/api/openclaw/proxy/"
CHECKS = [
    "no_unforeseen_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
]


def run():
    [_, schemathesis] = sys.argv
    with tempfile.TemporaryDirectory() as folder, local_stack() as stack:
        callers = Path(folder) / "callers.json"
        callers.write_text(json.dumps(stack))
        done = subprocess.run(
            [schemathesis, "run", ROOT / "openapi.json", "--url", stack["api"]]
            + ["--checks", ",".join(CHECKS), "--seed", SEED, "--max-examples", EXAMPLES]
            + ["--phases", "examples,coverage,fuzzing", "--no-shrink", "--workers", "1"]
            + ["--exclude-path-regex", NOT_OURS]
            + ["--request-timeout", "30", "--continue-on-failure", "--no-color"],
            # It keeps examples where it runs.
            cwd=folder,
            env=ENVIRONMENT
            | {
                "SCHEMATHESIS_HOOKS": "described_api_hooks",
                "PYTHONPATH": str(ROOT / ".ci"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "CALLERS": str(callers),
            },
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    check(done.returncode == 0, "an answer is not what openapi.json describes")


main(run)
