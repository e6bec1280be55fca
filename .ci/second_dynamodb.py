"""The tests of the API pass against moto's DynamoDB too, but for those that show
where moto is no DynamoDB. Runs in the Python that `.ci/moto` prints.
"""

import subprocess
import sys
import tempfile

from harness import ENVIRONMENT, ROOT, ask, check, free_port, main, shown_on_failure, until

# Whole files that are about other worlds, and use DynamoDB as the others do.
OTHER_WORLDS = ["agents::hostile", "agents::probing", "controls::railway_keys"]
OTHER_WORLDS += ["controls::railway_outage", "controls::settling", "identity", "sweep::hosting"]
OTHER_WORLDS += ["version"]
SLOW = "the simulated Railway has gone on before moto has answered"
# Tests that moto cannot pass, each with the reason.
SKIPPED = {
    "controls::leases::a_client_that_hangs_up_leaves_no_lease_and_a_finished_record": SLOW,
    "controls::leases::the_running_control_is_named_with_the_time_to_come_again": SLOW,
    "lifecycle::restart::a_restart_deploys_where_nothing_runs": SLOW,
    "lifecycle::operations::an_operation_is_shown_with_who_what_and_when": SLOW,
    "token::heal::a_store_that_takes_no_token_is_told_with_the_gateways_health": "moto counts the "
    "bytes of an item as JSON, and refuses one that DynamoDB takes",
}


def is_up(base):
    try:
        return ask(base, "GET", "/moto-api/").status == 200
    except OSError:
        return False


def api_tests(*arguments, **options):
    command = ["cargo", "test", "--locked", "--workspace", "--test", "api", "--", *arguments]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False, **options)


def check_names(names):
    """A test that was renamed would be run, and one that is gone need not be named."""
    listed = api_tests("--list", env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    check(listed.returncode == 0, "the tests cannot be listed")
    tests = listed.stdout.splitlines()
    for name in names:
        check(any(test.startswith(name) for test in tests), f"no test is named {name}")


def run():
    names = [*SKIPPED, *(f"{module}::" for module in OTHER_WORLDS)]
    check_names(names)
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
    skip = [word for name in names for word in ("--skip", name)]
    print(f"not run, being about other worlds: {', '.join(OTHER_WORLDS)}")
    for name, reason in SKIPPED.items():
        print(f"skipped: {name}: {reason}", flush=True)
    # More at once have moto, which answers one after the other, take too long.
    done = api_tests(*skip, env=ENVIRONMENT | {"TEST_DYNAMODB": base, "RUST_TEST_THREADS": "2"})
    check(done.returncode == 0, "a test fails with this DynamoDB")
    server.terminate()
    server.wait(10)


main(run)
