# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove secrets from texts and API responses, because a server or proxy may echo them, and from the output of Ansible.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

# No real token is shorter. Redacting a shorter secret would also remove ordinary words from a response.
SHORTEST = 8


class Redaction:
    """A set of secrets and the text that replaces them. Empty secrets are ignored."""

    def __init__(self, *secrets: str, replacement: str) -> None:
        forms = sorted({form for secret in secrets if secret for form in (secret, quote(secret, safe=""))}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None
        self._replacement = replacement
        self._is_safe_for_data = all(len(secret) >= SHORTEST for secret in secrets)

    def text(self, text: str) -> str:
        """Return the text with each secret replaced, also in its URL-encoded form."""
        return self._pattern.sub(lambda _found: self._replacement, text) if self._pattern else text

    def payload(self, payload: Any) -> Any:
        """Redact all strings of a JSON value in place and return it. Do nothing if a secret is shorter than SHORTEST."""
        if self._pattern is None or not self._is_safe_for_data:
            return payload
        # A loop instead of recursion: a response may be nested deeper than Python's recursion limit.
        nodes = [payload]
        while nodes:
            node = nodes.pop()
            if not isinstance(node, (dict, list)):
                continue
            for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
                if isinstance(value, str):
                    node[key] = self.text(value)
                else:
                    nodes.append(value)
        return payload


def register_secrets(*secrets: str) -> None:
    """Let ansible-core 2.22 or newer hide secrets in everything that it prints. Older versions cannot, so nothing happens there.

    ansible-core itself registers only options with ``no_log``, not a password in an address or an option of the inventory. A secret
    shorter than SHORTEST is not registered, because ordinary words of the output would be hidden.
    """
    try:
        from ansible.module_utils.secrets import register_secret
    except ImportError:
        return
    for secret in secrets:
        if len(secret) >= SHORTEST:
            register_secret(secret)
