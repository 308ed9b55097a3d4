"""An ASGI app that reports what it reads, WebSockets included: for uvicorn and hypercorn."""

from reading import answer, encoded, report


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    headers = [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in scope["headers"]]
    path = encoded(scope["path"].encode())
    method = scope.get("method", "GET")
    body = b""
    if scope["type"] == "http":
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                # The request never became whole.
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
    report(
        method,
        path,
        headers,
        script=scope.get("root_path", ""),
        query=scope.get("query_string", b"").decode("latin-1"),
        body=body,
        also=[scope["raw_path"].decode("latin-1")] if scope.get("raw_path") else [],
        facts={"client": scope["client"][0] if scope.get("client") else "", "scheme": scope.get("scheme", "")},
    )
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            sent = {"bytes": message["bytes"]} if text is None else {"text": text}
            await send({"type": "websocket.send"} | sent)
        return
    fields, content = answer(path, headers)
    lines = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": 200, "headers": lines})
    await send({"type": "http.response.body", "body": content})
