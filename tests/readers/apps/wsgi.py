"""A WSGI app that reports what it reads: for gunicorn, waitress and Werkzeug's own server."""

import os
import sys

from reading import answer, encoded, environ_facts, environ_headers, report


def read_body(environ):
    length = environ.get("CONTENT_LENGTH")
    if length:
        return environ["wsgi.input"].read(int(length))
    if environ.get("wsgi.input_terminated") or environ.get("SERVER_SOFTWARE", "").startswith("gunicorn"):
        return environ["wsgi.input"].read()
    return b""


def app(environ, start_response):
    headers = environ_headers(environ)
    path = encoded(environ.get("PATH_INFO", ""))
    body = read_body(environ)
    report(
        environ["REQUEST_METHOD"],
        path,
        headers,
        script=environ.get("SCRIPT_NAME", ""),
        query=environ.get("QUERY_STRING", ""),
        body=body,
        facts=environ_facts(environ),
    )
    fields, content = answer(path, headers)
    start_response("200 OK", fields)
    return [content]


def werkzeug():
    """Werkzeug's development server, and its request: as Flask apps read it behind a proxy."""
    from werkzeug.middleware.proxy_fix import ProxyFix
    from werkzeug.serving import WSGIRequestHandler, make_server
    from werkzeug.wrappers import Request

    def fixed(environ, start_response):
        request = Request(environ)
        headers = environ_headers(environ)
        path = encoded(request.path.encode())
        report(
            request.method,
            path,
            headers,
            script=request.root_path,
            query=request.query_string.decode("latin-1"),
            body=request.get_data(),
            facts=environ_facts(environ) | {"host": request.host},
        )
        fields, content = answer(path, headers)
        start_response("200 OK", fields)
        return [content]

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_):
            pass

    app = ProxyFix(fixed, x_for=1, x_proto=1, x_host=1, x_prefix=1)
    make_server("127.0.0.1", int(os.environ["PORT"]), app, threaded=True, request_handler=Handler).serve_forever()


def waitress():
    from waitress import serve

    serve(
        app,
        listen=f"127.0.0.1:{os.environ['PORT']}",
        threads=8,
        clear_untrusted_proxy_headers=False,
        _quiet=True,
    )


if __name__ == "__main__":
    {"werkzeug": werkzeug, "waitress": waitress}[sys.argv[1]]()
