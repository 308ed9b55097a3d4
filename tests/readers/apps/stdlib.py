"""Python's http.server with kept connections and a handler that reads no body of a GET: as most examples have it.

With `stray`: one that writes a body after HEAD, 204 and 304, as waitress and cheroot do. The worst of bodies: an answer.
"""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reading import answer, report, tag


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def handle_bodiless(self, body=b""):
        path, _, query = self.path.partition("?")
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        report(self.command, path, headers, query=query, body=body)
        self.write_answer(headers, *answer(path, headers))

    def write_answer(self, _, fields, content, status=200):
        self.send_response(status)
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


class Stray(Handler):
    # The gate knows the class by its own name, and gives each body a connection. This one is not known.
    server_version = "Shop/1.0"
    sys_version = ""

    def write_answer(self, headers, fields, content):
        number = tag(headers)
        is_lookup = any(name == "x-portcullis-lookup" for name, _ in headers)
        status = {"1": 204, "3": 304, "7": 304}.get(number[-1:], 200)
        if is_lookup or status == 304 and self.command not in ("GET", "HEAD"):
            status = 200
        if status == 200 and self.command != "HEAD":
            return super().write_answer(headers, fields, content)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        body = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + content
        kept = [(name, str(len(body)) if name == "Content-Length" else value) for name, value in fields]
        command, self.command = self.command, "HEAD"
        super().write_answer(headers, kept, b"", status)
        self.command = command
        self.wfile.flush()
        # The head and the body are two writes, and what waits for the head does not see the body yet.
        time.sleep(0.004)
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Stray if "stray" in sys.argv else Handler).serve_forever()
