"""Who asks, as the gate found out."""

from typing import Annotated

from fastapi import Depends, Request

from api.accounts.roles import LOCAL, Principal


async def get_principal(request: Request) -> Principal:
    """Return who the request comes from; the gate has let it pass already."""
    principal = getattr(request.state, "principal", None)
    return principal if isinstance(principal, Principal) else LOCAL


PrincipalDep = Annotated[Principal, Depends(get_principal)]
