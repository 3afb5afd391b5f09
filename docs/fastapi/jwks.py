"""The same API without a shared secret: it checks tokens with the keys that Gatehouse publishes."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, Security, status
from fastapi.security import OAuth2AuthorizationCodeBearer, SecurityScopes

GATEHOUSE = os.environ.get("GATEHOUSE_ISSUER", "http://localhost:8080")
AUDIENCE = os.environ["AUDIENCE"]  # the API's identifier

keys = jwt.PyJWKClient(f"{GATEHOUSE}/oauth/jwks")
oauth2_scheme = OAuth2AuthorizationCodeBearer(
    authorizationUrl=f"{GATEHOUSE}/auth",
    tokenUrl=f"{GATEHOUSE}/token",
    refreshUrl=f"{GATEHOUSE}/refresh_token",
    scopes={"me": "Read information about the current user."},
)

# The documentation page says which API its tokens are to be for, as every client does that has another by default.
app = FastAPI(
    swagger_ui_init_oauth={
        "usePkceWithAuthorizationCodeGrant": True,
        "additionalQueryStringParams": {"resource": AUDIENCE},
    }
)


def get_claims(security_scopes: SecurityScopes, token: Annotated[str, Depends(oauth2_scheme)]) -> dict:
    headers = {"WWW-Authenticate": "Bearer"}
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=GATEHOUSE)
    except jwt.PyJWTError:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials", headers)
    for scope in security_scopes.scopes:
        if scope not in claims.get("scope", "").split():
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Not enough permissions", headers)
    return claims


@app.get("/users/me")
def read_users_me(claims: Annotated[dict, Security(get_claims, scopes=["me"])]):
    return {"id": claims["sub"], "scope": claims["scope"]}
