"""The metrics of the fleet keep the rules of Prometheus' text format and its
conventions for names, as `promtool check metrics` has them.
"""

import re

from prometheus_client.parser import text_string_to_metric_families

from harness import ask, check, equal, local_stack, main, until

PATH = "/api/openclaw/metrics"
# A metric is in base units, and says so at the end of its name.
OTHER_UNITS = re.compile(r"_(milliseconds|ms|minutes|hours|days|kilobytes|megabytes|percent)(_|$)")


def families(base):
    answer = ask(base, "GET", PATH, {"Authorization": "Bearer local-internal-api-key"})
    equal(answer.status, 200, "status")
    equal(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
    return list(text_string_to_metric_families(answer.body.decode()))


def samples(base, name):
    return [it for family in families(base) for it in family.samples if it.name == name]


def run():
    with local_stack("--sweep", "1") as stack:
        base = stack["api"]
        until(lambda: len(samples(base, "openclaw_agent_up")) > 3, 30, "a sweep was made")
        found = families(base)
        check(len(found) > 8, f"only {len(found)} metrics")
        names = [family.name for family in found]
        equal(sorted(set(names)), sorted(names), "a metric that is there twice")
        series = set()
        for family in found:
            name = family.name
            check(re.fullmatch("openclaw_[a-z][a-z_]*", name), f"the name of {name}")
            check(not OTHER_UNITS.search(name), f"{name} has another unit")
            check(not name.endswith(("_total", "_count", "_sum", "_bucket")), f"{name} is a gauge")
            equal(family.type, "gauge", f"the type of {name}")
            check(family.documentation, f"{name} has no help")
            for sample in family.samples:
                equal(sample.name, name, "a sample of another metric")
                key = (name, *sorted(sample.labels.items()))
                check(key not in series, f"{key} is there twice")
                series.add(key)
        agents = sum(it.value for it in samples(base, "openclaw_agents"))
        equal(agents, 7, "agents in all conditions")
        print(f"{len(found)} metrics, {len(series)} series of {agents:.0f} agents")


main(run)
