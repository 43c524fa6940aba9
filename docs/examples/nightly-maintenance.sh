#!/bin/sh
# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Run tonight's maintenance. If it is called again on the same day, no server gets a second restart.
# More options of ansible-playbook may follow, such as --check --diff.
set -eu
cd "$(dirname "$0")"
zone=Europe/Berlin
today=$(TZ=$zone date +%F)
# A file with one date a line, such as 2026-05-04: on these days nothing is done.
if grep -qsx "$today" skip-dates; then
  echo "No maintenance today: $today is in skip-dates."
  exit 0
fi
# Each call writes its own report.
report=${REPORT_DIR:+$REPORT_DIR/$(TZ=$zone date +%FT%H%M%S)}
# With "exec", a signal to this script reaches Ansible itself, which cancels the countdowns and tells the players.
exec ansible-playbook -i inventory.yml serverprism.cloud.maintenance \
  -e maintenance_id="nightly-$today" \
  -e maintenance_timezone="$zone" \
  -e maintenance_at="${today}T04:00" \
  -e maintenance_deadline="${today}T05:00" \
  -e maintenance_report_dir="'$report'" \
  "$@"
