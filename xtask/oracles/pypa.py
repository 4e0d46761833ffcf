#!/usr/bin/python3
"""Who is affected, by PyPA's records and PEP 440: DATABASE.tar.gz NAME==VERSION-FILE -> one JSON object a line."""
import json
import sys
import tarfile

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

database, packages = sys.argv[1:]
installed = {}
for line in open(packages, encoding="utf-8"):
    name, _, version = line.strip().partition("==")
    installed.setdefault(canonicalize_name(name), set()).add(version)


def parsed(text):
    try:
        return Version(text)
    except InvalidVersion:
        return None


def is_affected(version, affected):
    own = parsed(version)
    for other in map(str, affected.get("versions", [])):
        if other == version or (own is not None and parsed(other) == own):
            return True
    for span in affected.get("ranges", []):
        if span["type"] != "ECOSYSTEM" or own is None:
            continue
        inside = False
        for event in span["events"]:
            if "introduced" in event and (event["introduced"] == "0" or own >= Version(event["introduced"])):
                inside = True
            elif "fixed" in event and own >= Version(event["fixed"]):
                inside = False
            elif "last_affected" in event and own > Version(event["last_affected"]):
                inside = False
        if inside:
            return True
    return False


loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
archive = tarfile.open(database)
for member in archive:
    if not member.name.endswith(".yaml") or "/vulns/" not in member.name:
        continue
    record = yaml.load(archive.extractfile(member), Loader=loader)
    if record.get("withdrawn"):
        continue
    for affected in record.get("affected", []):
        name = canonicalize_name(affected["package"]["name"])
        for version in installed.get(name, ()):
            if is_affected(version, affected):
                print(json.dumps({"package": name, "version": version, "advisory": record["id"]}))
