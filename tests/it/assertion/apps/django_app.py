"""A Django app behind the gate. Arguments: as `express.js`."""

import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

folder, port, jwks, issuer, audience, required = sys.argv[1:]
sys.path.insert(0, f"{folder}/python")

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import re_path


def anything(request):
    user = request.user
    told = {"id": user.get_username(), "email": user.email, "groups": request.portcullis["groups"]}
    told["created"] = user.has_usable_password() is False and user.pk is not None
    assertion = request.headers.get("X-Portcullis-Assertion")
    return JsonResponse({"user": told, "assertion": assertion})


def anyone(request):
    return anything(request) if request.user.is_authenticated else JsonResponse({"user": None})


urlpatterns = [re_path("", anyone)]
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only for a test",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "portcullis_django.Middleware",
    ],
    PORTCULLIS={"jwks": jwks, "issuer": issuer, "audience": audience, "required": required == "true", "cooldown": 0},
)
django.setup()
call_command("migrate", verbosity=0)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


with make_server("127.0.0.1", int(port), get_wsgi_application(), handler_class=Quiet) as server:
    print("ready", flush=True)
    server.serve_forever()
