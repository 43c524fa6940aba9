# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: servers
short_description: Inventory of the servers of a ServerPrism customer
version_added: 1.0.0
description:
  - Makes every active or suspended server a host. The name of the configuration file must end in C(.serverprism.yml) or
    C(.serverprism.yaml).
  - The inventory costs one read for any number of servers. With O(details) it costs one more read for each server. The API allows 60 reads
    in a minute.
  - Hosts are added after all reads have succeeded, so a failure never leaves a part of the fleet. Texts from the API are never evaluated as
    templates.
  - If an inventory fails, Ansible continues without it. In pipelines, set E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) to V(true).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.api.plugin
  - constructed
  - inventory_cache
options:
  plugin:
    description: The name of this plugin, V(serverprism.cloud.servers).
    type: str
    required: true
    choices: [serverprism.cloud.servers]
  details:
    description:
      - Also read name, limits, resources and state of each server. Costs one read for each server.
      - If the node of one of several servers is unavailable, or its record is not valid, these values are null and a warning names the
        server. The host is then named after product and ID, and the inventory is not cached.
    type: bool
    default: false
  service_status:
    description: Include only servers with this billing status, such as V(active).
    type: str
  product:
    description: Include only servers whose product matches this regular expression. Begin it with V((?i\)) to ignore case.
    type: str
  hostname:
    description:
      - A Jinja2 expression or template for the name of a host, such as V(serverprism_name | lower) or V(srv-{{ serverprism_id }}). It can
        use the variables of the host. In a list, the first expression with a result is used.
      - The default is product and ID, such as V(minecraft-4-gb-1234).
      - Characters with a meaning in host patterns become hyphens. The ID is appended to names that are not unique, or that are
        V(all), V(localhost) or the name of a group of an earlier inventory.
    type: list
    elements: str
    default: []
  connection_local:
    description:
      - Give each host C(ansible_connection=local) and the Python interpreter of the controller. The modules of this collection need no
        connection to the server.
    type: bool
    default: true
"""

EXAMPLES = r"""
# fleet.serverprism.yml. This line is enough if the token is in the environment variable SERVERPRISM_API_TOKEN.
plugin: serverprism.cloud.servers

# The token comes from another variable.
api_token: "{{ lookup('ansible.builtin.env', 'COMMUNITY_TOKEN') }}"

# Only active servers.
service_status: active

# Hosts named after their servers, with limits and states. Costs one read for each server.
details: true
hostname: serverprism_name | lower

# One group for each game, such as game_minecraft and game_palworld, and one for large servers.
keyed_groups:
  - key: serverprism_product | split | first | lower
    prefix: game
groups:
  big: serverprism_limits.memory_mb >= 8192

# Read the servers again only after ten minutes.
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

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.display import Display
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars
from ansible_collections.serverprism.cloud.plugins.module_utils._clock import SystemClock
from ansible_collections.serverprism.cloud.plugins.module_utils._errors import BadOption, ServerPrismError
from ansible_collections.serverprism.cloud.plugins.module_utils._info import check
from ansible_collections.serverprism.cloud.plugins.module_utils._inventory import host_names, read_fleet, variables
from ansible_collections.serverprism.cloud.plugins.module_utils._operation import open_client
from ansible_collections.serverprism.cloud.plugins.module_utils._settings import API_ARGUMENT_SPEC, Settings
from ansible_collections.serverprism.cloud.plugins.module_utils._text import printable
from ansible_collections.serverprism.cloud.plugins.plugin_utils._options import check_options, check_template

