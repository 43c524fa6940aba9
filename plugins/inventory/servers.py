# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: servers
short_description: The servers of a ServerPrism customer as an inventory
version_added: 0.1.0
description:
  - Every active or suspended server becomes a host. Its configuration file ends in C(.serverprism.yml) or C(.serverprism.yaml).
  - A fleet of any size costs one read. With O(details) each server costs one more, and the API allows 60 a minute.
  - Nothing of the API is ever taken for a template. A host is added only after everything was read, so a failure leaves no partial fleet.
  - When an inventory fails, Ansible goes on without it. In pipelines set E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) to V(true).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.api.plugin
  - constructed
  - inventory_cache
options:
  plugin:
    description: Must be V(serverprism.cloud.servers).
    type: str
    required: true
    choices: [serverprism.cloud.servers]
  details:
    description:
      - Whether name, limits, resources and state of each server are read, too. Costs one read for each server.
      - What cannot be read of one of several servers, since its node is unavailable or its record is odd, is null, and a warning names it.
        Such a list is not kept in the cache. A host whose name is not known is called after product and ID.
    type: bool
    default: false
  service_status:
    description: Only servers with this billing status, such as V(active).
    type: str
  product:
    description: Only servers whose product this regular expression finds something in. Case counts, unless it begins with V((?i\)).
    type: str
  hostname:
    description:
      - A Jinja2 expression or template for the name of a host, as V(serverprism_name | lower) or V(srv-{{ serverprism_id }}), or a list of
        them, of which the first with a result is taken. It may use the variables of the host.
      - By default product and ID, as in V(minecraft-4-gb-1234).
      - Characters that have a meaning in host patterns become hyphens. Of servers with the same name each gets its ID appended, and so
        does one that is called like a group, V(all) or V(localhost).
    type: list
    elements: str
    default: []
  connection_local:
    description:
      - Whether hosts get C(ansible_connection=local) and the Python of this controller, since modules of this collection only call an API.
    type: bool
    default: true
"""

EXAMPLES = r"""
# fleet.serverprism.yml; the token is taken from the environment variable SERVERPRISM_API_TOKEN.
plugin: serverprism.cloud.servers

---
# Only what is paid for, in groups by game: game_minecraft, game_palworld.
plugin: serverprism.cloud.servers
api_token: "{{ lookup('ansible.builtin.env', 'COMMUNITY_TOKEN') }}"
service_status: active
keyed_groups:
  - key: serverprism_product | split | first | lower
    prefix: game

