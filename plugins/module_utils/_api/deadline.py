# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deadline for a whole HTTP exchange, and whether it got as far as a connection. Private to this collection.

The time-out that requests knows is for one read of the socket: an answer that comes byte by byte never meets it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Optional

from .._interrupt import signals_for_the_main_thread

try:
    from requests.adapters import HTTPAdapter
except ImportError:
    # The transport tells what is missing.
    HTTPAdapter = object  # type: ignore[misc,assignment,unused-ignore]


class Exchange(threading.local):
    """The exchange of this thread. ``connected``: from here on the request may have been sent."""

    connected = False
    _until = 0.0
    _timer: Optional[threading.Timer] = None

    def begin(self, until: float) -> None:
        """It begins, and must be over at ``until`` (seconds of time.monotonic)."""
        self.connected, self._until = False, until

    def on(self, sock: Any) -> None:
        """It goes over this connection, which ends at the deadline, whatever it is doing then."""
        self.connected = True
        self.end()
        self._timer = threading.Timer(max(0.0, self._until - time.monotonic()), _cut, (sock,))
        self._timer.daemon = True
        with signals_for_the_main_thread():
            self._timer.start()

    def end(self) -> None:
        """It is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _cut(sock: Any) -> None:
    # Where it has ended by itself, or is none of the system's, only the time-out of a read is left.
    with suppress(OSError, TypeError):
        # The method of a TLS socket would first forget its encryption, under the hands of the reader.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class DeadlineAdapter(HTTPAdapter):  # type: ignore[misc,valid-type,unused-ignore]
    """Makes connections that tell the exchange of their thread when they are there."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """The connections to the API itself."""
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Those through a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            self._watch(manager)
        return manager

    def _watch(self, manager: Any) -> None:
        exchange = self._exchange
        watched = {}
        for scheme, pool in manager.pool_classes_by_scheme.items():
            base: Any = pool.ConnectionCls

            class Connection(base):  # type: ignore[misc]
                """One connection."""

                def connect(self) -> None:
                    """Connect; for https the certificate has been checked when it returns."""
                    super().connect()
                    exchange.on(self.sock)

                def request(self, *args: Any, **kwargs: Any) -> Any:
                    """Send a request, over an older connection where that still stands."""
                    if self.sock is not None:
                        exchange.on(self.sock)
                    return super().request(*args, **kwargs)

            watched[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": Connection})
        manager.pool_classes_by_scheme = watched