display = Display()
# A file that names this plugin has this key within its first characters.
PLUGIN_KEY = re.compile(r"\bplugin[\"']?\s*:\s*[\"']?serverprism\.cloud\.servers\b")
SEARCHED = 10_000


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """The inventory plugin ``serverprism.cloud.servers``."""

    NAME = "serverprism.cloud.servers"
    _why_no_name = ""

    def verify_file(self, path: str) -> bool:
        """Return True if the file name has the ending of this plugin. Raises AnsibleParserError if only the content names the plugin."""
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
        """Set the options of the file. Refuse unknown ones, because a misspelt filter would otherwise select every server."""
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
        # Without a cause: Ansible would show its message a second time.
        except ServerPrismError as exc:
            raise AnsibleParserError(f"{printable(path)}: {exc}") from None
        except AnsibleParserError:
            raise
        # A missing option. ansible-core 2.18 and older have no special error for it.
        except AnsibleError as exc:
            hint = " Set SERVERPRISM_API_TOKEN, or api_token to a lookup." if "api_token" in str(exc) else ""
            raise AnsibleParserError(f"{printable(path)}: {exc}{hint}") from None
        self._populate(fleet)

    def _fleet(self, path: str, cache: bool) -> list[dict[str, Any]]:
        """Return the servers from the cache if it has them for these options, else from the API."""
        settings = Settings.from_params({name: self._option(name) for name in API_ARGUMENT_SPEC})
        details = self.get_option("details")
        product, service_status = self.get_option("product"), self.get_option("service_status")
        # Another token can belong to another customer. The hash shows a change and reveals nothing of the token.
        token = hashlib.sha256(f"inventory cache {settings.api_token}".encode()).hexdigest()[:16]
        what = {"api_url": settings.api_url, "details": details, "product": product, "service_status": service_status, "customer": token}
        key = self.get_cache_key(path)
        if cache and self.get_option("cache"):
            try:
                known = self._cache[key]
                if {name: known[name] for name in what} == what:
                    return list(known["servers"])
            except (KeyError, TypeError):
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
            warn("No server matches product and service_status. Remove these options to see all servers.")
        is_complete = all(server.get("limits") or not details for server in fleet)
        if self.get_option("cache") and is_complete:
            self._cache[key] = {**what, "servers": fleet}
        return fleet

    def _option(self, name: str) -> Any:
        """Return an API option. Its value may be a template, such as a lookup of the token. Raises BadOption if that fails."""
        value = self.get_option(name)
        if isinstance(value, str) and self.templar.is_template(value):
            try:
                value = self.templar.template(value)
            except Exception as exc:
                # The message may contain the result of the template, which can be the token, so only the type is shown.
                raise BadOption(name, f"the template cannot be evaluated ({type(exc).__name__})") from exc
            if not isinstance(value, str):
                raise BadOption(name, "the template must give a string")
        return value

    def _populate(self, fleet: list[dict[str, Any]]) -> None:
        """Add hosts, variables and groups. If that fails, remove the hosts again."""
        connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        common = connection if self.get_option("connection_local") else {}
        # Ansible never evaluates these values as templates. From 2.19 on this also holds for values without this mark.
        rows = [{name: wrap_var(value) for name, value in variables(server).items()} for server in fleet]
        given = self._names(rows)
        for row in rows:
            row.update(common)
        inventory = self.inventory
        hosts = dict(zip(host_names(fleet, given, set(inventory.groups)), rows))
        new = [name for name in hosts if name not in inventory.hosts]
        try:
            self._add(hosts)
        except Exception:
            for host in [inventory.hosts[name] for name in new if name in inventory.hosts]:
                inventory.remove_host(host)
            raise

    def _add(self, hosts: dict[str, dict[str, Any]]) -> None:
        """Add these hosts, with their variables and groups."""
        strict, compose = self.get_option("strict"), self.get_option("compose")
        groups, keyed_groups = self.get_option("groups"), self.get_option("keyed_groups")
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
        """Return the name that the option ``hostname`` gives each host. Warn if it gives none at all."""
        names = [self._name(row) for row in rows]
        if rows and self.get_option("hostname") and not any(names):
            display.warning(
                f"hostname gives no name for any server{self._why_no_name}, so hosts are named after product and ID. "
                "Names and limits are read only with details: true."
            )
        return names

    def _name(self, row: dict[str, Any]) -> str:
        """Return the result of the first expression of ``hostname`` that has one, or an empty text."""
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
