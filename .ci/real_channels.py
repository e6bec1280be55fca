"""A real OpenClaw gateway whose Telegram cannot be reached: it is up, and degraded,
and never restarted for it.

real_channels.py PATH_OF_OPENCLAW_UP RELEASE
"""

import sys
from pathlib import Path

from gateways import gateway
from harness import ask, check, equal, free_port, main, until
from swept import swept_stack

INSTANCE = "demo-running"
# As many as there are in ten minutes where one is made each minute, and more: the
# rules count sweeps.
SWEEPS = 30


def run():
    script, release = Path(sys.argv[1]).resolve(), sys.argv[2]
    with swept_stack() as owner, gateway(script, release) as real:
        telegram = {
            "enabled": True,
            "botToken": "1234567:a-token-of-nobody",
            # Nobody listens there.
            "apiRoot": f"http://127.0.0.1:{free_port()}",
        }
        real.configure(channels={"telegram": telegram})
        real.start(owner.token(INSTANCE))
        owner.register(INSTANCE, real.url)
        until(lambda: owner.state(INSTANCE)["status"] == "healthy", 30, f"{release} is told as healthy")
        owner.expect_left_alone(INSTANCE, [], [])

        def is_unready():
            return ask(real.url, "GET", "/readyz").status == 503

        took = until(is_unready, 300, f"{release} says that its Telegram is dead")
        equal(ask(real.url, "GET", "/readyz").json["failing"], ["telegram"], "what /readyz names")
        equal(ask(real.url, "GET", "/startupz").status, 200, "the process itself")
        sweeps = owner.sweeps_until(lambda _: owner.history(INSTANCE)["degraded"] == ["telegram"])
        # One may have been on its way.
        check(sweeps <= 4, f"degraded after {sweeps} sweeps and not after three")
        equal(owner.state(INSTANCE)["status"], "starting", "the contract's word for it")
        owner.wait_for_sweeps(SWEEPS)
        check(is_unready(), "its Telegram is still dead")
        owner.expect_left_alone(INSTANCE, ["telegram"], ["Agent degraded"])
    print(f"{release}: Telegram dead after {took:.0f} s, degraded {sweeps} sweeps later, left alone in {SWEEPS} more")


main(run)
