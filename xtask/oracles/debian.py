#!/usr/bin/python3
"""Who is affected, by Debian's tracker and dpkg itself: TRACKER.json STATUS CODENAME -> one JSON object a line."""
import json
import re
import subprocess
import sys

tracker, status, codename = sys.argv[1:]
installed = {}
for stanza in open(status, encoding="utf-8").read().split("\n\n"):
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
    if "installed" not in fields.get("Status", "").split():
        continue
    source = fields.get("Source", fields["Package"])
    version = fields["Version"]
    match = re.match(r"(\S+) \((.+)\)", source)
    if match:
        source, version = match.groups()
    else:
        version = re.sub(r"\+b\d+$", "", version)
    installed.setdefault(source, set()).add(version)
# A kernel counts by what runs, and nothing runs in a folder: kernel images are not a matter of package versions alone.
for source, flaws in json.load(open(tracker, encoding="utf-8")).items():
    for version in installed.get(source, ()):
        if source.startswith("linux"):
            continue
        for flaw, entry in flaws.items():
            state = entry["releases"].get(codename)
            if state is None or state["status"] == "undetermined":
                continue
            if state["status"] == "resolved":
                fixed = state["fixed_version"]
                if fixed == "0" or subprocess.run(["dpkg", "--compare-versions", version, "ge", fixed]).returncode == 0:
                    continue
            print(json.dumps({"package": source, "version": version, "advisory": flaw}))
