#!/usr/bin/env python3
"""Writes blocks of 4 KiB that tell their place and compress well.

pattern.py DEVICE SEED [FIRST-LAST ...]   block numbers; below zero from the end
"""
import os
import struct
import sys

fd = os.open(sys.argv[1], os.O_RDWR)
total = os.lseek(fd, 0, os.SEEK_END) // 4096
for span in sys.argv[3:] or ["0-%d" % (total - 1)]:
    first, last = (int(n) for n in span.rsplit("-", 1)) if not span.startswith("-") else (int(span), -1)
    first, last = (n + total if n < 0 else n for n in (first, last))
    for i in range(max(first, 0), min(last, total - 1) + 1):
        os.pwrite(fd, struct.pack("<Q", int(sys.argv[2]) << 40 | i + 1) * 512, i * 4096)
os.fsync(fd)
os.close(fd)
