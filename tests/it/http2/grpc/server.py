"""A gRPC server with bytes for messages, over TLS if it is given a key and a certificate. Prints its port."""

import concurrent.futures
import sys

import grpc


def echo(request, context):
    context.set_trailing_metadata((("x-trailer", "1"), ("x-seen-user", dict(context.invocation_metadata()).get("x-user-id", "none"))))
    return request


def refuse(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: " + request.decode())


def count(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def total(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, context):
    # Each message is answered before the next one is sent.
    for request in requests:
        yield b"re: " + request


HANDLERS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}

server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", HANDLERS),))
if len(sys.argv) > 1:
    key, certificate = (open(path, "rb").read() for path in sys.argv[1:])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
else:
    port = server.add_insecure_port("127.0.0.1:0")
print(port, flush=True)
server.start()
# Ends with its parent.
sys.stdin.read()
server.stop(None)
