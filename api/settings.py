"""Settings of the machine, from `SUYUAN_*` variables; built only by the CLI and `create_app`'s caller."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the workspace lies, where the map is served, and what it may load."""

    model_config = SettingsConfigDict(env_prefix="SUYUAN_", extra="ignore", frozen=True)

    workspace: Path = Field(Path("suyuan-workspace"), description="folder with layers, observations and rasters")
    database_url: SecretStr | None = Field(
        None, description="shared store: postgresql://user@host:5432/base; without it the workspace is the folder"
    )
    database_schema: str = Field("suyuan", description="schema of the shared store; one per workspace")
    store_url: SecretStr | None = Field(
        None, description="where the shared store keeps observations, rasters and versions: any fsspec URL or a folder"
    )
    host: str = Field("127.0.0.1", description="address to serve on")
    port: int = Field(8000, ge=0, le=65535, description="port to serve on; 0 takes a free one")
    timezone: str = Field("Asia/Shanghai", description="time zone of the screens")
    online_basemap: Literal["none", "osm", "tianditu"] = Field("none", description="optional base map from outside")
    tianditu_key: SecretStr | None = Field(None, description="key of the Tianditu tile service")
    assets: Path | None = Field(None, description="folder of the map's node_modules, if not beside web_map")
    dask_scheduler: str | None = Field(None, description="address of a shared Dask scheduler, tcp://host:port")
    dask_workers: int = Field(0, ge=0, le=256, description="processes of a local Dask cluster in each job; 0 for none")
    running_jobs: int = Field(2, ge=1, le=64, description="jobs that run at once; an incident may be one more")
    running_analyst: int | None = Field(None, ge=0, description="of these, jobs of analysts; unset: all of them")
    running_emergency: int | None = Field(None, ge=0, description="the same for the emergency team")
    running_admin: int | None = Field(None, ge=0, description="the same for admins")
    keep_jobs_days: float | None = Field(None, gt=0, le=36_500, description="jobs that ended longer ago are removed")
    waiting_jobs: int = Field(1000, ge=1, description="jobs that may wait; more are turned away for a while")
    warm_worker: bool = Field(True, description="keep a process ready for the next job")
    most_body_bytes: int = Field(20 * 2**20, ge=1024, description="largest body of a request, bytes")
    most_upload_bytes: int = Field(200 * 2**20, ge=1024, description="largest upload, bytes")
    most_unpacked_bytes: int = Field(2**30, ge=1024, description="what an uploaded archive may unpack to, bytes")
    most_archive_ratio: int = Field(200, ge=2, description="how many times its size an uploaded archive may unpack to")
    most_archive_files: int = Field(1000, ge=1, description="files that an uploaded archive may hold")
    most_files_bytes: int = Field(2 * 2**30, ge=1024, description="what uploads may keep in the folder `files`, bytes")
    running_uploads: int = Field(2, ge=1, le=64, description="uploads that are read at once; more are turned away")
    oidc_issuer: str | None = Field(
        None, description="provider of the organisation's accounts: its issuer, https://..."
    )
    oidc_client_id: str | None = Field(None, description="what this server is called at the provider")
    oidc_client_secret: SecretStr | None = Field(None, description="its secret there; none for a public client")
    oidc_client_secret_file: Path | None = Field(None, description="file that holds the secret")
    oidc_role_claim: str = Field("groups", description="where the ID token says what somebody is; a.b for b in a")
    oidc_roles: str = Field("", description="VALUE=ROLE;VALUE=ROLE, the first that somebody has counts")
    oidc_default_role: Literal["none", "viewer"] = Field("none", description="role of others; none turns them away")
    oidc_name_claim: str = Field("preferred_username", description="what an account is named by")
    oidc_scope: str = Field("openid profile", description="what the provider is asked for")
    public_url: str | None = Field(None, description="address of this server for browsers, where a proxy stands before")
    tls_certificate: Path | None = Field(None, description="certificate (PEM) to serve HTTPS with")
    tls_key: Path | None = Field(None, description="key (PEM) of the certificate")
    sync_seconds: float = Field(60.0, ge=0, description="how long a request waits for its job's result")

    @field_validator("workspace")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @property
    def running_by_role(self) -> dict[str, int]:
        """How many jobs of a role run at once, for the roles that have a limit of their own."""
        given = {"analyst": self.running_analyst, "emergency": self.running_emergency, "admin": self.running_admin}
        return {role: most for role, most in given.items() if most is not None}

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("SUYUAN_TLS_CERTIFICATE and SUYUAN_TLS_KEY go together: set both or neither")
        return self

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> "Settings":
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("SUYUAN_OIDC_ISSUER and SUYUAN_OIDC_CLIENT_ID go together: set both or neither")
        if self.oidc_client_secret is not None and self.oidc_client_secret_file is not None:
            raise ValueError("set SUYUAN_OIDC_CLIENT_SECRET or SUYUAN_OIDC_CLIENT_SECRET_FILE, not both")
        if self.oidc_issuer is not None and not _is_safe(self.oidc_issuer):
            raise ValueError("SUYUAN_OIDC_ISSUER: give an https:// address; http:// only for this machine")
        if self.oidc_issuer is not None and not self.oidc_roles and self.oidc_default_role == "none":
            raise ValueError(
                "SUYUAN_OIDC_ROLES: say who gets which role, for example air-admins=admin;air-team=analyst"
            )
        return self

    @model_validator(mode="after")
    def _tianditu_needs_a_key(self) -> "Settings":
        if self.online_basemap == "tianditu" and self.tianditu_key is None:
            raise ValueError("online_basemap tianditu needs SUYUAN_TIANDITU_KEY: set it, or use osm or none")
        return self


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
