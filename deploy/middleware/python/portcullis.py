"""Portcullis for Python: turns the gate's signed assertion into the user of a request.

Documentation: docs/assertion.md of Portcullis. Python 3.9 or newer, and the package `cryptography`.

    verifier = Verifier(
        jwks="http://127.0.0.1:8080/.well-known/portcullis/jwks.json",  # of the gate
        issuer="https://shop.example.com",  # `server.public_url`, else "portcullis"
        audience="shop",  # `identity.assertion_audience`
    )
    app.wsgi_app = Wsgi(app.wsgi_app, verifier)  # Flask; the user: request.environ["portcullis.user"]
    app.add_middleware(Asgi, verifier=verifier)  # FastAPI, Starlette; the user: request.user

`required=False` as the last argument lets requests without an assertion through, with the user `None`.
For Django, `portcullis_django.py` lies beside this file.
"""

import asyncio
import base64
import hashlib
import json
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LEEWAY = 30  # seconds between the clocks of the gate and of this machine
MAX_AGE = 300  # seconds that the keys are used before they are fetched again
COOLDOWN = 10  # seconds between two attempts to fetch them; the argument `cooldown`
TIMEOUT = 3  # seconds that the gate has to answer
MAX_JWKS = 65536  # bytes


class Refused(Exception):
    """The request is not the gate's, or not as the gate has sent it."""

    def __init__(self, message, status=401):
        super().__init__(message)
        self.message = message
        self.status = status

    def body(self):
        error = {"statusCode": self.status, "name": "Error", "message": self.message, "code": "ASSERTION_REFUSED"}
        return json.dumps({"error": error}).encode()


@dataclass(frozen=True)
class User:
    """The user, with the attributes that Starlette expects of one."""

    id: str
    username: "str | None"
    email: "str | None"
    email_verified: bool
    groups: tuple

    is_authenticated = True

    @property
    def identity(self):
        return self.id

    @property
    def display_name(self):
        return self.username or self.id

    @classmethod
    def of(cls, claims):
        return cls(
            id=claims["sub"],
            username=claims.get("preferred_username"),
            email=claims.get("email"),
            email_verified=claims.get("email_verified") is True,
            groups=tuple(claims.get("groups", ())),
        )


