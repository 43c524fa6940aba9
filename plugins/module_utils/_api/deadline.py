# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deadline for a whole HTTP request and response, and a flag for an open connection. Private to this collection.

The timeout of requests limits one read of the socket, so a response that arrives byte by byte never exceeds it.
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
    # Transport reports the missing library.
    HTTPAdapter = object  # type: ignore[misc,assignment,unused-ignore]


class Exchange(threading.local):
    """The current request of each thread. Once ``connected`` is True, the request may have been sent."""

    connected = False
    _until = 0.0
    _timer: Optional[threading.Timer] = None

    def begin(self, until: float) -> None:
        """Start a request that must end at ``until``, in seconds of time.monotonic."""
        self.connected, self._until = False, until

    def on(self, sock: Any) -> None:
        """Note the connection that the request uses, and shut it down at the deadline."""
        self.connected = True
        self.end()
        self._timer = threading.Timer(max(0.0, self._until - time.monotonic()), _cut, (sock,))
        self._timer.daemon = True
        with signals_for_the_main_thread():
            self._timer.start()

    def end(self) -> None:
        """End the request and cancel its timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _cut(sock: Any) -> None:
    # A connection that is closed already, or is not a socket of the system, cannot be shut down.
    with suppress(OSError, TypeError):
        # The method of a TLS socket would also drop its encryption state while another thread reads from it.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class DeadlineAdapter(HTTPAdapter):  # type: ignore[misc,valid-type,unused-ignore]
    """An adapter of requests whose connections report to the exchange of their thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self._report_connections(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """Return the pool for connections through a proxy."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            self._report_connections(manager)
        return manager

    def _report_connections(self, manager: Any) -> None:
        exchange = self._exchange
        classes = {}
        for scheme, pool in manager.pool_classes_by_scheme.items():
            base: Any = pool.ConnectionCls

            class Connection(base):  # type: ignore[misc]
                """A connection that reports to the exchange."""

                def connect(self) -> None:
                    """Connect, and for HTTPS check the certificate."""
                    super().connect()
                    exchange.on(self.sock)

                def request(self, *args: Any, **kwargs: Any) -> Any:
                    """Send a request. An open connection is used again."""
                    if self.sock is not None:
                        exchange.on(self.sock)
                    return super().request(*args, **kwargs)

            classes[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": Connection})
        manager.pool_classes_by_scheme = classes
