"""The part of the settings that is about signing in with the account of one's organisation."""

import importlib
from typing import TYPE_CHECKING

from api.accounts.roles import Role
from api.settings import Settings
from geo.errors import InvalidInput, SourceUnavailable

if TYPE_CHECKING:
    from api.accounts.oidc import Provider


def provider_of(settings: Settings) -> "Provider | None":
    """Return the provider that the settings name, None where they name none.

    Raises
    ------
    InvalidInput, SourceUnavailable
        A role that does not exist; the file of the secret cannot be read; the extra `oidc` is not installed.
    """
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    try:
        # An optional extra: loaded only where it is asked for.
        oidc = importlib.import_module("api.accounts.oidc")
    except ImportError as error:
        raise SourceUnavailable(
            f"signing in with OIDC needs {error.name}, which is not installed: pip install 'suyuan[oidc]'"
        ) from error
    config = oidc.OidcConfig(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=_secret(settings),
        roles=parse_roles(settings.oidc_roles),
        role_claim=settings.oidc_role_claim,
        name_claim=settings.oidc_name_claim,
        scope=settings.oidc_scope,
        default_role=None if settings.oidc_default_role == "none" else Role(settings.oidc_default_role),
    )
    provider: Provider = oidc.Provider(config)
    return provider


def parse_roles(text: str) -> dict[str, Role]:
    """Read ``VALUE=ROLE`` pairs with semicolons between them; a value may hold equals signs itself.

    Raises
    ------
    InvalidInput
        A pair is not of this form, or there is no such role.
    """
    roles: dict[str, Role] = {}
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        value, _, role = pair.rpartition("=")
        if not value.strip() or role.strip() not in list(Role):
            raise InvalidInput(
                f"SUYUAN_OIDC_ROLES: {pair!r} is not VALUE=ROLE with a role of {', '.join(Role)}; write "
                "air-admins=admin;air-team=analyst"
            )
        roles[value.strip()] = Role(role.strip())
    return roles


def _secret(settings: Settings) -> str | None:
    if settings.oidc_client_secret_file is None:
        return settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    try:
        return settings.oidc_client_secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceUnavailable(
            f"SUYUAN_OIDC_CLIENT_SECRET_FILE: {settings.oidc_client_secret_file} cannot be read; check path and rights"
        ) from error
