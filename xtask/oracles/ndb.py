#!/usr/bin/python3
"""What rpm's own form of its database (NDB) holds, each header read by librpm: Packages.db -> NAME, VERSION, "installed"."""
import struct
import sys

import rpm

data = open(sys.argv[1], "rb").read()
slot_pages = struct.unpack_from("<I", data, 12)[0]
for at in range(32, slot_pages * 4096, 16):
    magic, index, block, _ = struct.unpack_from("<4sIII", data, at)
    if magic != b"Slot" or index == 0:
        continue
    blob = block * 16
    _, _, _, length = struct.unpack_from("<4sIII", data, blob)
    header = rpm.hdr(data[blob + 16:blob + 16 + length])
    epoch = f"{header['epoch']}:" if header["epoch"] else ""
    print(header["name"], f"{epoch}{header['version']}-{header['release']}", "installed", sep="\t")
