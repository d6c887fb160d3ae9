#!/bin/sh
# The recorded job: compile the time zone database, report on every zone, pack, verify, back up, clean up.
# Runs in an empty folder; $1 is tzdata.zi. One step at a time (no pipes), so that the order of file operations is total.
# shellcheck disable=SC2013,SC2046 # no file name here holds a blank
set -eu
export LC_ALL=C TZDIR="$PWD/zoneinfo"

pack() {
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX "$@"
}

dd if="$1" of=tzdata.zi bs=256k status=none
zic -b fat -d zoneinfo tzdata.zi
awk '$1 == "Z" { print $2 }' tzdata.zi >zones.unsorted
sort zones.unsorted >zones
rm zones.unsorted

# A report per zone, published by rename, with a line in the journal.
mkdir region
(cd zoneinfo && find . -type d -exec mkdir -p ../report/{} \;)
for zone in $(cat zones); do
    [ -e "report/$zone" ] && continue
    zdump -i -c 1800,2100 "$zone" >"report/$zone.new"
    [ -s "report/$zone.new" ] || exit 1
    mv "report/$zone.new" "report/$zone"
    printf 'published %s\n' "$zone" >>journal
done

# Digests of the compiled zones, line and word counts of the reports.
find zoneinfo -type f >files
cksum $(sort files) >sums
find report -type f >files
wc $(sort files) >counts
rm files

# An archive per region (records of 64 KiB), one of everything (records of 1 MiB), a copy, and the proof that both are good.
for dir in report/*/; do
    region=${dir#report/} region=${region%/}
    pack -b 128 -cf "region/$region.tar" "zoneinfo/$region" "report/$region"
    printf 'packed %s\n' "$region" >>journal
done
split -b 40000 region/America.tar region/America.part.
cksum region/* >>sums
rm region/America.part.*
pack -b 2048 -cf release.tar zones sums counts region
tar -b 2048 -tf release.tar >listing
dd if=release.tar of=backup.tar bs=1M status=none
cksum release.tar backup.tar >>sums
wc zones sums journal listing tzdata.zi >>counts

# Try a restore, then clean up.
rm -r report region
tar -b 2048 -xf backup.tar region/Pacific.tar
tar -b 128 -xf region/Pacific.tar report/Pacific
rm -r report/Pacific backup.tar
printf 'released\n' >>journal
