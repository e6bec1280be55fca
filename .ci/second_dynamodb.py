"""The tests of the API pass against moto's DynamoDB too, but for those that show
where moto is no DynamoDB.

second_dynamodb.py FOLDER, where moto and its dependencies are installed.
"""

import subprocess
import sys
import tempfile

from harness import ENVIRONMENT, ROOT, ask, check, free_port, main, shown_on_failure, until

# Tests that moto cannot pass, each with what it lacks.
SKIPPED = {}


def is_up(base):
    try:
        return ask(base, "GET", "/moto-api/").status == 200
    except OSError:
        return False


def run():
    [_, packages] = sys.argv
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile("w+") as log, shown_on_failure(log):
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env=ENVIRONMENT | {"PYTHONPATH": packages},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        until(lambda: is_up(base) or server.poll() is not None, 60, "moto answers")
        check(server.poll() is None, "moto ended at once")
    skip = [word for name in SKIPPED for word in ("--skip", name)]
    for name, reason in SKIPPED.items():
        print(f"skipped: {name}: {reason}", flush=True)
    done = subprocess.run(
        ["cargo", "test", "--locked", "--workspace", "--test", "api", "--", *skip],
        cwd=ROOT,
        env=ENVIRONMENT | {"TEST_DYNAMODB": base},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    check(done.returncode == 0, "a test fails with this DynamoDB")
    server.terminate()
    server.wait(10)


main(run)
