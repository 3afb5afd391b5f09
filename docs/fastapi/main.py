"""An API in the style of FastAPI's security guides, whose people sign in at Gatehouse.

Gatehouse signs the tokens with SECRET_KEY, and the app checks them with the same. There is no token endpoint here, no table
of users and no password.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Security, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2AuthorizationCodeBearer, OAuth2PasswordBearer, SecurityScopes
from jose import JWTError, jwt
from pydantic import BaseModel, ValidationError

GATEHOUSE = os.environ.get("GATEHOUSE_ISSUER", "http://localhost:8080")
SECRET_KEY = os.environ["SECRET_KEY"]
ALGORITHM = "HS256"

scopes = {"me": "Read information about the current user.", "items": "Read items."}

# Two ways to sign in that the Authorize dialog of /docs offers. Both send the token in the same header.
password_bearer = OAuth2PasswordBearer(tokenUrl=f"{GATEHOUSE}/token", scopes=scopes)
code_bearer = OAuth2AuthorizationCodeBearer(
    authorizationUrl=f"{GATEHOUSE}/auth",
    tokenUrl=f"{GATEHOUSE}/token",
    refreshUrl=f"{GATEHOUSE}/refresh_token",
    scopes=scopes,
)

app = FastAPI(swagger_ui_init_oauth={"usePkceWithAuthorizationCodeGrant": True})


class TokenData(BaseModel):
    username: str
    scopes: list[str] = []


def decode(token: str, security_scopes: SecurityScopes) -> TokenData:
    authenticate = f'Bearer scope="{security_scopes.scope_str}"' if security_scopes.scopes else "Bearer"
    headers = {"WWW-Authenticate": authenticate}
    try:
        payload = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
        data = TokenData(username=payload.get("sub"), scopes=payload.get("scopes", []))
    except (JWTError, ValidationError):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials", headers)
    for scope in security_scopes.scopes:
        if scope not in data.scopes:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Not enough permissions", headers)
    return data


async def get_current_user(
    security_scopes: SecurityScopes,
    token: Annotated[str, Depends(password_bearer)],
    _: Annotated[str, Depends(code_bearer)],
) -> TokenData:
    return decode(token, security_scopes)


async def get_current_client(
    security_scopes: SecurityScopes, credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> TokenData:
    return decode(credentials.credentials, security_scopes)


@app.get("/users/me")
async def read_users_me(user: Annotated[TokenData, Security(get_current_user, scopes=["me"])]) -> TokenData:
    return user


@app.get("/users/me/items")
async def read_own_items(user: Annotated[TokenData, Security(get_current_user, scopes=["items"])]):
    return [{"item_id": "Foo", "owner": user.username}]


@app.get("/data")
async def read_data(client: Annotated[TokenData, Security(get_current_client, scopes=["data"])]):
    return {"data": "for applications", "client": client.username}