class Verifier:
    def __init__(self, jwks, issuer, audience, cooldown=COOLDOWN):
        if not (jwks and issuer and audience):
            raise ValueError("jwks, issuer and audience are needed")
        self._jwks, self._issuer, self._audience = jwks, issuer, audience
        self._keys, self._fetched, self._tried = {}, float("-inf"), float("-inf")
        self._cooldown, self._lock = cooldown, threading.Lock()

    def claims(self, token, method, path, query):
        """The claims of an assertion for this request: `path` decoded, in bytes; `query` as sent, in bytes."""
        try:
            first, second, third = token.split(".")
            header, claims, signature = json.loads(_decode(first)), json.loads(_decode(second)), _decode(third)
            algorithm, kid = header["alg"], header["kid"]
            target = urllib.parse.unquote_to_bytes(claims["htp"])
            if not isinstance(kid, str):
                raise ValueError(kid)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Refused("the assertion is malformed") from None
        # The algorithm is ours to choose, not the sender's.
        if algorithm != "EdDSA":
            raise Refused("the assertion has another algorithm")
        key = self._key(kid)
        if key is None:
            raise Refused("the key of the assertion is unknown")
        try:
            key.verify(signature, f"{first}.{second}".encode())
        except InvalidSignature:
            raise Refused("the signature is wrong") from None
        now = time.time()
        if claims.get("iss") != self._issuer:
            raise Refused("the assertion is of another issuer")
        if claims.get("aud") != self._audience:
            raise Refused("the assertion is for another app")
        if not claims.get("exp", 0) > now - LEEWAY:
            raise Refused("the assertion has expired")
        if not claims.get("nbf", now + LEEWAY) < now + LEEWAY:
            raise Refused("the assertion is not valid yet")
        if claims.get("htm") != method:
            raise Refused("the assertion is for another method")
        if target != path:
            raise Refused("the assertion is for another path")
        if claims.get("htq") != (_hash(query) if query else None):
            raise Refused("the assertion is for another query")
        if not (isinstance(claims.get("sub"), str) and claims["sub"]):
            raise Refused("the assertion names no user")
        return claims

    def of_environ(self, environ, encoding="latin-1"):
        """The claims of a WSGI request, whose path has this encoding; `None` without an assertion."""
        token = environ.get("HTTP_X_PORTCULLIS_ASSERTION")
        if token is None:
            return None
        path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode(encoding)
        query = environ.get("QUERY_STRING", "").encode("latin-1")
        return self.claims(token, environ["REQUEST_METHOD"], path, query)

    def of_scope(self, scope):
        """The claims of an ASGI request; `None` without an assertion."""
        tokens = [value for name, value in scope["headers"] if name == b"x-portcullis-assertion"]
        if not tokens:
            return None
        raw = scope.get("raw_path")
        path = urllib.parse.unquote_to_bytes(raw) if raw else scope["path"].encode()
        token = b", ".join(tokens).decode("latin-1")
        return self.claims(token, scope.get("method", "GET"), path, scope.get("query_string", b""))

    def _key(self, kid):
        now = time.monotonic()
        if (now - self._fetched > MAX_AGE or kid not in self._keys) and now - self._tried >= self._cooldown:
            # One attempt for all requests that wait.
            with self._lock:
                if now - self._tried >= self._cooldown:
                    self._fetch()
                    self._tried = time.monotonic()
        if not self._keys:
            raise Refused("the keys of the gate are not available", 503)
        return self._keys.get(kid)

    def _fetch(self):
        try:
            with urllib.request.urlopen(self._jwks, timeout=TIMEOUT) as answer:
                jwks = json.loads(answer.read(MAX_JWKS))["keys"]
            keys = [jwk for jwk in jwks if (jwk["kty"], jwk["crv"]) == ("OKP", "Ed25519")]
            self._keys = {jwk["kid"]: Ed25519PublicKey.from_public_bytes(_decode(jwk["x"])) for jwk in keys}
            self._fetched = time.monotonic()
        except (OSError, ValueError, KeyError, TypeError):
            # The old keys are good while the gate does not answer.
            pass


class Wsgi:
    """For Flask and other WSGI apps."""

    def __init__(self, app, verifier, required=True):
        self._app, self._verifier, self._required = app, verifier, required

    def __call__(self, environ, start_response):
        try:
            claims = self._verifier.of_environ(environ)
            if claims is None and self._required:
                raise Refused("this app takes requests from its gate only")
        except Refused as refused:
            status = "401 Unauthorized" if refused.status == 401 else "503 Service Unavailable"
            body = refused.body()
            lines = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            start_response(status, lines + [("WWW-Authenticate", "Portcullis")] * (refused.status == 401))
            return [body]
        environ["portcullis.user"] = claims and User.of(claims)
        if claims is None:
            environ.pop("REMOTE_USER", None)
        else:
            environ["REMOTE_USER"] = claims["sub"]
        return self._app(environ, start_response)


class Asgi:
    """For FastAPI, Starlette and other ASGI apps."""

    def __init__(self, app, verifier, required=True):
        self._app, self._verifier, self._required = app, verifier, required

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        try:
            # In a thread, because it may have to ask the gate for its keys.
            claims = await asyncio.get_running_loop().run_in_executor(None, self._verifier.of_scope, scope)
            if claims is None and self._required:
                raise Refused("this app takes requests from its gate only")
        except Refused as refused:
            if scope["type"] == "websocket":
                return await send({"type": "websocket.close", "code": 1008})
            body = refused.body()
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
            headers += [(b"www-authenticate", b"Portcullis")] * (refused.status == 401)
            await send({"type": "http.response.start", "status": refused.status, "headers": headers})
            return await send({"type": "http.response.body", "body": body})
        await self._app({**scope, "user": claims and User.of(claims)}, receive, send)


def _decode(part):
    return base64.urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))


def _hash(query):
    return base64.urlsafe_b64encode(hashlib.sha256(query).digest()).rstrip(b"=").decode()
