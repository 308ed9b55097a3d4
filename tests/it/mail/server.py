"""A mail server (aiosmtpd) that a test drives: it prints what happens as lines of JSON, and takes commands on standard input.

    server.py [--starttls CERT KEY | --tls CERT KEY] [--login USER PASSWORD]

Its socket is bound at once, which names the port, and listens only after `listen`: until then connections are refused.
"""

import argparse
import asyncio
import json
import socket
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self):
        # What RCPT is answered, by recipient; None = it is taken.
        self.answers = {}
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.take = asyncio.Event()
        self.take.set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        tell(rcpt=address)
        await self.go_on.wait()
        answer = self.answers.get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        login = getattr(session.auth_data, "login", None)
        tell(
            mail=envelope.content.decode(),
            to=envelope.rcpt_tos,
            tls=server.transport.get_extra_info("ssl_object") is not None,
            login=login and login.decode(),
        )
        await self.take.wait()
        return "250 taken"


def tell(**fact):
    print(json.dumps(fact), flush=True)


def context(cert, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    return made


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--starttls", nargs=2)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--login", nargs=2)
    asked = parser.parse_args()
    handler, loop = Handler(), asyncio.get_running_loop()

    def authenticate(server, session, envelope, mechanism, data):
        good = [data.login.decode(), data.password.decode()] == asked.login
        return AuthResult(success=good, handled=False, auth_data=data)

    def protocol():
        return SMTP(
            handler,
            loop=loop,
            tls_context=context(*asked.starttls) if asked.starttls else None,
            require_starttls=bool(asked.starttls),
            auth_required=bool(asked.login),
            auth_require_tls=bool(asked.starttls),
            authenticator=authenticate if asked.login else None,
        )

    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    tell(port=bound.getsockname()[1])
    commands = asyncio.Queue()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(commands.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (command := await commands.get()) is not None:
        if "listen" in command:
            await loop.create_server(protocol, sock=bound, ssl=context(*asked.tls) if asked.tls else None)
        handler.answers.update(command.get("answers", {}))
        if command.get("hold"):
            handler.go_on.clear()
        elif "hold" in command:
            handler.go_on.set()
        if command.get("hold_answer"):
            handler.take.clear()
        elif "hold_answer" in command:
            handler.take.set()
        tell(done=command)


asyncio.run(main())
