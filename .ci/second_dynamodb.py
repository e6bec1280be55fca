"""The tests of the API pass against moto's DynamoDB too, but for those that show
where moto is no DynamoDB. Runs in the Python that `.ci/moto` prints.
"""

import subprocess
import sys
import tempfile

from harness import ENVIRONMENT, ROOT, ask, check, free_port, main, shown_on_failure, until

# Whole files that are about other worlds, and use DynamoDB as the others do.
OTHER_WORLDS = ["hostile", "identity", "probing", "railway_down", "railway_keys", "settling"]
OTHER_WORLDS += ["sweep_hosting", "version"]
SLOW = "the simulated Railway has gone on before moto has answered"
# Tests that moto cannot pass, each with the reason.
SKIPPED = {
    "leases::a_client_that_hangs_up_leaves_no_lease_and_a_finished_record": SLOW,
    "leases::the_running_control_is_named_with_the_time_to_come_again": SLOW,
    "lifecycle::a_restart_deploys_where_nothing_runs": SLOW,
    "operations::an_operation_is_shown_with_who_what_and_when": SLOW,
    "tokens::a_store_that_takes_no_token_is_told_with_the_gateways_health": "moto counts the "
    "bytes of an item as JSON, and refuses one that DynamoDB takes",
}


def is_up(base):
    try:
        return ask(base, "GET", "/moto-api/").status == 200
    except OSError:
        return False


def run():
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile("w+") as log, shown_on_failure(log):
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        until(lambda: is_up(base) or server.poll() is not None, 60, "moto answers")
        check(server.poll() is None, "moto ended at once")
    names = [*SKIPPED, *(f"{module}::" for module in OTHER_WORLDS)]
    skip = [word for name in names for word in ("--skip", name)]
    print(f"not run, being about other worlds: {', '.join(OTHER_WORLDS)}")
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
