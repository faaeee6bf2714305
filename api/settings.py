"""Settings of the machine, from `SUYUAN_*` variables; built only by the CLI and `create_app`'s caller."""

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from geo.errors import InvalidInput


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

    @field_validator("workspace")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @model_validator(mode="after")
    def _tianditu_needs_a_key(self) -> "Settings":
        if self.online_basemap == "tianditu" and self.tianditu_key is None:
            raise ValueError("online_basemap tianditu needs SUYUAN_TIANDITU_KEY: set it, or use osm or none")
        return self


def require_loopback(host: str) -> None:
    """Refuse an address that others can reach: without accounts nobody outside this machine may come in.

    Raises
    ------
    InvalidInput
        If `host` is not a loopback address.
    """
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InvalidInput(
            f"--host {host}: without user accounts Suyuan serves only this machine; use 127.0.0.1, localhost or ::1"
        )
