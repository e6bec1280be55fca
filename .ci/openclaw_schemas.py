"""Which keys and values the configuration of each OpenClaw release may have, from
what `openclaw config schema` prints: common/src/compat/schemas.json.

openclaw_schemas.py RELEASE=FILE... > common/src/compat/schemas.json

Titles, descriptions and patterns are left out. Of channels and plugins there are
those that the release brings along. Parts that are equal are kept once, also of
several releases.
"""

import json
import sys

# What is judged, beside `properties`.
KEYWORDS = {
    "type", "const", "enum", "required", "additionalProperties", "items", "anyOf", "oneOf", "allOf",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "minItems", "maxItems",
}  # fmt: skip
# zod's word for "any safe integer", which says nothing.
LIMITS = {9007199254740991, -9007199254740991}
OPEN = {("plugins", "installs")}


class Nodes:
    def __init__(self):
        self.nodes, self.known = [], {}

    def add(self, schema, path=()):
        """The number of a schema."""
        if isinstance(schema, bool) or path in OPEN:
            schema = {}
        node = {
            keyword: value
            for keyword, value in schema.items()
            if keyword in KEYWORDS and not (isinstance(value, (int, float)) and value in LIMITS)
        }
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in node:
                node[keyword] = [self.add(one, path) for one in node[keyword]]
        if "properties" in schema:
            node["properties"] = {
                name: self.add(of_name, (*path, name))
                for name, of_name in sorted(schema["properties"].items())
            }
        others = node.get("additionalProperties")
        if others is True or others == {}:
            del node["additionalProperties"]
        elif isinstance(others, dict):
            node["additionalProperties"] = self.add(others, (*path, "*"))
        # What has a default may be left out, though the schema of what results has it.
        properties = schema.get("properties", {})
        required = [
            name for name in node.pop("required", []) if "default" not in properties.get(name, {})
        ]
        if required:
            node["required"] = required
        items = node.get("items")
        if isinstance(items, dict):
            node["items"] = self.add(items, (*path, "[]"))
        else:
            node.pop("items", None)
        text = json.dumps(node, sort_keys=True)
        if text not in self.known:
            self.known[text] = len(self.nodes)
            self.nodes.append(node)
        return self.known[text]


def main():
    nodes, releases = Nodes(), {}
    for argument in sys.argv[1:]:
        release, _, path = argument.partition("=")
        with open(path) as file:
            releases[release] = nodes.add(json.load(file))
    lines = ",\n".join(json.dumps(node, sort_keys=True, separators=(",", ":")) for node in nodes.nodes)
    print(f'{{"releases":{json.dumps(releases, separators=(",", ":"))},"nodes":[\n{lines}\n]}}')


main()
