"""Errors of the doors themselves, with their text in both languages."""

from geo.errors import InvalidInput, MissingData, SourceUnavailable, SuyuanError


class DoorError(Exception):
    """What errors with a text in both languages have in common; `zh` is empty where only the English one is there."""

    def __init__(self, text: str, zh: str = "") -> None:
        """Keep both texts."""
        super().__init__(text)
        self.zh = zh


class UnknownResource(DoorError, MissingData):
    """There is no job, process or output with this id."""


class NoSuchProcess(UnknownResource):
    """There is no process with this id."""


class NoSuchJob(UnknownResource):
    """There is no job with this id."""


class ResultNotReady(UnknownResource):
    """The job has no results: it has not ended, or they were given up."""


class Busy(DoorError, SourceUnavailable):
    """More is asked for than is taken on; after `retry_seconds` it may be."""

    retry_seconds = 5


class Conflict(DoorError, InvalidInput):
    """What is asked for does not fit the state that the thing is in."""


class NotSignedIn(DoorError, SuyuanError):
    """Nobody is signed in, or the token is not valid (any more)."""


class Forbidden(DoorError, SuyuanError):
    """The user's role does not allow it, or the request did not come from our own page."""


class Throttled(Busy):
    """Too many failed log-ins: the next one has to wait."""

    retry_seconds = 60


class TooLarge(DoorError, InvalidInput):
    """The body of a request is larger than is taken."""


class InvalidOption(DoorError, InvalidInput):
    """A value on the command line, or a setting, that is not allowed."""
