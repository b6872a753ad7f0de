#!/usr/bin/env python3
"""A second verifier of the audit log, by Python's hashlib alone: audit_check.py KEY FILE..., the oldest file first.
Prints the head and exits with 0 where every record is of the chain."""
import hashlib, json, re, sys

name, first, key = open(sys.argv[1]).read().strip().split(":")
assert name == "runb-audit-key", name
first, key = int(first), bytes.fromhex(key)


def blake(person, data):
    return hashlib.blake2b(data, digest_size=32, key=key, person=person).digest()


sequence, head, n_macs = None, None, 0
for path in sys.argv[2:]:
    with open(path, "rb") as f:
        for number, line in enumerate(f, 1):
            where = "%s:%d" % (path, number)
            assert line.endswith(b"\n"), where
            line = line[:-1]
            record = json.loads(line)
            if sequence is not None:
                assert record["seq"] == sequence + 1 and record["prev"] == head, where
            sequence = record["seq"]
            head = hashlib.sha256(line).hexdigest()
            if sequence >= first:
                covered, mac = re.fullmatch(rb'(.*),"mac":"([0-9a-f]{64})"}', line).groups()
                assert blake(b"runb audit mac", covered).hex() == mac.decode(), where
                key = blake(b"runb audit key", b"")
                n_macs += 1
            else:
                assert "mac" not in record, where
print("%d:%s %d MACs" % (sequence, head, n_macs))
