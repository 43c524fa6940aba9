#!/usr/bin/python

# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: serverprism_maintenance
short_description: Announce, save, restart and verify a server
version_added: 1.0.0
description:
  - Maintains one server as one timeline. It warns the players in steps, saves the world, restarts or stops the server, and verifies the
    result.
  - The quota of all writes is reserved before the first announcement. If a step is late, the restart is delayed, so players never get less
    notice than was announced.
  - If a countdown is interrupted (a failure, Ctrl-C, the C(timeout) of the task), players are told that the restart is cancelled.
  - A server on hold is deferred, see M(serverprism.cloud.serverprism_hold).
  - The task fails if another run with the same O(ledger) is maintaining the server. To maintain many servers in one run, use the role
    P(serverprism.cloud.maintenance#role).
  - C(changed) is V(true) if a power signal was sent, or may have been sent. Announcements and commands alone leave it V(false). They are
    in RV(timeline).
author: ServerPrism collection contributors (@serverprism)
extends_documentation_fragment:
  - serverprism.cloud.api
  - serverprism.cloud.attributes
  - serverprism.cloud.game
seealso:
  - module: serverprism.cloud.serverprism_power
    description: Starts, stops, restarts or kills a server without telling its players.
  - module: serverprism.cloud.serverprism_command
    description: Sends a console command unchanged.
attributes:
  diff_mode:
    support: full
    details:
      - Shows the timeline. In check mode, shows the plan.
  idempotent:
    support: none
    details:
      - Every run restarts the server. A server that is offline stays offline unless O(if_offline=start).
options:
  server_id:
    description: The ID of the server, the number in its C(/services/ID) address.
    type: int
    required: true
  state:
    description: The action at the end of the countdown.
    type: str
    choices: [restarted, stopped]
    default: restarted
  announcements:
    description:
      - The announcements to the players. An empty list sends none.
      - The default is three announcements, 5 minutes, 1 minute and 10 seconds before the action. With O(game=generic) the default is none.
    type: list
    elements: dict
    suboptions:
      before:
        description: The time between the announcement and the action, such as V(90), V(90s), V(5m) or V(1h30m).
        type: str
        required: true
      text:
        description:
          - The text to send. V({action}) becomes V(restart) or V(shutdown), with a capital letter at the beginning of the text.
            V({remaining}) becomes the time left, V({time}) the time of the action, V({name}) the server's name, and V({reason}) the
            O(reason).
        type: str
        required: true
  announce_command:
    description:
      - The console command that shows a text to players. V({text}) becomes the text.
      - V({text_}) becomes the text with underscores instead of spaces, for a game that shows only one word, such as Palworld.
      - The default is the command of the O(game).
    type: str
  commands:
    description:
      - The console commands to send before the action, such as a command that saves the world. An empty list sends none.
      - The default is the save command of the O(game), if it has one.
    type: list
    elements: str
  command_wait:
    description: The minimum number of seconds between O(commands) and the action. If a command is late, the action is delayed.
    type: float
    default: 5.0
  start:
    description:
      - The earliest time of the first announcement, as ISO 8601 or C(HH:MM). C(HH:MM) is the next such time in O(timezone), and includes
        the current minute. All servers of a run use the same time.
      - By default, and if an ISO 8601 time is in the past, the maintenance starts as soon as the quota allows.
      - If O(start) and O(deadline) are both C(HH:MM), at most 12 hours apart, and the current time is between them, it also starts as soon
        as the quota allows.
      - A time more than 12 hours ago is refused, unless O(deadline) is still ahead.
    type: str
  at:
    description:
      - The time of the restart itself, written like O(start). The first announcement is sent as early as needed. A server without
        announcements restarts at that time too.
      - If there is not enough time for all announcements, or the quota is in use, the restart is later. It is never earlier.
      - Cannot be combined with O(start).
    type: str
  timezone:
    description: The IANA time zone of O(start), O(at), O(deadline), V({time}) and the times in the output.
    type: str
    default: UTC
  deadline:
    description:
      - The latest time of the action, in the form of O(start). A server that cannot make it is V(deferred).
      - If both times are C(HH:MM), a deadline more than 12 hours after the start is refused, because it is usually meant to be before it.
    type: str
  exclusions:
    description:
      - Times in which no action takes place, such as an event. A server whose action would be in one of them is V(deferred).
      - If a countdown is delayed into an exclusion, it is cancelled, and its players are told.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name, which runs and their reports show.
        type: str
        required: true
      start:
        description:
          - The start. It belongs to the exclusion.
          - C(HH:MM) in O(timezone), for every day, or ISO 8601. A date alone means its midnight.
          - A daily exclusion can cross midnight, such as from C(22:00) to C(02:00). It follows the clock, also when the clocks change.
        type: str
        required: true
      end:
        description: The end, in the form of O(exclusions[].start). It does not belong to the exclusion.
        type: str
        required: true
  if_offline:
    description: What to do if the server is offline. A suspended server is skipped with V(skip), and fails otherwise.
    type: str
    choices: [skip, start, fail]
    default: skip
  maintenance_id:
    description:
      - The name of this maintenance, such as a change ticket. If the run is repeated under the same name, servers that are done are
        skipped.
      - A server never gets a second signal under one name, on this machine or on machines that share a O(ledger) in Redis. A server that
        may have had its signal, and is down without evidence of a restart, fails.
    type: str
  keep_runs:
    description:
      - The number of days for which the log of a run is kept after its last event. With it a run can be repeated under its
        O(maintenance_id).
    type: int
    default: 30
  reason:
    description:
      - The reason for the maintenance, one line. It replaces V({reason}) in O(announcements), O(cancel_text) and O(done_text).
      - If it is not set, V({reason}) is removed from the texts, with the brackets around it, or with the comma, colon or dash before it.
    type: str
  cancel_text:
    description:
      - The text to send if a countdown is cancelled after it was announced. V({action}), V({name}) and V({reason}) are replaced.
    type: str
    default: "Maintenance cancelled: no {action} now."
  done_text:
    description:
      - The text to send O(done_delay) seconds after the server is up again. V({action}), V({name}) and V({reason}) are replaced. By default,
        nothing is sent.
    type: str
  done_delay:
    description: The number of seconds between the server being up and O(done_text), so that players have time to come back.
    type: float
    default: 20.0
  wait_timeout:
    description:
      - The maximum number of seconds after the signal until the server is up or down. After that, the task fails with the last known state.
        C(changed) is V(true) if a signal was sent.
    type: float
    default: 600.0
  poll_interval:
    description:
      - The number of seconds between two reads of the state. Reads that could only return a cached status are left out, see
        O(status_cache).
    type: float
    default: 5.0
  running_when:
    description:
      - The state in which the server counts as up.
      - Use V(starting) for a game that never reports V(running) although people play on it.
    type: str
    choices: [running, starting]
    default: running
  kill_after:
    description:
      - Kill a server that is not down this number of seconds after a stop, or still stopping this number of seconds after a restart. By
        default, no server is killed.
      - For a server that is already stopping when the task begins, the seconds count from the first read. Its players are not warned.
      - A killed server loses everything that it did not save.
    type: float
"""

EXAMPLES = r"""
# The token comes from the environment variable SERVERPRISM_API_TOKEN.
- name: Restart a server with the announcements and the save command of its game
  serverprism.cloud.serverprism_maintenance:
    server_id: 1234

- name: Restart a server with announcements and commands of your own
  serverprism.cloud.serverprism_maintenance:
    server_id: 1234
    announcements:
      - before: 5m
        text: "{action} in {remaining}, at {time}."
      - before: 1m
        text: "{action} in {remaining}. Find a safe place."
    commands: [save-all]
"""

RETURN = r"""
server_id:
  description: The ID of the server.
  type: int
  returned: always
  sample: 1234
outcome:
  description:
    - V(done), V(unconfirmed), V(skipped), V(deferred), V(cancelled) or V(failed). In check mode, V(planned) instead of V(done).
    - V(unconfirmed) means that the signal was sent, and there is no evidence that it worked or failed. The task fails.
    - V(deferred) does not fail the task. V(cancelled) fails it, unless a hold has cancelled the countdown.
  type: str
  returned: always
  sample: done
reason:
  description: The reason for the outcome. Null if it needs none.
  type: str
  returned: always
  sample: offline
deadline_missed_by:
  description:
    - The number of seconds after O(deadline) at which the action would begin, if the server is V(deferred) for that. Otherwise null.
  type: int
  returned: always
  sample: null
held_back:
  description:
    - Whether a hold of M(serverprism.cloud.serverprism_hold) or one of the O(exclusions) is the reason that the server was V(deferred) or
      V(cancelled).
  type: bool
  returned: always
  sample: false
earlier:
  description:
    - The outcome of an earlier run under the same O(maintenance_id). V(done), or V(unconfirmed) if the signal may have been sent. Null if
      there was none.
  type: str
  returned: always
  sample: done
name:
  description: The server's name.
  type: str
  returned: always
  sample: My Minecraft
timeline:
  description: The steps of the timeline, with times in UTC. In check mode, the plan.
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
      description: The planned time.
      type: str
      returned: always
      sample: "2026-05-04T03:00:00.000000Z"
    at:
      description: The time of the API's response, or for the signal the time when it was sent. Null if the step was not sent.
      type: str
      returned: always
      sample: "2026-05-04T03:00:00.081000Z"
    outcome:
      description: V(planned), V(sent), V(unknown) (no clear response), V(failed) or V(dropped) (cancelled).
      type: str
      returned: always
      sample: sent
notice_error:
  description:
    - The notice error, the number of seconds by which the action missed the least accurate announcement. A negative number means too little
      notice. Null if there was no announcement or no signal.
  type: float
  returned: always
  sample: 0.21
not_warned:
  description:
    - The reason why the players were not warned before the signal, such as a game that takes no console commands. In check mode, the reason
      why they would not be warned. Null if an announcement was sent, if no signal was sent, or if the server was off or stopping.
  type: str
  returned: always
  sample: null
confirmed:
  description: True if there is evidence of the result. V(false) means that the signal was accepted and nothing else is known.
  type: bool
  returned: always
  sample: true
evidence:
  description:
    - The evidence of the result. V(state) means that the state changed, or already was as requested. V(counters) means that the network
      counters fell, which happens only when a new process starts. V(none) means that there is no evidence.
  type: str
  returned: always
  sample: counters
downtime:
  description:
    - The number of seconds from the signal to the first read that showed the server up again. The real downtime is at most this long. Null
      if the server is not up.
  type: float
  returned: always
  sample: 41.2
before:
  description: The state before the maintenance. Null if unknown.
  type: str
  returned: always
  sample: running
after:
  description: The last state that is certainly newer than the signal. Null if there is none.
  type: str
  returned: always
  sample: running
signal:
  description: The last signal sent. In check mode, the expected signal. Null if none was needed.
  type: str
  returned: always
  sample: restart
api:
  description: The number of requests, counting every attempt, and the seconds spent waiting for the quota and for retries.
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
