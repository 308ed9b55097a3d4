"""The client of openapi-python-client lives a life here: BASE, and the folder that holds `members` on PYTHONPATH."""

import sys

from members import AuthenticatedClient, Client
from members.api.accounts import member_create, member_find_by_id
from members.api.sessions import member_login, member_logout
from members.models import Credentials, Error, NewUser

base = sys.argv[1]
anonymous = Client(base_url=base)
ann = NewUser(email="opc@example.com", password="a-good-password", nick="opc")
user = member_create.sync(client=anonymous, body=ann)
assert user.email == "opc@example.com", user
credentials = Credentials(email="opc@example.com", password="a-good-password", ttl=60)
token = member_login.sync(client=anonymous, body=credentials)
assert token.user_id == user.id and token.ttl == 60, token
known = AuthenticatedClient(base_url=base, token=token.id, prefix="")
assert member_find_by_id.sync(user.id, client=known).nick == "opc"
taken = member_create.sync(client=anonymous, body=ann)
assert isinstance(taken, Error) and taken.error.status_code == 422, taken
assert taken.error.details["codes"]["email"] == ["uniqueness"], taken
member_logout.sync_detailed(client=known)
gone = member_find_by_id.sync(user.id, client=known)
assert isinstance(gone, Error) and gone.error.status_code == 401 and gone.error.code, gone
print("ok")
