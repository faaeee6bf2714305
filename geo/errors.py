"""One family of errors, by who can act. Messages say what is wrong, where, and what to do.

SuyuanError
 ├─ InvalidInput       the caller: a value, a column, a file that is not what it says
 ├─ MissingData        too little valid data, or a place or time outside what is there
 ├─ NotConverged       the method: an iteration that did not reach its tolerance
 └─ SourceUnavailable  a file, service, program or port that cannot be reached
"""


class SuyuanError(Exception):
    """Base of every error that Suyuan raises on purpose."""


class InvalidInput(SuyuanError, ValueError):
    """The caller's input is wrong; correcting it helps."""


class MissingData(SuyuanError):
    """The input is well formed but does not hold what is needed."""


class NotConverged(SuyuanError):
    """A numerical method did not reach its tolerance."""


class SourceUnavailable(SuyuanError):
    """A file, service, program or port cannot be reached."""
