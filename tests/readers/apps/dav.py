"""wsgidav with a folder for each user; reports the paths that its provider is asked for."""

import os
import tempfile
import threading

from cheroot import wsgi
from wsgidav.fs_dav_provider import FileResource, FilesystemProvider, FolderResource
from wsgidav.wsgidav_app import WsgiDAVApp

from reading import encoded, environ_facts, environ_headers, report, tag

asked = threading.local()


class Provider(FilesystemProvider):
    def get_resource_inst(self, path, environ):
        asked.paths.append(path)
        return super().get_resource_inst(path, environ)


def as_sent(path, method):
    """A decoded path, encoded again; cheroot leaves an encoded slash as it is, and decodes nothing for OPTIONS."""
    path = path.encode("latin-1") if isinstance(path, str) else path
    return path.decode("latin-1") if method == "OPTIONS" else encoded(path).replace("%252F", "%2F")


def told(method):
    """A method of a resource that also tells where it writes to."""

    def telling(self, dest_path, *arguments, **named):
        asked.destination = dest_path
        return method(self, dest_path, *arguments, **named)

    return telling


for kind in (FileResource, FolderResource):
    for name in ("copy_move_single", "move_recursive"):
        setattr(kind, name, told(getattr(kind, name)))


def root():
    folder = tempfile.mkdtemp(prefix="readers-dav-", dir=os.environ["FOLDER"])
    for user in ("1", "2"):
        os.makedirs(os.path.join(folder, "dav", user, "box"))
        for name in ("a", "b"):
            with open(os.path.join(folder, "dav", user, name), "w") as file:
                file.write(user)
    return folder


dav = WsgiDAVApp(
    {
        "provider_mapping": {"/": Provider(root())},
        "simple_dc": {"user_mapping": {"*": True}},
        "logging": {"enable": False},
        "verbose": 0,
        "property_manager": False,
        "lock_storage": True,
        "dir_browser": {"enable": False},
    }
)


def app(environ, start_response):
    asked.paths, asked.destination = [], None
    headers = environ_headers(environ)
    script, path = environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"]

    def started(status, fields, exc_info=None):
        return start_response(status, fields + [("X-Rig-Seen", tag(headers))], exc_info)

    method = environ["REQUEST_METHOD"]
    parts = list(dav(environ, started))
    paths = [as_sent(found.encode(), method) for found in asked.paths]
    destination = asked.destination and as_sent(asked.destination.encode(), method)
    report(
        method,
        as_sent(path, method),
        headers,
        script=script,
        query=environ.get("QUERY_STRING", ""),
        also=paths[:1],
        destination=destination,
        facts=environ_facts(environ),
    )
    return parts


server = wsgi.Server(("127.0.0.1", int(os.environ["PORT"])), app, numthreads=8, timeout=30)
server.start()
