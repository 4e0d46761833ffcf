#!/usr/bin/python3
"""Who is affected, by the Go database and semver precedence: VULNDB.zip NAME==VERSION-FILE -> one JSON object a line."""
import json
import re
import sys
import zipfile

database, packages = sys.argv[1:]
installed = {}
for line in open(packages, encoding="utf-8"):
    name, _, version = line.strip().partition("==")
    installed.setdefault(name, set()).add(version)


def key(text):
    match = re.fullmatch(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?", text)
    numbers = tuple(int(part or 0) for part in match.group(1, 2, 3))
    if match.group(4) is None:
        return (numbers, 1, ())
    parts = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in match.group(4).split("."))
    return (numbers, 0, parts)


archive = zipfile.ZipFile(database)
for name in archive.namelist():
    if not name.startswith("ID/GO-"):
        continue
    record = json.loads(archive.read(name))
    if record.get("withdrawn"):
        continue
    hits = set()
    for affected in record.get("affected", []):
        module = affected["package"]["name"]
        for version in installed.get(module, ()):
            for span in affected.get("ranges", []):
                inside = False
                for event in span["events"]:
                    if "introduced" in event:
                        inside |= event["introduced"] == "0" or key(version) >= key(event["introduced"])
                    elif "fixed" in event and key(version) >= key(event["fixed"]):
                        inside = False
                if inside:
                    hits.add((module, version))
    for module, version in sorted(hits):
        print(json.dumps({"package": module, "version": version, "advisory": record["id"]}))
