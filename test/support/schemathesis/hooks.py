"""What requests made from a schema lack: authority, topics that somebody may use, waits that a test has time for."""

import itertools
import json
import os
import re

import jsonschema_rs
import schemathesis

TOPIC = re.compile(r"[a-z0-9][a-z0-9._:-]{0,127}\Z")
# Not random: the same in every run.
numbers = itertools.count()


def every_other() -> bool:
    return next(numbers) % 2 == 0


def scoped(topic):
    """Every other valid topic becomes the one that the capabilities are for; the rest are refused for their scope."""
    return "t" if isinstance(topic, str) and TOPIC.match(topic) and every_other() else topic


def is_within(value, least, most) -> bool:
    """A whole number, however it is written: 5.0 is one."""
    return type(value) in (int, float) and least <= value <= most and value == int(value)


def message(payload_b64=""):
    return {"topic": "t", "idem_key": f"key-{next(numbers)}", "payload_b64": payload_b64}


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    body = dict(body)
    path = context.operation.path
    if "topic" in body:
        body["topic"] = scoped(body["topic"])
    if path == "/v1/send/batch" and isinstance(body.get("messages"), list):
        # Anything may be an item, and nearly nothing is a message.
        body["messages"] = [message() if i % 2 == 0 else item for i, item in enumerate(body["messages"])]
    longest = 20_000
    if path == "/v1/recv/stream":
        longest = 43_200_000
        body.setdefault("wait_ms", 1)
        # Beyond its credit it waits for acks that do not come.
        credit = body.get("credit", 32)
        most = body.get("max_messages", credit)
        if is_within(credit, 1, 256) and is_within(most, 1, 2**53 - 1):
            body["max_messages"] = min(most, credit)
    if is_within(body.get("wait_ms"), 1, longest):
        body["wait_ms"] = 1 + body["wait_ms"] % 10
    if path == "/v1/dlq/reprocess" and is_within(body.get("rate_per_s"), 1, 100_000):
        if body["rate_per_s"] > 16:
            body["rate_per_s"] = max(body["rate_per_s"], 10_000)
        elif body.get("topic") == "t":
            # This takes a minute. A body is judged before its scope.
            body["topic"] = "other"
    return body


@schemathesis.hook
def map_case(context, case):
    """A send without a flaw now and then, or hardly any is taken: another key each time, and available at once."""
    if case.operation.path == "/v1/send" and case.meta and case.meta.generation.mode.is_positive and every_other():
        case.body = message(case.body["payload_b64"])
    return case


@schemathesis.hook
def map_query(context, query):
    if isinstance(query, dict) and "topic" in query:
        return {**query, "topic": scoped(query["topic"])}
    return query


@schemathesis.check
def each_line(context, response, case):
    """Of a stream the document describes a line, and schemathesis knows no media type of lines."""
    if response.headers.get("content-type") != ["application/x-ndjson"]:
        return
    components = case.operation.schema.raw_schema["components"]
    schema = {"$ref": "#/components/schemas/StreamLine", "components": components}
    for line in response.content.splitlines():
        if line:
            assert jsonschema_rs.is_valid(schema, json.loads(line)), line


@schemathesis.auth(refresh_interval=None)
class Capability:
    """The capability for what is asked: admin and view go with nothing else, and revoking needs a topic of its own."""

    def get(self, case, context):
        path = case.operation.path
        if path == "/v1/admin/revoke":
            return os.environ["CAP_REVOKE"]
        if path == "/v1/topics" or path.startswith("/v1/messages"):
            return os.environ["CAP_VIEW"]
        return os.environ["CAP_ADMIN" if path.startswith("/v1/dlq") else "CAP"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
