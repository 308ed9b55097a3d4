"""A FastAPI app behind the gate. Arguments: as `express.js`."""

import asyncio
import dataclasses
import socket
import sys

folder, port, jwks, issuer, audience, required = sys.argv[1:]
sys.path.insert(0, f"{folder}/python")

import uvicorn
from fastapi import FastAPI, Request
from portcullis import Asgi, Verifier

app = FastAPI()
app.add_middleware(Asgi, verifier=Verifier(jwks, issuer, audience, cooldown=0), required=required == "true")


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def anything(request: Request):
    assertion = request.headers.get("x-portcullis-assertion")
    return {"user": request.user and dataclasses.asdict(request.user), "assertion": assertion}


bound = socket.socket()
bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
bound.bind(("127.0.0.1", int(port)))
bound.listen()
print("ready", flush=True)
asyncio.run(uvicorn.Server(uvicorn.Config(app, log_level="error")).serve([bound]))
