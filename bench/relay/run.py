"""Measures the relay beside what else could be in its place: HTTP through it and
through nginx to the same agent, WebSockets through it and without it, and the
memory of connections that are idle. Figures are printed, and judged by nobody.

    cargo build -p local && cargo build --profile server -p relay -p bench-relay
    python3 bench/relay/run.py

It needs curl, nginx and wrk (Debian's packages are nginx-light and wrk).
"""

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / ".ci"))

from harness import ENVIRONMENT, TARGET, ask, descendants, equal, free_port, local_stack, main, until  # noqa: E402

SECONDS, CONNECTIONS, ROUNDS, IDLE = 6, 64, 3, 5_000

NGINX = """
daemon off; master_process on; worker_processes auto; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000;
  upstream agent {{ server {agent}; keepalive 128; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location /api/openclaw/proxy/bench-http/ {{
      proxy_pass http://agent/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
    }}
  }}
}}
"""


@contextlib.contextmanager
def running(*command, **options):
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(30)


def line_of(process, limit=60):
    readable, _, _ = select.select([process.stdout], [], [], limit)
    return json.loads(process.stdout.readline()) if readable else None


def wrk(url):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    count = int(re.search(r"(\d+) requests in", text)[1])
    latency = {name: re.search(rf"^\s+{name}%\s+(\S+)$", text, re.M)[1] for name in ("50", "99")}
    return rate, count, latency, re.search(r"Non-2xx.*|Socket errors.*", text)


def memory(process):
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def processor_seconds(process):
    """What a process and its children have used so far, user and system."""
    used = 0
    for pid in [process.pid, *descendants(process.pid)]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def median(values):
    return sorted(values)[len(values) // 2]


def http(relay, nginx, agent, processes):
    urls = {
        "agent": f"{agent}/json",
        "nginx": f"{nginx}/api/openclaw/proxy/bench-http/json",
        "relay": f"{relay}/api/openclaw/proxy/bench-http/json",
    }
    bodies = {subprocess.check_output(["curl", "-sf", url]) for url in urls.values()}
    equal(len(bodies), 1, "number of different answers")
    rates, costs = {name: [] for name in urls}, {name: [] for name in processes}
    for _ in range(ROUNDS):
        # In turns, so that what else the machine does hits all alike.
        for name, url in urls.items():
            process = processes.get(name)
            before = processor_seconds(process) if process else 0
            rate, count, latency, problem = wrk(url)
            rates[name].append(rate)
            line = f"  {name}: {rate:9.0f} requests/s, half within {latency['50']}, 99 % within {latency['99']}"
            if process:
                costs[name].append((processor_seconds(process) - before) * 1e6 / count)
                line += f", {costs[name][-1]:.1f} µs of a processor each"
            print(line + (f", {problem[0]}" if problem else ""), flush=True)
    best = {name: max(found) for name, found in rates.items()}
    ratio = median([relay / nginx for relay, nginx in zip(rates["relay"], rates["nginx"])])
    print(f"HTTP: relay/nginx {best['relay'] / best['nginx']:.2f} by the best rounds, "
          f"{ratio:.2f} by the median of rounds")
    # What else the machine does hardly changes these.
    cost = {name: median(found) for name, found in costs.items()}
    print(f"HTTP: a request takes the relay {cost['relay']:.1f} µs of a processor and nginx {cost['nginx']:.1f} µs, "
          f"which is {cost['nginx'] / cost['relay']:.2f}")


def echo(url, key):
    command = [TARGET / "server/bench-relay", "echo", url, "--key", key, "--seconds", str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["messagesPerSecond"]


def sockets(relay, agent, key):
    direct_url = agent.replace("http://", "ws://") + "/ws"
    relay_url = relay.replace("http://", "ws://") + "/api/openclaw/proxy/bench-sockets/ws"
    pairs = []
    for _ in range(ROUNDS):
        direct, through = echo(direct_url, ""), echo(relay_url, key)
        pairs.append((direct, through))
        print(f"  echo: {direct} messages/s directly, {through} through the relay")
    ratio = median([through / direct for direct, through in pairs])
    print(f"WebSocket echo: relay/direct {ratio:.2f} by the median of rounds")
    return relay_url


def idle(relay_process, relay_url, key):
    before = memory(relay_process)
    command = [TARGET / "server/bench-relay", "idle", relay_url, "--key", key, "--sockets", IDLE]
    with running(*command, stdout=subprocess.PIPE, text=True) as clients:
        equal(line_of(clients, 120), {"open": IDLE}, "idle connections")
        after = memory(relay_process)
        print(f"idle: {IDLE} WebSockets take {after - before} KiB, "
              f"{(after - before) / IDLE:.1f} KiB each; {after} KiB in all")


def run():
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    binary = TARGET / "server"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        local = stack.enter_context(local_stack())
        agent = line_of(stack.enter_context(running(binary / "bench-relay", "agent", stdout=subprocess.PIPE, text=True)))
        bearer = {"Authorization": f"Bearer {local['bearer']}"}
        for name in ("http", "sockets"):
            body = {"ownerId": "bench", "openclawUrl": agent[name]}
            made = ask(local["api"], "PUT", f"/api/openclaw/instances/bench-{name}", bearer, body)
            equal(made.status, 201, "status of a registration")

        port = free_port()
        environment = ENVIRONMENT | {
            "PORT": str(port), "INTERNAL_API_KEY": local["bearer"], "INSTANCES_TABLE": "instances",
            "AGENT_HOSTS": "127.0.0.1", "AWS_ENDPOINT_URL_DYNAMODB": local["dynamodb"],
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": local["accessKey"], "AWS_SECRET_ACCESS_KEY": "local",
        }
        log = stack.enter_context(open(folder / "relay.log", "w"))
        relay_process = stack.enter_context(running(binary / "relay", env=environment, stdout=log))
        relay = f"http://127.0.0.1:{port}"

        nginx_port = free_port()
        configuration = NGINX.format(folder=folder, port=nginx_port, agent=agent["http"].replace("http://", ""))
        (folder / "nginx.conf").write_text(configuration)
        nginx_command = ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
        nginx_process = stack.enter_context(running(*nginx_command))
        nginx = f"http://127.0.0.1:{nginx_port}"

        def answers(base):
            with contextlib.suppress(OSError):
                return ask(base, "GET", "/").status > 0

        until(lambda: answers(relay) and answers(nginx), 20, "the relay and nginx answer")
        http(relay, nginx, agent["http"], {"nginx": nginx_process, "relay": relay_process})
        relay_url = sockets(relay, agent["sockets"], local["bearer"])
        idle(relay_process, relay_url, local["bearer"])
    print(f"load average after: {os.getloadavg()[0]:.1f}")


main(run)
