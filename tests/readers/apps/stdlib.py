"""Python's http.server with kept connections and a handler that reads no body of a GET: as most examples have it."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reading import answer, report


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def handle_bodiless(self, body=b""):
        path, _, query = self.path.partition("?")
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        report(self.command, path, headers, query=query, body=body)
        fields, content = answer(path, headers)
        self.send_response(200)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return self.handle_bodiless(body)
        self.handle_bodiless(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_GET = do_HEAD = do_DELETE = do_OPTIONS = handle_bodiless
    do_QUERY = do_PROPFIND = do_PROPPATCH = do_MKCOL = do_LOCK = do_UNLOCK = do_REPORT = do_SEARCH = handle_bodiless
    do_PURGE = do_ACL = do_MKCALENDAR = do_FOO = do_MOVE = do_COPY = handle_bodiless
    do_POST = do_PUT = do_PATCH = handle_body

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
