"""An app that checks nothing itself: it asks Gatehouse whose token it was sent."""

import os
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel

GATEHOUSE = os.environ.get("GATEHOUSE_ISSUER", "http://localhost:8080")

oauth2_scheme = OAuth2PasswordBearer(tokenUrl=f"{GATEHOUSE}/token", scopes={"profile": "Your name", "email": "Your e-mail address"})
gatehouse = httpx.AsyncClient(base_url=GATEHOUSE)

app = FastAPI()


class User(BaseModel):
    username: str
    email: str | None = None
    full_name: str | None = None
    disabled: bool | None = None


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> User:
    answer = await gatehouse.get("/users/me", headers={"Authorization": f"Bearer {token}"})
    if answer.status_code in (401, 403):  # it has expired or was ended; or no person signed in for it
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    return User.model_validate(answer.raise_for_status().json())


@app.get("/users/me")
async def read_users_me(user: Annotated[User, Depends(get_current_user)]) -> User:
    return user
