# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One class a cause; each message says what happened, to which server, and what to do. Private to this collection."""

from __future__ import annotations

from typing import Optional


class ServerPrismError(Exception):
    """Whatever the world can do to a call. ``status`` is the HTTP status where there was one.

    ``retry_after`` is in how many seconds it can be tried again, where only patience was at its end.
    """

    def __init__(
        self, message: str, *, server_id: Optional[int] = None, status: Optional[int] = None, retry_after: Optional[float] = None
    ) -> None:
        super().__init__(message)
        self.server_id = server_id
        self.status = status
        self.retry_after = retry_after


class BadOption(ServerPrismError):
    """An option that makes no sense, refused before the first request."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"{option}: {why}.")
        self.option = option


class MissingLibrary(ServerPrismError):
    """A Python library is not there."""


class Unauthenticated(ServerPrismError):
    """401: the token is missing, wrong, expired or revoked."""


class MissingScope(ServerPrismError):
    """403 of the API: the token does not carry the scope."""


class Forbidden(ServerPrismError):
    """403 of something else: a proxy or a firewall in front of the API."""


class ServerNotFound(ServerPrismError):
    """404: no such server, or another customer's."""


class Conflict(ServerPrismError):
    """409: suspended, installing, restoring or being transferred."""


class NotRunning(ServerPrismError):
    """A console command needs a running game."""


class InvalidRequest(ServerPrismError):
    """422: the API refused what was sent."""


class Redirected(ServerPrismError):
    """3xx: never followed, since the token would go along."""


class RateLimited(ServerPrismError):
    """429 until the patience ended."""


class NodeUnavailable(ServerPrismError):
    """503 until the patience ended."""


class SlotTooLate(ServerPrismError):
    """The quota gives this call its turn later than it may wait."""


class LedgerLost(ServerPrismError):
    """The shared ledger cannot be reached, so nobody knows what of the quota is left: nothing was sent."""


class JournalUnusable(ServerPrismError):
    """The journal of a maintenance ID cannot be read or written: nothing was sent."""


class AlreadyMaintained(ServerPrismError):
    """Another run maintains the server right now: nothing was sent."""


class LockLost(ServerPrismError):
    """This run has lost its lock on the server, so another one may have maintained it: nothing more is sent."""


class Unreachable(ServerPrismError):
    """No connection was made: nothing was sent."""


class TlsError(ServerPrismError):
    """The certificate was not accepted: nothing was sent."""


class Ambiguous(ServerPrismError):
    """A write without a readable answer: it may have been carried out."""


class BadAnswer(ServerPrismError):
    """An answer that is not what the API promises."""


class MalformedServer(BadAnswer):
    """A server's record that is not what the API promises; that of another may well be."""


class UnexpectedStatus(ServerPrismError):
    """Any other status."""
