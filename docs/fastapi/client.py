"""An application that calls the API for a person who signed in once.

    python client.py sign-in johndoe      reads the password
    python client.py get /users/me

The tokens are in a file. When the access token has expired, the client trades the refresh token for new ones; each refresh
token works once, so the new one is stored before anything else happens.
"""

import getpass
import json
import os
import pathlib
import sys

import httpx

GATEHOUSE = os.environ.get("GATEHOUSE_ISSUER", "http://localhost:8080")
API = os.environ.get("API", "http://127.0.0.1:8000")
TOKENS = pathlib.Path("data/tokens.json")


class Tokens(httpx.Auth):
    requires_response_body = True

    def auth_flow(self, request):
        request.headers["Authorization"] = f"Bearer {load()['access_token']}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            store((yield httpx.Request("POST", f"{GATEHOUSE}/refresh_token", data={"refresh_token": load()["refresh_token"]})))
            request.headers["Authorization"] = f"Bearer {load()['access_token']}"
            yield request


def load():
    return json.loads(TOKENS.read_text())


def store(answer):
    """Keeps the tokens. A crash leaves the old file or the new one, never half of one."""
    if answer.is_error:
        sys.exit(f"{answer.json()['error_description']} Sign in again.")
    new = TOKENS.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(answer.text)
    new.replace(TOKENS)


def sign_in(username):
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    form = {"username": username, "password": password, "scope": "me items"}
    store(httpx.post(f"{GATEHOUSE}/token", data=form))


def get(path):
    answer = httpx.get(API + path, auth=Tokens())
    print(answer.text)
    answer.raise_for_status()


match sys.argv[1:]:
    case ["sign-in", username]:
        sign_in(username)
    case ["get", path]:
        get(path)
    case _:
        sys.exit(__doc__)
