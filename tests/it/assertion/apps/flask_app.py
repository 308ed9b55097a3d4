"""A Flask app behind the gate. Arguments: as `express.js`."""

import dataclasses
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

folder, port, jwks, issuer, audience, required = sys.argv[1:]
sys.path.insert(0, f"{folder}/python")

import flask
from portcullis import Verifier, Wsgi

app = flask.Flask(__name__)


@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
def anything(path):
    user = flask.request.environ["portcullis.user"]
    assertion = flask.request.headers.get("X-Portcullis-Assertion")
    return {"user": user and dataclasses.asdict(user), "remote": flask.request.remote_user, "assertion": assertion}


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


app.wsgi_app = Wsgi(app.wsgi_app, Verifier(jwks, issuer, audience, cooldown=0), required == "true")
with make_server("127.0.0.1", int(port), app, handler_class=Quiet) as server:
    print("ready", flush=True)
    server.serve_forever()
