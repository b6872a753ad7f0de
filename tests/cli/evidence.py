#!/usr/bin/env python3
"""evidence.py statement FILE | envelope FILE PUBLIC-KEY KEYID: an independent look at what runb evidence wrote.

Checks the shape that in-toto's attestation framework (Statement v1, runtime-trace v0.1) and DSSE ask for, and the signature by
python3-cryptography, over a PAE of its own making. Prints the statement.
"""
import base64
import json
import re
import sys


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"doubled: {keys}"
    return dict(pairs)


def load(text):
    return json.loads(text, object_pairs_hook=no_duplicates)


def check_descriptor(descriptor):
    assert isinstance(descriptor["name"], str) and descriptor["name"]
    assert re.fullmatch("[0-9a-f]{64}", descriptor["digest"]["sha256"]), descriptor


def check_statement(statement):
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/runtime-trace/v0.1"
    assert isinstance(statement["subject"], list) and statement["subject"]
    for subject in statement["subject"]:
        check_descriptor(subject)
    predicate = statement["predicate"]
    uri = re.compile(r"[a-z][a-z0-9+.-]*:\S+")
    assert uri.fullmatch(predicate["monitor"]["type"])
    assert isinstance(predicate["monitor"]["tracePolicy"], dict)
    if "configSource" in predicate["monitor"]:
        check_descriptor(predicate["monitor"]["configSource"])
    for member in ("hostID", "type"):
        assert uri.fullmatch(predicate["monitoredProcess"][member])
    assert isinstance(predicate["monitoredProcess"]["event"], str)
    log = predicate["monitorLog"]
    assert set(log) & {"process", "network", "fileAccess"}
    for entry in log.get("process", []):
        wanted = {"start": {"uid", "gid", "argCount", "argDigest"}, "exec": {"time", "uid", "gid", "argCount", "argDigest"},
                  "running": {"name", "pid", "seccompFilters", "noNewPrivs"}}[entry["eventType"]]
        assert set(entry) - {"eventType", "exitStatus"} == wanted, entry
    for entry in log.get("network", []):
        assert isinstance(entry["ip"], str) and entry["verdict"] in ("refused", "passed")
        assert 1 <= entry.get("port", 1) <= 65535
    complete = predicate["completeness"]
    assert complete["subject"] in ("outputs", "image", "configuration")
    for member in ("execs", "process", "network", "fileAccess", "verdict", "mounts", "findings", "ended"):
        assert isinstance(complete[member], bool), member
    # Whole, or says what is left out.
    assert not (complete["network"] and "networkRest" in log)
    for member, count in complete["more"].items():
        assert isinstance(count, int) and count > 0 and not complete.get(member), member
    if complete["verdict"]:
        assert isinstance(predicate["report"]["checks"], list)
    for member, value in predicate["metadata"].items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value), member


def check_envelope(envelope, key_file, keyid):
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    assert set(envelope) == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"], validate=True)
    kind = envelope["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    [signature] = envelope["signatures"]
    assert signature["keyid"] == keyid, signature["keyid"]
    with open(key_file, "rb") as file:
        load_pem_public_key(file.read()).verify(base64.b64decode(signature["sig"], validate=True), pae)
    return payload, pae, base64.b64decode(signature["sig"])


with open(sys.argv[2], encoding="utf-8") as file:
    document = load(file.read())
if sys.argv[1] == "envelope":
    payload, pae, signature = check_envelope(document, sys.argv[3], sys.argv[4])
    with open(sys.argv[2] + ".pae", "wb") as out:
        out.write(pae)
    with open(sys.argv[2] + ".sig", "wb") as out:
        out.write(signature)
    document = load(payload.decode())
check_statement(document)
json.dump(document, sys.stdout)
