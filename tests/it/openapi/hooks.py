"""Who schemathesis is: a user who may do everything, and another one whenever that one is gone."""

import itertools
import json
import os
import urllib.request

import schemathesis

USERS = os.environ["PORTCULLIS_USERS"]

# These end the session, or lock its user out.
ENDING = ("/logout", "/reset-password", "/change-password")

numbers = itertools.count(1)
current = None


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def log_in():
    name = f"robot-{next(numbers)}"
    account = {"email": f"{name}@robots.example", "password": "a-good-password", "nick": name}
    post(USERS, account)
    return post(f"{USERS}/login", account)


def robot():
    global current
    if current is None:
        current = log_in()
    return current


@schemathesis.auth(refresh_interval=None)
class Robot:
    def get(self, case, context):
        session = log_in() if case.operation.path.endswith(ENDING) else robot()
        return session["id"]

    def set(self, case, token, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = token


@schemathesis.hook
def map_path_parameters(context, parameters):
    """Every other row is one that exists."""
    if parameters and len(str(parameters.get("id"))) % 2 == 0:
        session = robot()
        real = {"id": str(session["userId"]), "fk": session["id"]}
        return {name: real.get(name, value) for name, value in parameters.items()}
    return parameters


# No schema can say so of every level: this key is refused wherever it stands. Tests of ours send it.
@schemathesis.hook
def filter_body(context, body):
    if context.operation.path.endswith("/login") and isinstance(body, dict) and not ("email" in body or "username" in body):
        # One of the two is required, which the schema leaves to its text.
        return False
    return "__proto__" not in repr(body)


@schemathesis.hook
def filter_query(context, query):
    return "__proto__" not in repr(query)


@schemathesis.hook
def after_call(context, case, response):
    global current
    # Deleted, logged out, or with scopes that open nothing.
    if response.status_code in (401, 403):
        current = None
