# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all modules share, and their checks. Private to this collection."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ansible.module_utils.basic import env_fallback

from ._errors import BadOption
from ._redact import register_secrets
from ._text import is_visible_ascii


def _option(kind: str, variable: str, **more: Any) -> Dict[str, Any]:
    return {"type": kind, "fallback": (env_fallback, [variable]), **more}


API_ARGUMENT_SPEC: Dict[str, Dict[str, Any]] = {
    "api_token": _option("str", "SERVERPRISM_API_TOKEN", required=True, no_log=True),
    "api_url": _option("str", "SERVERPRISM_API_URL", default="https://serverprism.com"),
    "validate_certs": _option("bool", "SERVERPRISM_VALIDATE_CERTS", default=True),
    "ca_path": _option("path", "SERVERPRISM_CA_PATH"),
    "timeout": _option("float", "SERVERPRISM_TIMEOUT", default=20.0),
    "max_wait": _option("float", "SERVERPRISM_MAX_WAIT", default=300.0),
    "read_limit": _option("int", "SERVERPRISM_READ_LIMIT", default=60),
    "write_limit": _option("int", "SERVERPRISM_WRITE_LIMIT", default=20),
    "limit_window": _option("float", "SERVERPRISM_LIMIT_WINDOW", default=60.0),
    "write_headroom": _option("int", "SERVERPRISM_WRITE_HEADROOM", default=2),
    "ledger": _option("str", "SERVERPRISM_LEDGER", default="~/.ansible/serverprism"),
    "status_cache": _option("float", "SERVERPRISM_STATUS_CACHE", default=20.0),
}


def _bad(option: str, why: str) -> BadOption:
    return BadOption(f"{option} (or SERVERPRISM_{option.upper()})", why)


@dataclass(frozen=True)
class Settings:
    """The shared options, checked. Times are seconds."""

    api_token: str = field(repr=False)
    api_url: str
    validate_certs: bool
    ca_path: str
    timeout: float
    max_wait: float
    read_limit: int
    write_limit: int
    limit_window: float
    write_headroom: int
    ledger: str
    status_cache: float

    @property
    def token_source(self) -> str:
        """Return where the token comes from, for messages."""
        is_variable = self.api_token == os.environ.get("SERVERPRISM_API_TOKEN")
        return "the environment variable SERVERPRISM_API_TOKEN" if is_variable else "api_token"

    @classmethod
    def from_params(cls, params: Mapping[str, Any], needs_token: bool = True) -> "Settings":
        """Return the checked options of a module. Raises BadOption with the option and its environment variable."""
        if needs_token or params["api_token"]:
            _check_token(params["api_token"])
        for option, least in (("timeout", 0.001), ("max_wait", 0.0), ("limit_window", 0.001), ("status_cache", 0.0)):
            value = params[option]
            if not math.isfinite(value) or value < least:
                raise _bad(option, f"must be {'greater than 0' if least else '0 or greater'}, got {value}")
        for option in ("read_limit", "write_limit"):
            if params[option] < 1:
                raise _bad(option, f"must be 1 or greater, got {params[option]}")
        if not 0 <= params["write_headroom"] < params["write_limit"]:
            raise _bad(
                "write_headroom", f"must be from 0 to {params['write_limit'] - 1}, below write_limit, got {params['write_headroom']}"
            )
        ca_path = params["ca_path"] or ""
        if ca_path and not os.path.exists(ca_path):
            raise _bad("ca_path", f"the file {ca_path} does not exist")
        values: Dict[str, Any] = {name: params[name] for name in API_ARGUMENT_SPEC}
        values.update(api_url=_check_url(params["api_url"]), ca_path=ca_path, ledger=_check_ledger(params["ledger"]))
        values["api_token"] = values["api_token"] or ""
        register_secrets(values["api_token"], *ledger_passwords(values["ledger"]))
        return cls(**values)


def _check_token(token: str) -> None:
    if not token:
        raise _bad("api_token", "is empty. Create a token under Account, API Credentials")
    if not is_visible_ascii(token) or any(c in "\"'" for c in token):
        raise _bad(
            "api_token",
            "contains a space, a line break, a quotation mark or another character that tokens do not have. Copy the whole token again",
        )


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as exc:
        raise _bad("api_url", f"is not a valid address: {exc}") from exc
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise _bad("api_url", "must be an address such as https://serverprism.com")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise _bad("api_url", "must contain only scheme, host and port, such as https://serverprism.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise _bad(
            "api_url", "must use https, because plain http would show the token on the network. Only loopback addresses may use http"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if not re.fullmatch(re.escape(host) + r"(:\d*)?", parts.netloc.lower()) or not url.strip().isprintable():
        # Python ignores text after a bracket and line breaks, so the address would mean another host than the user expects.
        raise _bad("api_url", "must be an address such as https://serverprism.com")
    # The address is the key of the quota, so all spellings of it must be equal.
    host = host[:-1] if host.endswith(".") else host
    is_default = port is None or port == {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{port}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown_ledger(ledger: str) -> str:
    """Return the ledger without the password that an address of Redis can contain, also if the address has a typing error."""
    if ":" not in ledger:
        return ledger
    scheme, mark, rest = ledger.partition("://")
    secret, at, place = rest.rpartition("@")
    # The end of a password with these characters is ambiguous.
    if not mark or any(character in secret for character in "?#/"):
        return "***"
    return f"{scheme}://" + ("***@" if at else "") + re.split(r"[?#]", place)[0]


def ledger_passwords(ledger: str) -> List[str]:
    """Return the passwords in the address of a ledger, in each form that a message could quote. A folder has none."""
    if "://" not in ledger:
        return []
    parts = urlsplit(ledger)
    return [secret for secret in (parts.password, unquote(parts.password or ""), dict(parse_qsl(parts.query)).get("password")) if secret]


def _check_ledger(ledger: str) -> str:
    if ledger == "none":
        return ledger
    if not ledger.strip():
        raise _bad("ledger", "is empty. Set it to a folder, a Redis address, or none")
    if ":" not in ledger:
        return os.path.abspath(os.path.expanduser(ledger))
    try:
        parts = urlsplit(ledger)
        known = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port or True) and re.fullmatch(r"/?\d*", parts.path)
    except ValueError:
        known = None
    if not known:
        # The address is not shown, because it can contain a password.
        raise _bad("ledger", "must be a folder without a colon, none, or an address such as redis://:password@host:6379/0")
    return ledger
