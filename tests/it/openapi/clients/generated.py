"""The client of openapi-generator (python) lives a life here: BASE, and the folder of the client on PYTHONPATH."""

import sys

import openapi_client
from openapi_client.exceptions import ApiException

base = sys.argv[1]
client = openapi_client.ApiClient(openapi_client.Configuration(host=base))
accounts, sessions = openapi_client.AccountsApi(client), openapi_client.SessionsApi(client)
user = accounts.member_create(
    openapi_client.NewUser(email="py@example.com", password="a-good-password", nick="py"))
assert user.email == "py@example.com", user
token = sessions.member_login(
    openapi_client.Credentials(email="py@example.com", password="a-good-password", ttl=60))
assert token.user_id == user.id and token.ttl == 60, token
client.configuration.api_key["authorization"] = token.id
assert accounts.member_find_by_id(user.id).nick == "py"
try:
    accounts.member_create(openapi_client.NewUser(email="py@example.com", password="a-good-password", nick="py"))
    raise SystemExit("taken twice")
except ApiException as error:
    assert error.status == 422 and error.data.error.status_code == 422, error
    assert error.data.error.details["codes"]["email"] == ["uniqueness"], error.data
sessions.member_logout()
try:
    accounts.member_find_by_id(user.id)
    raise SystemExit("still logged in")
except ApiException as error:
    assert error.status == 401 and error.data.error.code, error
print("ok")
