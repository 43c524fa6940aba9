# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP connection to the API. It makes single attempts and repeats nothing. Private to this collection."""

from __future__ import annotations

import http.client
import platform
import re
import sys
import time
import warnings
from typing import Any, Mapping, Optional, Union

from .._errors import MissingLibrary
from .._settings import Settings
from .deadline import DeadlineAdapter, Exchange
from .responses import Reply

try:
    import requests
    import urllib3
    from requests.auth import AuthBase
except ImportError as exc:
    HAS_REQUESTS = False
    _WHY = str(exc)
    AuthBase = object  # type: ignore[misc,assignment,unused-ignore]
else:
    HAS_REQUESTS = True
    _WHY = ""
    # requests does not wrap all exceptions that its own libraries raise for an invalid response.
    _BROKEN = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)

VERSION = "1.0.0"
# The largest accepted response in bytes, after decompression. The list of 10,000 servers has about 1 MB.
BODY_CAP = 4 * 1024 * 1024
# Seconds after which a write gets a new connection. The other end may close an idle connection at any time. A write on it would be lost
# without a response, and it must not be repeated, because it may have been carried out.
IDLE_CAP = 1.0


class NotSent(Exception):
    """The error for a failed connection. The request was not sent."""


class TlsFailure(Exception):
    """The error for a certificate that was not accepted. The request was not sent."""


class Lost(Exception):
    """The error for a request that may have been sent and got no complete response."""


class _Bearer(AuthBase):  # type: ignore[misc,valid-type,unused-ignore]
    """The authentication with a token. It is an object because requests replaces a plain header with the entry of a .netrc file."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """A session with the API. ``attempt`` makes one request and never repeats it."""

    def __init__(self, settings: Settings) -> None:
        if not HAS_REQUESTS:
            raise MissingLibrary(
                f"The Python library requests is missing for {sys.executable} ({_WHY}). Install it there with pip install requests."
            )
        self._settings = settings
        self._auth = _Bearer(settings.api_token)
        if not settings.validate_certs:
            # The user has asked for it, so a warning for each request would only hide other output.
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        # Whether the API has ever responded.
        self.has_responded = False
        self._used = time.monotonic()
        self._exchange = Exchange()
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, DeadlineAdapter(self._exchange))
        self._session.headers.update(
            {
                # Without this header, the API answers errors with a redirect to a login page.
                "Accept": "application/json",
                # The default agents of Python are blocked by common firewalls.
                "User-Agent": f"serverprism.cloud/{VERSION} requests/{requests.__version__} Python/{platform.python_version()}",
            }
        )

    def attempt(self, method: str, path: str, body: Optional[Mapping[str, str]] = None) -> Reply:
        """Make one request within ``timeout`` seconds, including the body. Raises NotSent, TlsFailure or Lost."""
        settings = self._settings
        verify: Union[bool, str] = (settings.ca_path or True) if settings.validate_certs else False
        url = settings.api_url + path
        # Plain HTTP is allowed only on this machine, so it must not go to a proxy.
        proxies = requests.utils.get_environ_proxies(url) if url.startswith("https:") else {}
        until = time.monotonic() + settings.timeout
        if method != "GET" and time.monotonic() - self._used >= IDLE_CAP:
            # This closes idle connections. The session stays usable.
            self._session.close()
        # Session.request would let an environment variable replace ``verify``, so the request is prepared and sent here.
        request = self._session.prepare_request(requests.Request(method, url, json=body, auth=self._auth))
        self._exchange.begin(until)
        try:
            with self._session.send(
                request,
                allow_redirects=False,
                verify=verify,
                timeout=settings.timeout,
                stream=True,
                proxies=proxies,
            ) as answer:
                content = _read(answer)
                if time.monotonic() >= until:
                    # A response without a length looks complete even if the deadline has cut it.
                    raise Lost(f"no complete response within {settings.timeout:g} s")
                self._used = time.monotonic()
                self.has_responded = True
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status_code, headers, content)
        except _BROKEN as exc:
            raise self._failure(exc, until) from exc
        finally:
            self._exchange.end()

    def _failure(self, exc: Exception, until: float) -> Exception:
        """Return the error for a failed request. Once there was a connection, the request may have been carried out."""
        if not self._exchange.connected:
            return TlsFailure(_reason(exc)) if isinstance(exc, requests.exceptions.SSLError) else NotSent(_reason(exc))
        late = time.monotonic() >= until or isinstance(exc, requests.exceptions.ReadTimeout)
        return Lost(f"no complete response within {self._settings.timeout:g} s" if late else _reason(exc))


def _read(answer: Any) -> bytes:
    """Return the body. Raises Lost if it is incomplete or larger than BODY_CAP after decompression."""
    parts, size = [], 0
    for chunk in answer.iter_content(65536):
        size += len(chunk)
        parts.append(chunk)
        if size > BODY_CAP:
            raise Lost(f"the response is larger than {BODY_CAP} bytes")
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and not answer.headers.get("Content-Encoding") and int(length) != size:
        raise Lost(f"the response ended after {size} of {length} bytes")
    return b"".join(parts)


def _reason(exc: BaseException) -> str:
    """Return the innermost cause as one line, without the object addresses that the libraries add."""
    inner: Any = exc
    while True:
        inside = [getattr(inner, "reason", None), *reversed(inner.args)]
        cause = next((one for one in inside if isinstance(one, BaseException)), None)
        if cause is None:
            break
        inner = cause
    # urllib3 puts the connection's own text before the cause: "<... object at 0x7f...>: " or "HTTPSConnection(host=...): ".
    text = " ".join(re.sub(r"^<?[\w.]*Connection(Pool)?\b.*?[>)]: ", "", str(inner)).split())
    name = type(inner).__name__
    if isinstance(inner, http.client.HTTPException) and not isinstance(inner, ConnectionError) and name not in text:
        # The messages of these exceptions are unclear without their names.
        text = f"{name}: {text}"
    return text[:200] or name
