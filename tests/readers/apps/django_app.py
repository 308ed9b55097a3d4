"""Django's runserver with a catch-all view that reports what it reads."""

import os
import sys

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import re_path

from reading import answer, encoded, environ_facts, report


def view(request):
    headers = [[name.lower(), value] for name, value in request.headers.items()]
    path = encoded(request.path_info.encode())
    # Read first: it is not there any more once a form is read.
    body = request.body
    # As middleware has it that lets forms delete.
    asked = request.POST.get("_method") if request.method == "POST" else None
    report(
        asked.upper() if asked else request.method,
        path,
        headers,
        script=request.META.get("SCRIPT_NAME", ""),
        query=request.META.get("QUERY_STRING", ""),
        body=body,
        facts=environ_facts(request.META) | {"scheme": request.scheme},
    )
    fields, content = answer(path, headers)
    response = HttpResponse(content)
    for name, value in fields:
        response[name] = value
    return response


settings.configure(
    SECRET_KEY="readers",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_X_FORWARDED_HOST=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    LOGGING_CONFIG=None,
)
urlpatterns = [re_path(r"", view)]

if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    from django.core.servers.basehttp import WSGIRequestHandler

    WSGIRequestHandler.log_message = lambda *_: None
    django.setup()
    sys.modules["django_app"] = sys.modules[__name__]
    execute_from_command_line(["manage", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{os.environ['PORT']}"])
