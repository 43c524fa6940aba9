# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Sphinx site of the collection, built by ``make docs``. Nothing is fetched while it is built."""

from __future__ import annotations

from typing import Any

from docutils import nodes

project = "serverprism.cloud"
author = "ServerPrism collection contributors"
copyright = "2026 ServerPrism collection contributors"
title = html_title = html_short_title = "serverprism.cloud"

extensions = ["sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
html_theme_options = {"topbar_links": {"ServerPrism": "https://serverprism.com", "Ansible": "https://docs.ansible.com"}}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sphinx = False
smartquotes = False
html_use_modindex = False
html_use_index = False
html_copy_source = False
default_role = "any"
nitpicky = True

# Pages of Ansible that the reference pages link to.
_ANSIBLE = "https://docs.ansible.com/ansible/latest"
_ELSEWHERE = {
    "action_plugins": f"{_ANSIBLE}/plugins/action.html",
    "ansible_configuration_settings": f"{_ANSIBLE}/reference_appendices/config.html",
    "common_return_values": f"{_ANSIBLE}/reference_appendices/common_return_values.html",
}


def _link_to_ansible(_app: Any, _env: Any, node: Any, content: Any) -> Any:
    """Return a link to Ansible's documentation for a target that is not on this site; None, which is an error, if there is none."""
    target = node["reftarget"]
    if node["reftype"] == "envvar" and target.startswith("ANSIBLE_"):
        uri = f"{_ELSEWHERE['ansible_configuration_settings']}#envvar-{target}"
    elif node["reftype"] == "ref" and target in _ELSEWHERE:
        uri = _ELSEWHERE[target]
    else:
        return None
    return nodes.reference("", "", content, internal=False, refuri=uri)


def _link_to_start(app: Any, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Link the name at the top of each page to the home page instead of the root of the web server."""
    context["theme_documentation_home_url"] = context["pathto"](app.config.root_doc)


def setup(app: Any) -> None:
    """Connect to Sphinx, which calls this."""
    app.connect("html-page-context", _link_to_start)
    app.connect("missing-reference", _link_to_ansible)
