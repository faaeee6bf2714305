"""Serve a workspace over HTTP: the address taken first, nobody unknown let in. Loaded to serve alone."""

import errno
import socket
import sys

import uvicorn

from api.accounts.gate import is_loopback
from api.accounts.store import Accounts
from api.app import create_app
from api.jobs.runner import Runner
from api.settings import Settings
from api.store import workspace_of
from geo.errors import InvalidInput, SourceUnavailable


def serve(settings: Settings) -> None:
    """Serve until stopped.

    Raises
    ------
    InvalidInput
        If others could reach the address and there are no accounts, or there is no workspace.
    SourceUnavailable
        If the port is taken, or another machine serves this folder.
    """
    require_accounts(settings)
    workspace_of(settings).records()
    Runner(settings).refuse_other_machines()
    with listen(settings) as listener:
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "http" if settings.tls_certificate is None else "https"
        config = uvicorn.Config(
            create_app(settings),
            log_level="warning",
            server_header=False,
            # A page that follows a job holds its connection for as long as the job runs.
            timeout_graceful_shutdown=3,
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        _load(config)
        server = uvicorn.Server(config)
        if scheme == "http" and not is_loopback(settings.host):
            sys.stderr.write(
                "note: 未加密，密码可被窃听 not encrypted: set SUYUAN_TLS_CERTIFICATE and SUYUAN_TLS_KEY, or serve "
                "behind a proxy that speaks HTTPS\n"
            )
        place = f"{scheme}://{host}:{port}"
        sys.stdout.write(f"溯源 Suyuan: {place}/  (地图 map: {place}/map)  Ctrl+C stops\n")
        sys.stdout.flush()
        server.run(sockets=[listener])


def _load(config: uvicorn.Config) -> None:
    """Read certificate and key before anything is said to be served."""
    try:
        config.load()
    except OSError as error:
        raise InvalidInput(
            f"SUYUAN_TLS_CERTIFICATE or SUYUAN_TLS_KEY: {error.strerror or error}; give a PEM certificate and its key"
        ) from error


def require_accounts(settings: Settings) -> None:
    """Refuse an address that others can reach until there is a user: nobody unknown may come in.

    Raises
    ------
    InvalidInput
        If the address is not a loopback address, the workspace has no users, and no provider brings them.
    """
    if is_loopback(settings.host) or settings.oidc_issuer or Accounts(settings.workspace).in_use():
        return
    raise InvalidInput(
        f"--host {settings.host}: without user accounts Suyuan serves only this machine; use 127.0.0.1, localhost or "
        "::1, or make a user first with `suyuan users add NAME --role admin`"
    )


def listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is done, so that a taken one is said at once.

    Raises
    ------
    SourceUnavailable
        If the port is taken or may not be used.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With the protocol named asyncio turns off the delay that waits 40 ms to join small writes.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SourceUnavailable(
                f"port {settings.port} on {settings.host} is in use: stop the other program or choose --port N"
            ) from error
        raise SourceUnavailable(f"cannot serve on {settings.host} port {settings.port}: {error.strerror}") from error
    listener.listen(128)
    return listener
