#!/usr/bin/python3
"""Who is affected, by debsecan on the tracker's statements: TRACKER.json STATUS CODENAME -> one JSON object a line.

The tracker's statements are written in the form that debsecan takes from Debian's server; debsecan judges them."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

tracker, status, codename = sys.argv[1:]
if not shutil.which("debsecan"):
    sys.exit("ModuleNotFoundError: debsecan is not installed")
sources = {}
for stanza in open(status, encoding="utf-8").read().split("\n\n"):
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
    if "Package" in fields:
        source, version = fields.get("Source", fields["Package"]), fields["Version"]
        match = re.match(r"(\S+) \((.+)\)", source)
        sources[fields["Package"]] = match.groups() if match else (source, re.sub(r"\+b\d+$", "", version))
rows = []
for source, flaws in json.load(open(tracker, encoding="utf-8")).items():
    for flaw, entry in flaws.items():
        state = entry["releases"].get(codename)
        # A kernel counts by what runs, and nothing runs in a folder.
        if state is None or state["status"] == "undetermined" or source.startswith("linux"):
            continue
        fixed = state["fixed_version"] if state["status"] == "resolved" else ""
        if fixed != "0":
            rows.append((source, flaw, fixed))
names = sorted({flaw for _, flaw, _ in rows})
numbers = {name: number for number, name in enumerate(names)}
lines = ["VERSION 1"] + [f"{name},,{name}" for name in names] + [""]
lines += [f"{source},{numbers[flaw]},S  {'F' if fixed else ' '},{fixed}," for source, flaw, fixed in sorted(rows)] + [""]
lines += [f"{source},{source}" for source in sorted({source for source, _, _ in rows})] + [""]
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, codename), "wb") as file:
        file.write(zlib.compress("\n".join(lines).encode() + b"\n"))
    words = ["debsecan", "--suite", codename, "--source", f"file://{folder}", "--status", status, "--format", "summary"]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
for line in told.splitlines():
    flaw, package = line.split()[:2]
    source, version = sources[package]
    print(json.dumps({"package": source, "version": version, "advisory": flaw}))
