"""The import from Postgres in docs/aws.md, as it is written there: agents of a real
Postgres are in the list afterwards, and what breaks the rules stops all of them.

Runs in the Python that has pgserver.
"""

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pgserver

from harness import ENVIRONMENT, ROOT, TARGET, ask, check, equal, local_stack, main, until

BINARIES = Path(pgserver.__file__).parent / "pginstall/bin"
# Postgres does not run as root; in a namespace of its own it is somebody else.
AS_SOMEBODY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
KEY = {"Authorization": "Bearer local-internal-api-key"}

# As much of a platform's tables as the page's query reads.
TABLES = """
create table users (id uuid primary key, openclaw_instance_id text, openclaw_url text, plan text,
  subscription_status text, gateway_token text);
create table agents (user_id uuid references users, runtime_service_id uuid, created_at timestamptz);
insert into users values
  ('11111111-1111-4111-8111-111111111111', 'abc123', 'https://agentbot-agent-abc123-production.up.railway.app',
   'solo', 'active', repeat('ab', 32)),
  ('22222222-2222-4222-8222-222222222222', 'plain', null, null, null, null),
  ('33333333-3333-4333-8333-333333333333', null, null, 'free', null, null);
insert into agents values
  ('11111111-1111-4111-8111-111111111111', '5e1f0c2a-0000-4000-8000-000000000001', '2026-04-01T02:00:00+02:00');
"""


@contextlib.contextmanager
def postgres(folder):
    """A server that is reached through a socket in a folder."""
    data = folder / "data"
    initdb = [*AS_SOMEBODY, BINARIES / "initdb", "-D", data, "-U", "platform", "-A", "trust", "--no-sync"]
    subprocess.run(initdb, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [*AS_SOMEBODY, BINARIES / "postgres", "-D", data, "-k", folder, "-h", ""],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        ready = [BINARIES / "pg_isready", "-q", "-h", folder]
        until(lambda: subprocess.run(ready).returncode == 0, 30, "Postgres takes connections")
        yield
    finally:
        process.terminate()
        process.wait(10)


def variables_of(file):
    lines = Path(file).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def run():
    page = (ROOT / "docs/aws.md").read_text()
    found = re.search(r"```sh\n(psql -At .*?\n)```", page, re.S)
    check(found, "docs/aws.md has no block that begins with psql")
    script, replaced = re.subn(
        r"INSTANCES_TABLE=… TOKENS_TABLE=… cargo run -p local --", '"$LOCAL"', found[1]
    )
    equal(replaced, 1, "imports in the block in docs/aws.md")
    with tempfile.TemporaryDirectory() as name, local_stack(
        "--sweep", "0", "--env-file", Path(name) / "variables"
    ) as stack:
        folder = Path(name)
        environment = ENVIRONMENT | variables_of(folder / "variables")
        environment |= {"PGHOST": str(folder), "PGUSER": "platform", "PGDATABASE": "postgres"}
        environment["PATH"] = f"{BINARIES}:{environment['PATH']}"
        environment["LOCAL"] = str(TARGET / "debug/local")

        def psql(text):
            command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", text]
            subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)

        def follow_page():
            return subprocess.run(
                ["bash", "-euc", script],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )

        def agents():
            answer = ask(stack["api"], "GET", "/api/openclaw/instances", KEY)
            return {it["agentId"] for it in answer.json["instances"]}

        before = agents()
        with postgres(folder):
            psql(TABLES)
            psql("update users set plan = 'gold', openclaw_url = 'ftp://nowhere' where plan = 'solo'")
            refused = follow_page()
            check(refused.returncode != 0, f"a bad address was imported: {refused.stdout}")
            check("openclawUrl" in refused.stderr, f"the bad field is not named: {refused.stderr}")
            equal(agents(), before, "agents after an import that was refused")
            psql("update users set plan = 'solo', openclaw_url = "
                 "'https://agentbot-agent-abc123-production.up.railway.app' where plan = 'gold'")
            done = follow_page()
        equal(done.returncode, 0, f"exit code of the block in docs/aws.md: {done.stderr}")
        equal(agents() - before, {"abc123", "plain"}, "agents that were imported")
        check(not (folder / "agents.jsonl").exists(), "the file with tokens is still there")
        print(done.stdout.strip() or done.stderr.strip().splitlines()[-1])


main(run)
