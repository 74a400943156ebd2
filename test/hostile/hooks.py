"""What the hostile clients do beside what schemathesis does by itself.

They name things that are there, of the own organization and of another one, look for what is planted in the other one in every answer, and do not
take away the key that they use. TestHostileClientsFindNothing sets the environment.
"""

import json
import os
from urllib.parse import urlencode
from zlib import crc32

import schemathesis

MARKER = os.environ["HOSTILE_MARKER"].encode()
OTHERS = os.environ["HOSTILE_OTHERS_IDS"].split(",")
KNOWN = os.environ["HOSTILE_OWN_IDS"].split(",") + OTHERS
KEPT = set(os.environ["HOSTILE_KEPT_IDS"].split(","))


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    """Of three ids that were made up, one is of something that is there."""
    if path_parameters:
        for name, value in path_parameters.items():
            number = crc32(repr(value).encode())
            if number % 3 == 0:
                path_parameters[name] = KNOWN[number // 3 % len(KNOWN)]
    return path_parameters


@schemathesis.hook
def map_query(ctx, query):
    """Addresses of more than 16 KiB never reach an operation: the server answers 431 before it knows which. Tests of their own see to that."""
    while query and len(urlencode(query, doseq=True)) > 12_000:
        longest = max(query, key=lambda name: len(urlencode({name: query[name]}, doseq=True)))
        value = query[longest]
        if isinstance(value, (list, str)) and len(value) > 1:
            query[longest] = value[: len(value) // 2]
        else:
            del query[longest]
    return query


@schemathesis.hook
def filter_case(ctx, case):
    """Nobody revokes the key in use or changes the member behind it: all that follows would be answered 401."""
    return case.method not in ("PUT", "DELETE") or not KEPT.intersection(str(v) for v in (case.path_parameters or {}).values())


# What somebody of the own organization asked for by an id stays in its trail, whosever the id is. This is the one record that is made of what is not there.
OWN_VIEW = "audit_trail.member.viewed"


def without_own_views(content):
    """The answer less the records of cards that its own organization asked for."""
    if OWN_VIEW.encode() not in content:
        return content
    try:
        return json.dumps(_without(json.loads(content)), ensure_ascii=False).encode()
    except ValueError:  # a file, or a stream: a record a line
        return b"\n".join(line for line in content.split(b"\n") if OWN_VIEW.encode() not in line)


def _without(value):
    if isinstance(value, list):
        return [_without(v) for v in value if not (isinstance(v, dict) and v.get("action") == OWN_VIEW)]
    if isinstance(value, dict):
        return {} if value.get("action") == OWN_VIEW else {k: _without(v) for k, v in value.items()}
    return value


@schemathesis.check
def nothing_of_another_organization(ctx, response, case):
    """No answer has what is planted in the other organization, nor an id of it that no request of the own organization named."""
    if MARKER in response.content:
        raise AssertionError("the answer shows what is planted in another organization")
    request, content = response.request, without_own_views(response.content)
    asked = repr((request.url, dict(request.headers), request.body))
    for other in OTHERS:
        if other.encode() in content and other not in asked:
            raise AssertionError(f"the answer names {other}, which is of another organization")
