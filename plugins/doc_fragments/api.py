# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of every module."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as ``serverprism.cloud.api``."""

    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - The API token, made under Account, API Credentials. Reading needs the scope C(servers:read), signals and commands need
        C(servers:control).
      - If not set, E(SERVERPRISM_API_TOKEN) is used.
    type: str
    required: true
  api_url:
    description:
      - Where the API is. Plain C(http) is accepted for a loopback address only.
      - If not set, E(SERVERPRISM_API_URL) is used.
    type: str
    default: https://serverprism.com
  validate_certs:
    description:
      - Whether the certificate of the API is checked.
      - If not set, E(SERVERPRISM_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A file of certificates of a private authority.
      - If not set, E(SERVERPRISM_CA_PATH) is used.
    type: path
  timeout:
    description:
      - Seconds for one HTTP attempt, its body included.
      - If not set, E(SERVERPRISM_TIMEOUT) is used.
    type: float
    default: 20.0
  max_wait:
    description:
      - Seconds the task may spend on waiting for its turn, on HTTP 429 and 503 and on retries, in all. Then it fails and says on what the
        time went. The start of a timeline is bounded by its deadline instead, and the looks after a signal by C(wait_timeout).
      - Where the details of several servers are read, each of these reads may spend as much, so that a fleet of any size is read to its end.
        A server whose node is unavailable (HTTP 503) is asked again for one O(limit_window) at most.
      - If not set, E(SERVERPRISM_MAX_WAIT) is used.
    type: float
    default: 300.0
  read_limit:
    description:
      - Reads that the API allows in O(limit_window).
      - If not set, E(SERVERPRISM_READ_LIMIT) is used.
    type: int
    default: 60
  write_limit:
    description:
      - Writes that the API allows in O(limit_window).
      - If not set, E(SERVERPRISM_WRITE_LIMIT) is used.
    type: int
    default: 20
  limit_window:
    description:
      - Seconds of the window of the limits.
      - If not set, E(SERVERPRISM_LIMIT_WINDOW) is used.
    type: float
    default: 60.0
  write_headroom:
    description:
      - Writes of each window that timelines may not reserve, so that an urgent stop never waits behind a fleet.
      - If not set, E(SERVERPRISM_WRITE_HEADROOM) is used.
    type: int
    default: 2
  ledger:
    description:
      - Where the quota is shared. A folder, for every process of this machine; V(redis://:password@host:6379/0) or V(rediss://...) (TLS),
        for several machines, in Redis or Valkey (needs the Python library C(redis)); or V(none), each task for itself.
      - With V(none) nothing tells two runs of each other, so both may maintain the same server at once.
      - C(?prefix=NAME) at the end of an address sets the first part of its keys, V(serverprism) by default.
      - When Redis cannot be reached for 10 seconds the task fails, and nothing was sent. With E(SERVERPRISM_LEDGER_FALLBACK) set to a
        folder it goes on with that one, and warns.
      - The quota belongs to the customer, so every token shares the ledger. Give each customer a folder, database or prefix of its own.
      - If not set, E(SERVERPRISM_LEDGER) is used.
    type: str
    default: ~/.ansible/serverprism
  status_cache:
    description:
      - Seconds that a status of the API may be old.
      - If not set, E(SERVERPRISM_STATUS_CACHE) is used.
    type: float
    default: 20.0
notes:
  - With a local connection the task runs inside the Ansible worker, without a new Python process. With any other connection, or
    with C(async), the module runs on the target, which needs the Python library C(requests).
requirements: [requests]
"""

    # For plugins that are no modules: where else each option comes from.
    PLUGIN = r"""
options:
  api_token:
    env:
      - name: SERVERPRISM_API_TOKEN
  api_url:
    env:
      - name: SERVERPRISM_API_URL
  validate_certs:
    env:
      - name: SERVERPRISM_VALIDATE_CERTS
  ca_path:
    env:
      - name: SERVERPRISM_CA_PATH
  timeout:
    env:
      - name: SERVERPRISM_TIMEOUT
  max_wait:
    env:
      - name: SERVERPRISM_MAX_WAIT
  read_limit:
    env:
      - name: SERVERPRISM_READ_LIMIT
  write_limit:
    env:
      - name: SERVERPRISM_WRITE_LIMIT
  limit_window:
    env:
      - name: SERVERPRISM_LIMIT_WINDOW
  write_headroom:
    env:
      - name: SERVERPRISM_WRITE_HEADROOM
  ledger:
    env:
      - name: SERVERPRISM_LEDGER
  status_cache:
    env:
      - name: SERVERPRISM_STATUS_CACHE
"""
