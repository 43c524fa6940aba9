#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_maintenance
short_description: Announce, save, restart and verify a server
version_added: 0.1.0
description:
  - Maintains one server as one timeline. Warns the players in steps, saves the world, restarts or stops the server, and confirms that it
    happened.
  - The quota of all its writes is reserved before the first announcement. A delay moves the restart, so players never get less notice than
    was announced.
  - If a countdown is interrupted (a failure, Ctrl-C, the C(timeout) of the task), players are told that the restart is cancelled.
  - A server that another run with the same O(ledger) maintains is refused. The role P(serverprism.cloud.maintenance#role) locks all servers
    of a run until its end, and maintains them with one process.
  - C(changed) says whether a signal went out, or may have. Announcements and commands alone leave it V(false); see RV(timeline).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
  - serverprism.cloud.game
seealso:
  - module: serverprism.cloud.serverprism_power
    description: Brings a server to a state without telling its players.
  - module: serverprism.cloud.serverprism_command
    description: Sends one line to the console.
attributes:
  diff_mode:
    support: full
    details:
      - Shows the timeline, in check mode the plan.
  idempotent:
    support: none
    details:
      - Every run is a restart. A server that is off stays off.
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  state:
    description: What happens at the end of the countdown.
    type: str
    choices: [restarted, stopped]
    default: restarted
  announcements:
    description:
      - What the players are told, and when. An empty list says nothing.
      - By default they are warned 5 minutes, 1 minute and 10 seconds before, unless O(game=generic).
    type: list
    elements: dict
    suboptions:
      before:
        description: How long before the action, as V(90), V(90s), V(5m) or V(1h30m).
        type: str
        required: true
      text:
        description:
          - The text. V({action}) becomes V(restart) or V(shutdown), with a capital letter at the beginning of the text. V({remaining}) becomes
            the time left, V({time}) the time of the action, and V({name}) the server's name.
        type: str
        required: true
  announce_command:
    description:
      - The console command that shows a text to players; V({text}) is where it goes.
      - V({text_}) is the same with underscores for blanks, for a game that shows no more than one word, as Palworld.
      - The default is the command of the O(game).
    type: str
  commands:
    description:
      - Console commands just before the action, such as one that saves the world. An empty list sends none.
      - The default is the save command of the O(game), if it has one.
    type: list
    elements: str
  command_wait:
    description: Seconds between O(commands) and the action, at least. A command that is late moves the action.
    type: float
    default: 5.0
  start:
    description:
      - When the first announcement may go out, ISO 8601 or C(HH:MM) (its next occurrence in O(timezone), the present minute included).
      - For all servers of a run this is the same instant, the next one after C(ansible-playbook) began.
      - Where O(start) and O(deadline) both are C(HH:MM), at most 12 hours apart, and it is between them already, it begins at once.
      - Without it, or if an ISO 8601 time has passed, as soon as the quota allows. A time more than 12 hours ago is refused, unless O(deadline)
        is still ahead.
    type: str
  at:
    description:
      - The time of the restart itself, written as O(start). The first announcement goes out as early as it needs to. A server without
        announcements restarts at that time, too.
      - If there is not enough time for all announcements, or the quota is in use, the restart is later. It is never earlier.
      - Set O(at) or O(start), not both.
    type: str
  timezone:
    description: The IANA time zone of O(start), O(at), O(deadline), V({time}) and the times that are shown on screen.
    type: str
    default: UTC
  deadline:
    description: No action begins after it. A server that cannot make it is V(deferred). Written as O(start).
    type: str
  if_offline:
    description: What to do with a server that is off. A suspended one is skipped with V(skip) and fails otherwise.
    type: str
    choices: [skip, start, fail]
    default: skip
  maintenance_id:
    description:
      - The name of this maintenance, such as a change ticket. What was done under it is kept in a journal beside the ledger, and a server
        that was done is skipped when the run is repeated. No server gets a second signal under one ID, on this machine or on those that
        share a O(ledger) in Redis. One that a restart left down without a proof fails.
    type: str
  cancel_text:
    description:
      - What players are told when a countdown they were told of is cancelled. V({action}) and V({name}) are filled in.
    type: str
    default: "Maintenance cancelled: no {action} now."
  done_text:
    description: A text sent once the server is up again, O(done_delay) seconds later. Nothing by default.
    type: str
  done_delay:
    description: Seconds between the server being seen up and O(done_text), so that players have time to come back and read it.
    type: float
    default: 20.0
  wait_timeout:
    description:
      - Seconds to wait, from the signal on, until the server is down or up.
      - When they are over the task fails, says the last state, and C(changed) is V(true) if a signal went out.
    type: float
    default: 600.0
  poll_interval:
    description:
      - Seconds between looks at the server. No look is made that could only show the status from before the last one,
        see O(status_cache).
    type: float
    default: 5.0
  running_when:
    description:
      - The state in which the server counts as up.
      - Some games never report V(running), although people play on them. For those write V(starting).
    type: str
    choices: [running, starting]
    default: running
  kill_after:
    description:
      - Send V(kill) to a server that is not down so many seconds after a stop, or still stopping so many seconds after a restart.
      - What it did not save is lost.
      - For a server that is already stopping when the task begins, the seconds count from the first look at it. Nobody is warned then.
      - Without this option nothing is ever killed.
    type: float
"""

EXAMPLES = r"""
# The token is taken from the environment variable SERVERPRISM_API_TOKEN.
- name: Restart a server with five minutes of warning
  serverprism.cloud.serverprism_maintenance:
    server_id: 1234
    announcements:
      - before: 5m
        text: "{action} in {remaining}, at {time}"
      - before: 1m
        text: "{action} in {remaining}. Find a safe place!"
    commands: [save-all]

- name: Restart a server with the announcements and the save command of its game
  serverprism.cloud.serverprism_maintenance:
    server_id: 1234
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
outcome:
  description:
    - V(done), V(unconfirmed), V(skipped), V(deferred), V(cancelled) or V(failed). In check mode V(done) means that it would be done.
    - V(unconfirmed) means that the signal was sent and nothing proves or disproves that it worked; the task fails.
  type: str
  returned: always
  sample: done
reason:
  description: Why, where the outcome needs a reason.
  type: str
  returned: always
  sample: offline
deadline_missed_by:
  description: Seconds by which the action would begin after O(deadline), for which reason the server is V(deferred). Otherwise null.
  type: int
  returned: always
  sample: null
earlier:
  description:
    - What an earlier run under the same O(maintenance_id) left. V(done), or V(unconfirmed) if the signal may have been sent. Null if there
      was none.
  type: str
  returned: always
  sample: done
name:
  description: The server's name.
  type: str
  returned: always
  sample: My Minecraft
timeline:
  description: What was sent and when, in UTC. In check mode it is the plan.
  type: list
  elements: dict
  returned: always
  contains:
    kind:
      description: V(announcement), V(command), V(signal), V(cancel) or V(done).
      type: str
      returned: always
      sample: announcement
    text:
      description: The console line or the signal.
      type: str
      returned: always
      sample: say Restart in 5 minutes
    planned:
      description: When it was to go out.
      type: str
      returned: always
      sample: "2026-05-04T03:00:00.000000Z"
    at:
      description: When it was answered (the signal, when it was sent); null if never.
      type: str
      returned: always
      sample: "2026-05-04T03:00:00.081000Z"
    outcome:
      description: V(planned), V(sent), V(unknown) (no clear answer), V(failed) or V(dropped) (cancelled).
      type: str
      returned: always
      sample: sent
notice_error:
  description: Seconds by which the action missed what the worst announcement said. Never negative while the promise holds.
  type: float
  returned: always
  sample: 0.21
confirmed:
  description: Whether evidence proves the result. V(false) means that the signal was accepted and nothing more is known.
  type: bool
  returned: always
  sample: true
evidence:
  description:
    - What confirms the result. V(state), the state was seen to change (or already was as wanted).
      V(counters), the network counters fell, which happens only when a new process starts. V(none), nothing confirms it.
  type: str
  returned: always
  sample: counters
downtime:
  description: Seconds from the signal to the first look that showed the server up again, an upper bound; null if it is not.
  type: float
  returned: always
  sample: 41.2
before:
  description: The state before, null where it is unknown.
  type: str
  returned: always
  sample: running
after:
  description: The last state that is certainly newer than the signal, null where none was seen.
  type: str
  returned: always
  sample: running
signal:
  description: The last signal sent (or predicted in check mode), null where none was needed.
  type: str
  returned: always
  sample: restart
api:
  description: Requests made, every attempt counted, and the seconds spent waiting for the quota and for retries.
  type: dict
  returned: always
  sample: {reads: 3, writes: 1, waited_seconds: 0.0}
"""

from ansible_collections.serverprism.cloud.plugins.module_utils._maintenance.conductor import OPERATION
from ansible_collections.serverprism.cloud.plugins.module_utils._module import run_module


def main() -> None:
    """Run as a module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
