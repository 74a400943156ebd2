"""Shows that the check of hooks.py finds what must not be in an answer, and nothing else. TestTheCheckOfHostileClientsFindsWhatIsPlanted runs it."""

import json
import os
from types import SimpleNamespace

os.environ |= {"HOSTILE_MARKER": "planted", "HOSTILE_OTHERS_IDS": "e-1,x-2", "HOSTILE_OWN_IDS": "o-1", "HOSTILE_KEPT_IDS": "o-1"}

import hooks  # noqa: E402  it reads the environment


def found(content, url="http://server/v1/events"):
    request = SimpleNamespace(url=url, headers={}, body=None)
    try:
        hooks.nothing_of_another_organization(None, SimpleNamespace(content=content, request=request), None)
    except AssertionError:
        return True
    return False


view = {"action": hooks.OWN_VIEW, "targets": [{"id": "e-1"}]}
for name, want, content in [
    ("a name", True, b'{"message":"of planted"}'),
    ("a name in a record of a view", True, json.dumps({"events": [view | {"message": "planted"}]}).encode()),
    ("an id", True, b'{"events":[{"id":"e-1"}]}'),
    ("an id beside a record of a view", True, json.dumps({"events": [view, {"id": "x-2"}]}).encode()),
    ("an id in a file beside a record of a view", True, b"id,action\n1," + hooks.OWN_VIEW.encode() + b",e-1\ne-1,login.failed\n"),
    ("a record of a view", False, json.dumps({"events": [view]}).encode()),
    ("a record of a view alone", False, json.dumps(view).encode()),
    ("a record of a view in a file", False, b"id,action\n1," + hooks.OWN_VIEW.encode() + b",e-1\n"),
    ("what is one's own", False, b'{"events":[{"id":"o-1"}]}'),
]:
    assert found(content) == want, name
assert not found(b'{"id":"e-1","notice":"not included"}', "http://server/v1/members/e-1"), "an id that the request named"
