# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that every module shares."""

from __future__ import annotations


class ModuleDocFragment:
    """The fragment ``serverprism.cloud.api``."""

    DOCUMENTATION = r"""
options:
  api_token:
    description:
      - The API token. Create one in the panel under Account, API Credentials.
      - Reads need the scope C(servers:read). Power signals and console commands need C(servers:control).
      - If not set, E(SERVERPRISM_API_TOKEN) is used.
    type: str
    required: true
  api_url:
    description:
      - The address of the API. Plain C(http) is accepted only for a loopback address.
      - If not set, E(SERVERPRISM_API_URL) is used.
    type: str
    default: https://serverprism.com
  validate_certs:
    description:
      - Verify the TLS certificate of the API.
      - If not set, E(SERVERPRISM_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - The path of a file with the certificates of a private certificate authority.
      - If not set, E(SERVERPRISM_CA_PATH) is used.
    type: path
  timeout:
    description:
      - The maximum number of seconds for one HTTP attempt, including the response body.
      - If not set, E(SERVERPRISM_TIMEOUT) is used.
    type: float
    default: 20.0
  max_wait:
    description:
      - The maximum number of seconds that the task waits in total for the quota, after HTTP 429 and 503, and between retries. After that,
        the task fails and says what it waited for.
      - The limit does not apply to the start of a maintenance, which waits until its C(deadline), or to reads after a power signal, which
        end after C(wait_timeout).
      - A task whose first request cannot reach the API gives up after 30 seconds.
      - If a task reads the details of several servers, the limit applies to each read, so a fleet of any size can be read completely. A
        server whose node is unavailable (HTTP 503) is read again once, after 15 seconds.
      - If not set, E(SERVERPRISM_MAX_WAIT) is used.
    type: float
    default: 300.0
  read_limit:
    description:
      - The number of reads that the API allows in each O(limit_window).
      - If not set, E(SERVERPRISM_READ_LIMIT) is used.
    type: int
    default: 60
  write_limit:
    description:
      - The number of writes that the API allows in each O(limit_window).
      - If not set, E(SERVERPRISM_WRITE_LIMIT) is used.
    type: int
    default: 20
  limit_window:
    description:
      - The length of the quota window in seconds.
      - If not set, E(SERVERPRISM_LIMIT_WINDOW) is used.
    type: float
    default: 60.0
  write_headroom:
    description:
      - The number of writes in each window that maintenance timelines leave free, so that an urgent stop never waits behind a fleet.
      - If not set, E(SERVERPRISM_WRITE_HEADROOM) is used.
    type: int
    default: 2
  ledger:
    description:
      - The place where tasks and runs share the quota.
      - A folder shares it between all processes of this machine.
      - V(redis://:password@host:6379/0), or V(rediss://...) for TLS, shares it between several machines in Redis or Valkey. This needs the
        Python library C(redis). Append C(?prefix=NAME) to set the prefix of the keys. The default prefix is V(serverprism).
      - V(none) shares nothing. Two runs then do not see each other and may maintain the same server at the same time.
      - If Redis cannot be reached for 10 seconds, the request is not sent and the task fails.
      - The quota belongs to the customer, so all tokens of a customer share one ledger. Use a separate folder, database or prefix for each
        customer.
      - If not set, E(SERVERPRISM_LEDGER) is used.
    type: str
    default: ~/.ansible/serverprism
  status_cache:
    description:
      - The maximum age in seconds of a server status that the API returns.
      - If not set, E(SERVERPRISM_STATUS_CACHE) is used.
    type: float
    default: 20.0
notes:
  - With a local connection, the task runs inside the Ansible worker and starts no Python process. With any other connection, or with
    C(async), the module runs on the target, which needs the Python library C(requests).
requirements: [requests]
"""

    # Plugins other than modules declare their environment variables here.
    PLUGIN = r"""
options:
  api_token: {env: [{name: SERVERPRISM_API_TOKEN}]}
  api_url: {env: [{name: SERVERPRISM_API_URL}]}
  validate_certs: {env: [{name: SERVERPRISM_VALIDATE_CERTS}]}
  ca_path: {env: [{name: SERVERPRISM_CA_PATH}]}
  timeout: {env: [{name: SERVERPRISM_TIMEOUT}]}
  max_wait: {env: [{name: SERVERPRISM_MAX_WAIT}]}
  read_limit: {env: [{name: SERVERPRISM_READ_LIMIT}]}
  write_limit: {env: [{name: SERVERPRISM_WRITE_LIMIT}]}
  limit_window: {env: [{name: SERVERPRISM_LIMIT_WINDOW}]}
  write_headroom: {env: [{name: SERVERPRISM_WRITE_HEADROOM}]}
  ledger: {env: [{name: SERVERPRISM_LEDGER}]}
  status_cache: {env: [{name: SERVERPRISM_STATUS_CACHE}]}
"""
