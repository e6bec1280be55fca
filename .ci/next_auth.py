"""Cookies made by the real next-auth 4 and @auth/core, and tokens signed with jose,
are sessions of their owner; those that are expired, tampered with, truncated or
made with another secret are nobody's. The tests make their own; this checks that
they make the same.

next_auth.py PATH_OF_NODE_MODULES
"""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import ROOT, ask, equal, local_stack, main

SECRET = "mBq4TmcHQxg3s0Zp1m9xJp1qfUkIe8xk+3GJ3hQZ9sE="
ROTATED = "K0r9xkX6rj4m2mN1u0b0f7n3Qv8Wv1rj1mUQ2m1h3fA="
OWNER, INSTANCE = "owner-running", "demo-running"
ISSUER, AUDIENCE = "https://login.example", "maintenance"


class Keys(BaseHTTPRequestHandler):
    """Publishes the keys of a login."""

    jwks = b"{}"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.jwks)))
        self.end_headers()
        self.wfile.write(self.jwks)

    def log_message(self, *_):
        pass


class Checked:
    """Asks for the owner's instance with what a stranger presents."""

    def __init__(self, api):
        self.api, self.count = api, 0

    def __call__(self, status, headers, what, path=f"/api/instance/{INSTANCE}"):
        answer = ask(self.api, "GET", path, headers)
        equal(answer.status, status, f"status with {what}: {answer.body!r}")
        self.count += 1

    def cookie(self, status, name, value, what):
        self(status, {"Cookie": f"{name}={value}"}, f"{name}, {what}")

    def bearer(self, status, token, what):
        self(status, {"Authorization": f"Bearer {token}"}, f"a token, {what}")


def minted(modules):
    order = {
        "modules": modules,
        "secret": SECRET,
        "rotated": ROTATED,
        "owner": OWNER,
        "issuer": ISSUER,
        "audience": AUDIENCE,
    }
    command = ["node", ROOT / ".ci/next_auth.mjs", json.dumps(order)]
    made = subprocess.run(command, stdout=subprocess.PIPE, timeout=60)
    equal(made.returncode, 0, "exit code of the maker of cookies")
    return json.loads(made.stdout)


def tampered(text):
    """The text with one letter changed, in each of its parts; the last letter of
    a part may hold bits that mean nothing, which have to be refused too."""
    parts = text.split(".")
    for index, part in enumerate(parts):
        for at in {0, len(part) // 2, len(part) - 1} if part else ():
            other = "A" if part[at] != "A" else "B"
            changed = part[:at] + other + part[at + 1 :]
            yield ".".join(parts[:index] + [changed] + parts[index + 1 :])


def truncated(text):
    yield from (text[:-1], text[: len(text) // 2], text[1:], text.rpartition(".")[0])


def check_cookies(checked, made):
    name = made["name"]
    for good in ("valid", "rotated", "expiring"):
        checked.cookie(200, name, made[good], good)
    stranger = "/api/instance/demo-legacy"
    checked(404, {"Cookie": f"{name}={made['valid']}"}, f"{name} for another's", stranger)
    for bad in ("expired", "wrongSecret", "nobody"):
        checked.cookie(403, name, made[bad], bad)
    for value in tampered(made["valid"]):
        checked.cookie(403, name, value, f"tampered with: {value}")
    for value in truncated(made["valid"]):
        checked.cookie(403, name, value, f"truncated: {value}")
    pieces = [f"{piece}={value}" for piece, value in made["pieces"]]
    equal(len(pieces) > 1, True, f"{name} was split")
    checked(200, {"Cookie": "; ".join(pieces)}, f"{name}, split")
    checked(200, {"Cookie": "; ".join(reversed(pieces))}, f"{name}, split, in any order")
    checked(403, {"Cookie": "; ".join(pieces[:-1])}, f"{name}, split, without an end")
    checked(403, {"Cookie": "; ".join(pieces[1:])}, f"{name}, split, without a beginning")


def check_tokens(checked, made):
    for algorithm, tokens in made.items():
        checked.bearer(200, tokens["valid"], algorithm)
        for bad in ("expired", "wrongAudience"):
            checked.bearer(403, tokens[bad], f"{algorithm}, {bad}")
        for value in tampered(tokens["valid"]):
            checked.bearer(403, value, f"{algorithm}, tampered with: {value}")
        for value in truncated(tokens["valid"]):
            checked.bearer(403, value, f"{algorithm}, truncated: {value}")


def run():
    made = minted(sys.argv[1])
    Keys.jwks = json.dumps(made["jwks"]).encode()
    keys = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=keys.serve_forever, daemon=True).start()
    variables = {
        "NEXTAUTH_SECRET": f"{SECRET},{ROTATED}",
        "JWT_JWKS_URL": f"http://127.0.0.1:{keys.server_port}/keys",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
    }
    with local_stack(**variables) as stack:
        checked = Checked(stack["api"])
        for cookies in made["cookies"]:
            check_cookies(checked, cookies)
        check_tokens(checked, made["tokens"])
    print(f"{checked.count} cookies and tokens were taken or refused as they must be")


main(run)