---
# Names, limits and states, and hosts called after their names; kept for ten minutes.
plugin: serverprism.cloud.servers
details: true
hostname: serverprism_name | lower
groups:
  big: serverprism_limits.memory_mb >= 8192
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/serverprism
cache_timeout: 600
"""

import hashlib
import os
import re
import sys
from typing import Any

from ansible.errors import AnsibleParserError, AnsibleRequiredOptionError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.display import Display
from ansible.utils.vars import combine_vars
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._info import check
from ansible_collections.serverprism.cloud.plugins.module_utils._inventory import FleetServer, host_names, read_fleet, variables
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import open_client
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings
from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable
from ansible_collections.serverprism.cloud.plugins.plugin_utils._options import check_options, check_template

display = Display()
# What hosts have as variables only with details.
DETAILS = ("name", "limits", "resources", "state")
# The key with which a file names this plugin, and the number of characters in which it is searched.
PLUGIN_KEY = re.compile(r"\bplugin[\"']?\s*:\s*[\"']?serverprism\.cloud\.servers\b")
SEARCHED = 10_000


class NameTaken(Exception):
    """A group is about to be made that is called like a host."""


class GuardedInventory:
    """The inventory, in which no group gets the name of one of these hosts: Ansible would take the one for the other."""

    def __init__(self, inventory: Any, hosts: set[str]) -> None:
        self._inventory = inventory
        self._hosts = hosts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inventory, name)

    def add_group(self, group: str) -> Any:
        """Add a group; NameTaken where a host has its name."""
        if group in self._hosts:
            raise NameTaken(group)
        return self._inventory.add_group(group)


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """See DOCUMENTATION."""

    NAME = "serverprism.cloud.servers"
    _why_no_name = ""

    def verify_file(self, path: str) -> bool:
        """Return whether the name of the file is one for this plugin. Raises AnsibleParserError if only its content is."""
        if not super().verify_file(path):
            return False
        if path.endswith((".serverprism.yml", ".serverprism.yaml", "/serverprism.yml", "/serverprism.yaml")):
            return True
        if path.endswith((".yml", ".yaml")):
            with open(path, encoding="utf-8", errors="replace") as file:
                if PLUGIN_KEY.search(file.read(SEARCHED)):
                    raise AnsibleParserError(
                        f"The name of {printable(path)} must end in .serverprism.yml or .serverprism.yaml. Rename the file."
                    )
        return False

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """What the file says, once it makes sense: a misspelt filter that is ignored would select every server."""
        if direct is not None:
            check_options(direct, self.option_definitions, os.environ)
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read everything, and only then add hosts."""
        super().parse(inventory, loader, path, cache)
        try:
            self._read_config_data(path)
            check({"server_ids": [], "product": self.get_option("product")})
            for expression in self.get_option("hostname"):
                check_template("hostname", str(expression))
            fleet = self._fleet(path, cache)
        # Ansible shows a cause as well, and so would say the same twice.
        except ServerPrismError as exc:
            raise AnsibleParserError(f"{printable(path)}: {exc}") from None
        except AnsibleRequiredOptionError as exc:
            hint = " Set SERVERPRISM_API_TOKEN, or api_token to a lookup." if "api_token" in str(exc) else ""
            raise AnsibleParserError(f"{printable(path)}: {exc}{hint}") from None
        self._populate(fleet)

    def _fleet(self, path: str, cache: bool) -> list[FleetServer]:
        """From the cache, where it may be used and holds what is asked for; else from the API."""
        settings = Settings.from_params({name: self._option(name) for name in API_ARGUMENT_SPEC})
        details = self.get_option("details")
        product, service_status = self.get_option("product"), self.get_option("service_status")
        # Another token can be that of another customer. What is kept of it says only whether it is the same.
        token = hashlib.sha256(f"inventory cache {settings.api_token}".encode()).hexdigest()[:16]
        what = {"api_url": settings.api_url, "details": details, "product": product, "service_status": service_status, "customer": token}
        key = self.get_cache_key(path)
        if cache and self.get_option("cache"):
            try:
                known = self._cache[key]
                if {name: known[name] for name in what} == what:
                    return [FleetServer.from_dict(row) for row in known["servers"]]
            except (KeyError, TypeError, ValueError):
                pass

        def warn(text: str) -> None:
            display.warning(printable(text))

        client = open_client(
            settings,
            SystemClock(),
            warn,
            lambda text: display.display(f"[{printable(path)}] {printable(text)}", stderr=True),
        )
        fleet = read_fleet(client, details, product, service_status, warn)
        if not fleet and (product or service_status):
            warn("No server is left by product and service_status. Look at the list without them.")
        odd = [server for server in fleet if server.details is not None and server.details["limits"] is None]
        if self.get_option("cache") and not odd:
            self._cache[key] = {**what, "servers": [server.as_dict() for server in fleet]}
        return fleet

    def _option(self, name: str) -> Any:
        """An option of the API; its value may be a template, as for a token from a lookup."""
        value = self.get_option(name)
        if isinstance(value, str) and self.templar.is_template(value):
            try:
                value = self.templar.template(value)
            except Exception as exc:
                # The error may quote what the template gave: for a token only its kind is told.
                raise BadOption(name, f"the template cannot be evaluated ({type(exc).__name__})") from exc
            if not isinstance(value, str):
                raise BadOption(name, "the template does not give a text")
        return value

    def _populate(self, fleet: list[FleetServer]) -> None:
        """Hosts, variables and groups; all of them, or no host."""
        connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        common = connection if self.get_option("connection_local") else {}
        rows = [variables(server) for server in fleet]
        given = self._names(rows)
        for row in rows:
            row.update(common)
        inventory = self.inventory
        taken = set(inventory.groups)
        while True:
            names = host_names(fleet, given, taken)
            new = [name for name in names if name not in inventory.hosts]
            try:
                self._add(dict(zip(names, rows)))
                return
            except Exception as exc:
                for host in [inventory.hosts[name] for name in new if name in inventory.hosts]:
                    inventory.remove_host(host)
                if not isinstance(exc, NameTaken):
                    raise
                # A name with its ID has hyphens, which no group has that is made here.
                taken.add(str(exc))
            finally:
                self.inventory = inventory

    def _add(self, hosts: dict[str, dict[str, Any]]) -> None:
        """Texts of the API are not trusted as templates, which is what Ansible assumes of plain ones."""
        strict, compose = self.get_option("strict"), self.get_option("compose")
        groups, keyed_groups = self.get_option("groups"), self.get_option("keyed_groups")
        self.inventory = GuardedInventory(self.inventory, set(hosts))
        for name, row in hosts.items():
            self.inventory.add_host(name)
            for key, value in row.items():
                self.inventory.set_variable(name, key, value)
            if compose:
                self._set_composite_vars(compose, row, name, strict=strict)
            if groups:
                self._add_host_to_composed_groups(groups, row, name, strict=strict)
            if keyed_groups:
                self._add_host_to_keyed_groups(keyed_groups, row, name, strict=strict)

    def _names(self, rows: list[dict[str, Any]]) -> list[str]:
        """What the user's expressions give for each host."""
        names = [self._name(row) for row in rows]
        if rows and self.get_option("hostname") and not any(names):
            wants_details = any(f"serverprism_{name}" in one for one in self.get_option("hostname") for name in DETAILS)
            more = " Names and limits are only read with details: true." if wants_details and not self.get_option("details") else ""
            display.warning(f"hostname gives no name for any server{self._why_no_name}, so they are called after product and ID.{more}")
        return names

    def _name(self, row: dict[str, Any]) -> str:
        """What the first of the expressions gives; empty where none gives anything."""
        for expression in self.get_option("hostname"):
            try:
                if self.templar.is_template(expression):
                    more = self._vars if self.get_option("use_extra_vars") else {}
                    self.templar.available_variables = combine_vars(row, more)
                    name = self.templar.template(expression)
                else:
                    name = self._compose(expression, row)
            except Exception as exc:
                if self.get_option("strict"):
                    raise AnsibleParserError(f"hostname: {expression!r} fails for server {row['serverprism_id']}: {exc}") from None
                self._why_no_name = f" ({printable(str(exc))})"
                continue
            if name:
                return str(name)
        return ""
