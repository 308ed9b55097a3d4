"""What an app read of a request, as one line of JSON in the file READINGS; the same for every Python server."""

import json
import os
from urllib.parse import quote, unquote_to_bytes

OUT = os.open(os.environ["READINGS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
# What no server takes for a separator; everything else is written as an escape.
PLAIN = "/:@!$&'()*+,;=-._~"
MOST = 512


def encoded(path):
    """A decoded path (bytes, or text of Latin-1 as WSGI has it), encoded again."""
    return quote(path.encode("latin-1") if isinstance(path, str) else path, safe=PLAIN)


def report(method, path, headers, *, script="", query="", body=b"", also=(), **more):
    """Writes a reading. `headers` are pairs of lower-case names with dashes, and values."""
    shown = body[:MOST].decode("latin-1")
    line = {"method": method, "script": script, "path": path, "query": query, "headers": headers}
    line |= {"body": shown, "length": len(body), "also": list(also)} | more
    os.write(OUT, (json.dumps(line) + "\n").encode())


def tag(headers):
    return next((value for name, value in headers if name == "x-rig-tag"), "")


def owner(path, host, tenant):
    """Whose row the path is at this host, for this tenant: `path` decoded, in bytes."""
    last = path[-1] if path else 0
    return 1 if (last + len(host.split(":")[0]) + len(tenant)) % 2 else 2


def answer(path, headers):
    """The fields and the body of every answer."""
    host, tenant = (next((value for name, value in headers if name == wanted), "") for wanted in ("host", "x-tenant"))
    body = json.dumps({"ownerId": owner(unquote_to_bytes(path), host, tenant), "seen": tag(headers)}).encode()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("X-Rig-Seen", tag(headers))]
    return fields, body


def environ_headers(environ):
    """The fields of a WSGI environment."""
    headers = [[name[5:].lower().replace("_", "-"), value] for name, value in environ.items() if name.startswith("HTTP_")]
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers.append([name.lower().replace("_", "-"), environ[name]])
    return headers


def environ_facts(environ):
    """What a WSGI environment says about the caller."""
    names = ("REMOTE_USER", "AUTH_TYPE", "REMOTE_ADDR", "REMOTE_IDENT")
    return {name: environ[name] for name in names if environ.get(name)}
