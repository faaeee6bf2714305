"""The roles, and what each may do."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a user is."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    EMERGENCY = "emergency"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a route asks for."""

    PUBLIC = "public"  # anybody, signed in or not
    READ = "read"  # layers, maps, processes, jobs and their results
    RUN = "run"  # start jobs, end one's own
    WRITE = "write"  # add files to layers, observations and the folder of inputs
    ADMIN = "admin"  # the audit log, others' jobs


ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.PUBLIC, Permission.READ}),
    Role.ANALYST: frozenset({Permission.PUBLIC, Permission.READ, Permission.RUN, Permission.WRITE}),
    Role.EMERGENCY: frozenset({Permission.PUBLIC, Permission.READ, Permission.RUN}),
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True)
class Principal:
    """Who a request comes from; `token` is the id of the bearer token, if one was shown."""

    name: str
    role: Role
    csrf: str = ""
    token: str = ""

    def may(self, permission: Permission) -> bool:
        """Return whether the role allows it."""
        return permission in ALLOWED[self.role]


# Without accounts Suyuan serves this machine alone, and whoever sits at it owns the workspace's files anyway.
LOCAL = Principal("local", Role.ADMIN)
