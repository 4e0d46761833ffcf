#!/usr/bin/python3
"""Who is affected, by AlmaLinux's OSV records and librpm: DATABASE.tar.gz RPM-QA.tsv RELEASE -> one JSON object a line."""
import csv
import json
import sys
import tarfile

import rpm

database, packages, release = sys.argv[1:]


def evr(text):
    epoch, _, rest = text.rpartition(":")
    version, _, release = rest.partition("-")
    return (epoch or "0", version, release)


installed = {}
for name, epoch, version, build, *_ in csv.reader(open(packages, encoding="utf-8"), delimiter="\t"):
    if ":" in version:
        epoch, version = version.split(":", 1)
    installed.setdefault(name, set()).add(("0" if epoch == "(none)" else epoch, version, build))
seen = set()
archive = tarfile.open(database)
for member in archive:
    if not member.name.endswith(".json"):
        continue
    record = json.load(archive.extractfile(member))
    if not isinstance(record, dict) or "affected" not in record or record.get("withdrawn"):
        continue
    for affected in record["affected"]:
        package = affected["package"]
        if package["ecosystem"] != "AlmaLinux:" + release:
            continue
        for version in installed.get(package["name"], ()):
            for span in affected.get("ranges", []):
                fixed = [event["fixed"] for event in span["events"] if "fixed" in event]
                # A module's build is not the distribution's plain package, and the other way round.
                if ".module" in fixed[0] and ".module" not in version[2]:
                    continue
                if rpm.labelCompare(version, evr(fixed[0])) < 0:
                    epoch = "" if version[0] == "0" else version[0] + ":"
                    seen.add((package["name"], epoch + "-".join(version[1:]), record["id"]))
for name, version, advisory in sorted(seen):
    print(json.dumps({"package": name, "version": version, "advisory": advisory}))
