#!/bin/sh
# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Tonight's maintenance. However often it is called on one day, no server gets a second restart.
# More options of ansible-playbook may follow, such as --check --diff.
set -eu
cd "$(dirname "$0")"
zone=Europe/Berlin
today=$(TZ=$zone date +%F)
# Each call has a report of its own, which is of that call alone.
report=${REPORT_DIR:+$REPORT_DIR/$(TZ=$zone date +%FT%H%M%S)}
# "exec": a signal to this script then reaches Ansible itself, which cancels countdowns and tells the players.
exec ansible-playbook -i inventory.yml serverprism.cloud.maintenance \
  -e maintenance_id="nightly-$today" \
  -e maintenance_timezone="$zone" \
  -e maintenance_deadline="${today}T04:00" \
  -e maintenance_report_dir="'$report'" \
  "$@"
