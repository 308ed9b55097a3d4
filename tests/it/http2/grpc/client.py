"""Calls a gRPC server through the gate, over TLS."""

import queue
import sys

import grpc

port, ca = sys.argv[1:]
channel = grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(open(ca, "rb").read()))


def method(kind, name):
    return getattr(channel, kind)(f"/test.Service/{name}")


echo = method("unary_unary", "Echo")
for body in (b"", b"hello", b"x" * 300_000):
    got, call = echo.with_call(body, metadata=(("x-user-id", "7"),), timeout=20)
    assert got == body, (len(got), len(body))
    trailers = dict(call.trailing_metadata())
    assert trailers["x-trailer"] == "1" and trailers["x-seen-user"] == "none", trailers
try:
    method("unary_unary", "Refuse")(b"sorry", timeout=20)
    raise AssertionError("it was refused")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION and error.details() == "not today: sorry", error
try:
    method("unary_unary", "Missing")(b"", timeout=20)
    raise AssertionError("there is none")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
assert list(method("unary_stream", "Count")(b"1000", timeout=20)) == [b"%d" % number for number in range(1000)]
assert method("stream_unary", "Total")(iter([b"x" * 1000] * 500), timeout=20) == b"500000"
# Both ways at once: the next message is sent when the last one has been answered.
messages = queue.Queue()
answers = method("stream_stream", "Chat")(iter(messages.get, None), timeout=20)
for number in range(50):
    messages.put(b"%d" % number)
    assert next(answers) == b"re: %d" % number
messages.put(None)
assert list(answers) == [] and answers.code() == grpc.StatusCode.OK
print("done")
