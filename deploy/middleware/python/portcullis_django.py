"""Portcullis for Django: sets `request.user` by the gate's signed assertion. It needs `portcullis.py` beside it.

Documentation: docs/assertion.md of Portcullis. In the settings:

    MIDDLEWARE = [..., "django.contrib.auth.middleware.AuthenticationMiddleware", "portcullis_django.Middleware"]
    PORTCULLIS = {
        "jwks": "http://127.0.0.1:8080/.well-known/portcullis/jwks.json",  # of the gate
        "issuer": "https://shop.example.com",  # `server.public_url`, else "portcullis"
        "audience": "shop",  # `identity.assertion_audience`
        "required": True,  # False: without an assertion, `request.user` is anonymous
    }

The username of Django's user is the id at the gate, which never changes hands. A user is created at the first request,
without a password. The claims are in `request.portcullis`.
"""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse

from portcullis import Refused, Verifier


class Middleware:
    def __init__(self, get_response):
        self._get_response = get_response
        options = dict(settings.PORTCULLIS)
        self._required = options.pop("required", True)
        self._verifier = Verifier(**options)

    def __call__(self, request):
        try:
            claims = self._claims(request)
            if claims is None and self._required:
                raise Refused("this app takes requests from its gate only")
            request.portcullis, request.user = claims, self._user(claims)
        except Refused as refused:
            response = HttpResponse(refused.body(), status=refused.status, content_type="application/json")
            if refused.status == 401:
                response["WWW-Authenticate"] = "Portcullis"
            return response
        return self._get_response(request)

    def _claims(self, request):
        scope = getattr(request, "scope", None)
        if scope is not None:
            return self._verifier.of_scope(scope)
        # Django has put its own reading of the path there.
        return self._verifier.of_environ(request.META, encoding="utf-8")

    @staticmethod
    def _user(claims):
        if claims is None:
            return AnonymousUser()
        model = get_user_model()
        user, is_new = model.objects.get_or_create(**{model.USERNAME_FIELD: claims["sub"]})
        if is_new:
            user.set_unusable_password()
            user.save()
        elif not user.is_active:
            raise Refused("this user is not active", 403)
        # Only what the gate tells: it leaves out an address that is not confirmed.
        field = model.get_email_field_name()
        if claims.get("email") and getattr(user, field, None) != claims["email"]:
            setattr(user, field, claims["email"])
            user.save(update_fields=[field])
        return user
