# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors, one class for each cause. Messages say what happened, to which server, and what to do. Private to this collection."""

from __future__ import annotations

from typing import Optional


class ServerPrismError(Exception):
    """The base class of all errors that users see.

    ``retry_after`` is set if only the limit on waiting has ended the call: the seconds after which it can be repeated.
    """

    def __init__(self, message: str, *, retry_after: Optional[float] = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadOption(ServerPrismError):
    """An invalid option, found before the first request."""

    def __init__(self, option: str, why: str) -> None:
        super().__init__(f"{option}: {why}.")
        self.option = option


class MissingLibrary(ServerPrismError):
    """A missing Python library."""


class Unauthenticated(ServerPrismError):
    """HTTP 401: the token is missing, wrong, expired or revoked."""


class MissingScope(ServerPrismError):
    """HTTP 403 of the API: the token lacks the scope."""


class Forbidden(ServerPrismError):
    """HTTP 403 of a proxy or firewall in front of the API."""


class ServerNotFound(ServerPrismError):
    """HTTP 404: the server does not exist or belongs to another customer."""


class Conflict(ServerPrismError):
    """HTTP 409: the server is suspended, being installed, restored or transferred."""


class NotRunning(ServerPrismError):
    """A console command for a game that is not running."""


class InvalidRequest(ServerPrismError):
    """HTTP 422: the API does not accept the request."""


class Redirected(ServerPrismError):
    """HTTP 3xx. Redirects are not followed, because the other host would get the token."""


class RateLimited(ServerPrismError):
    """HTTP 429 until the limit on waiting."""


class NodeUnavailable(ServerPrismError):
    """HTTP 503 until the limit on waiting."""


class SlotTooLate(ServerPrismError):
    """A next free slot in the quota that is later than the call may wait."""


class LedgerLost(ServerPrismError):
    """A shared ledger that cannot be reached. The free quota is unknown, so nothing was sent."""


class RunLogUnusable(ServerPrismError):
    """A run log that cannot be read or written. The message says what that means."""


class AlreadyMaintained(ServerPrismError):
    """A server that another run is maintaining. Nothing was sent."""


class LockLost(ServerPrismError):
    """A lost server lock. Another run may have maintained the server, so nothing more is sent."""


class OnHold(ServerPrismError):
    """A server on hold. Nothing more is sent."""


class Unreachable(ServerPrismError):
    """A failed connection. Nothing was sent."""


class TlsError(ServerPrismError):
    """A certificate that was not accepted. Nothing was sent."""


class Ambiguous(ServerPrismError):
    """A write without a clear response. It may have been carried out."""


class BadAnswer(ServerPrismError):
    """A response that does not follow the documentation of the API."""


class MalformedServer(BadAnswer):
    """A record of one server that does not follow the documentation of the API. Those of other servers may be valid."""


class UnexpectedStatus(ServerPrismError):
    """An HTTP status that the API does not document."""
