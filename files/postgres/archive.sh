#!/bin/sh
# PostgreSQL's archive_command, inside its container, with nothing but what the stock image has:
#     archive.sh PATH NAME MOST_MIB SPARE_MIB
#   PATH       the segment, from the data directory; NAME is its file's name
#   MOST_MIB   what may wait in the folder for this host's own program, and as much again in pg_wal
#   SPARE_MIB  below this much free disk nothing waits anywhere
# A segment is packed aside, on the disk, renamed; the same one twice is well, another one of the same name is an error.
# Packed here and not by this host's program: a load waits for its disk, which would get every segment as it is, synced,
# before it gets it packed. An image without zstd copies, and that program packs.
# PostgreSQL keeps what it could not archive, until its disk is full and it goes down. So there is an end to that: the
# oldest is given up then, and said to be archived. The agent (aipbx_agent/pitr/daemon.py) sees the gap, reports it, and
# makes a new base backup.
set -u
path=$1 name=$2 most=$((${3} / 16)) spare=$4
spool=${AIPBX_SPOOL:-/var/lib/aipbx/wal}

free() { df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'; }
room() { [ "$(free "$1")" -ge "$spare" ]; }
waiting() { find "$1" -maxdepth 1 -type f -name "$2" | grep -c .; }

packs() { command -v zstd >/dev/null; }
pack() { if packs; then zstd --quiet --force --fast=3 --single-thread -o "$2" "$1"; else cp -p "$1" "$2"; fi; }
# With --force, what is not packed comes out as it is.
same() { if packs; then zstd -dcq --force "$2" | cmp -s - "$1"; else cmp -s "$1" "$2"; fi; }

keep() {
	if [ -e "$spool/$name" ]; then
		same "$path" "$spool/$name" && return
		echo "aipbx: $spool has another $name." >&2
		return 1
	fi
	[ "$(waiting "$spool" '[0-9A-F]*')" -lt "$most" ] || { echo "aipbx: nothing takes what is in $spool." >&2; return 1; }
	room "$spool" || { echo "aipbx: the disk of $spool is about to be full." >&2; return 1; }
	pack "$path" "$spool/.part-$name" && sync "$spool/.part-$name" &&
		mv "$spool/.part-$name" "$spool/$name" && sync "$spool"
}

keep && exit 0
if ! room . || [ "$(waiting pg_wal/archive_status '*.ready')" -gt "$most" ]; then
	echo "aipbx: $name IS GIVEN UP, so that the database continues: no moment in it can be restored." >&2
	exit 0
fi
exit 1
