# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets do not come back: whoever echoes one, it is taken out of texts and answers. Pure. Private to this collection."""

from __future__ import annotations

import base64
import re
from typing import Any, Set
from urllib.parse import quote

# No real token is shorter, and a short one would make holes into ordinary words of an answer.
SHORTEST = 8


def _forms(secret: str) -> Set[str]:
    """As it is, as part of an address, and in base64: alone or behind something, such as the word Bearer."""
    out = {secret, quote(secret, safe="")}
    if len(secret) >= SHORTEST:
        for ahead in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                text = encode(b"\0" * ahead + secret.encode("utf-8", "surrogateescape")).decode().rstrip("=")
                # Its ends depend on what stands beside it.
                out.add(text[4 if ahead else 0 : -1])
    return out


class Veil:
    """Puts ``shown`` in place of some secrets; empty ones are none."""

    def __init__(self, *secrets: str, shown: str) -> None:
        forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None
        self._shown = shown
        self._long = all(len(secret) >= SHORTEST for secret in secrets)

    def text(self, text: str) -> str:
        """A text for people."""
        return self._pattern.sub(lambda _found: self._shown, text) if self._pattern else text

    def payload(self, payload: Any) -> Any:
        """JSON, changed in place. Without recursion: an answer may be nested as deep as it likes."""
        if self._pattern is None or not self._long:
            return payload
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
