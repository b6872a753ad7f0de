#!/usr/bin/env python3
"""The policy file's parser and its published schema accept and refuse the same documents: the corpus, and every value of
it replaced, every member left out, renamed and added to, one at a time."""
import copy, glob, json, os, subprocess, sys

try:
    import jsonschema
except ImportError:
    print("SKIP parser and schema agree: python3-jsonschema is not installed")
    sys.exit(77)

src = os.environ.get("srcdir") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
tool = os.path.join(os.environ.get("builddir") or os.path.join(src, "build"), "tests/tools/policy-check")
with open(os.path.join(src, "policies/runb-policy.schema.json")) as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
judge = jsonschema.Draft202012Validator(schema)

# What the schema says it does not check.
BEYOND = ("there is no profile \"", "has bits behind its prefix", " runs backwards")
BEYOND_AT_END = "'s, too"

SCALARS = [None, True, False, 0, 1, 2, -1, 65535, 65536, 10001, 1 << 24, (1 << 32), (1 << 53) + 1, 1.5, "", "x", "untrusted",
           "refuse", "warn", "deny", "build", "engine", "/", "/x", "/x/", "x/y", "/x/..", "/./x", "//x", "/a/**", "/a**", "/**/b",
           "/**", "/a*b", "/a\tb", "80-90", "90-80", "0-1", "1-65536", "80-", "tcp", "udp", "sctp", "30m", "030m", "0m", "1000000m", "4G", "4g", "4GB", "0.0", "1.25", "1.2345", "9999.999",
           "10.0.0.0/8", "10.0.0.0/33", "10.0.0.256/8", "10.0.0.0/08", "01.0.0.0/8", "::/0", "::1/128", "::1/129", "1::2::3/8",
           "1:2:3:4:5:6:7:8/64", "1:2:3:4:5:6:7::/64", "::2:3:4:5:6:7:8/64", "1:2:3:4:5:6:7/64", "1:2:3:4:5:6:7:8:9/64",
           "12345::/8", "::ffff:1.2.3.4/128", "10.0.0.1:3128", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:03", "[::1]:80", "::1:80",
           "[10.0.0.1]:80", "example.org", "1.2.3.4", "a.1", "a.b1", "-a.b", "a-.b", "a..b", "a.", "a_b.c", "A" * 63 + ".b",
           "a" * 64 + ".b", "2027-01-31", "2027-02-29", "2028-02-29", "2100-02-29", "2400-02-29", "2027-04-31", "2027-13-01",
           "2027-00-10", "2027-01-00", "1999-01-01", "10000-01-01", "2027-1-31", "mount:/x", "mount:x", "mount:/", "device:/dev/x",
           "hook:/a/../b", "ids:1000-2999", "ids:0-5", "ids:1-4294967294", "ids:1-4294967295", "ids:01-5", "ids:1-", "ids:-5",
           "noNewPrivileges", "mount.namespace", "capabilities.ambient", "capabilities.inheritable", "rootfs.propagation",
           "hooks.createContainer", "seccomp", "network.host", "pid.host", "ipc.host", "uts.host", "user.host", "CAP_CHOWN", "CAP_BPF", "cap_chown", "CAP_NOTHING", "c", "b", "*_TOKEN", "A B",
           "journald", "unix:", "unix:/", "unix:/x", "unix:x", "unix:/" + "a" * 106, "unix:/" + "a" * 107, "a" * 255, "a" * 256,
           ["journald", "journald"], ["unix:/x", "unix:/y"], ["unix:/x", "journald"], ["unix:/x", "unix:/x"],
           "a" * 63, "a" * 64, "a" * 65, "-a", "Aa", "_a", "9a", "a+b"]
SCALARS += [[], {}, [[]], [{}], [None], ["x"], [1], {"x": 1}]


def places(node, way=()):
    yield way
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, way + (key,))


def at(node, way):
    for key in way:
        node = node[key]
    return node


def mutations(document):
    yield document
    for way in places(document):
        if way:
            for value in SCALARS:
                changed = copy.deepcopy(document)
                at(changed, way[:-1])[way[-1]] = value
                yield changed
            changed = copy.deepcopy(document)
            del at(changed, way[:-1])[way[-1]]
            yield changed
        node = at(document, way)
        if isinstance(node, dict):
            for key in ("x", "", "X y", "untrusted", "branch", "$ref", "version"):
                for value in (1, "untrusted", {}, []):
                    changed = copy.deepcopy(document)
                    if key not in at(changed, way):
                        at(changed, way)[key] = value
                        yield changed
            for key in node:
                for renamed in (key.upper(), key + "s", key[:-1]):
                    changed = copy.deepcopy(document)
                    inside = at(changed, way)
                    if renamed not in inside:
                        inside[renamed] = inside.pop(key)
                        yield changed
        if isinstance(node, list) and node:
            changed = copy.deepcopy(document)
            at(changed, way).append(copy.deepcopy(node[0]))
            yield changed


documents = []
for path in sorted(glob.glob(os.path.join(src, "tests/data/policy/*.json"))):
    with open(path) as f:
        documents += mutations(json.load(f))
lines = [json.dumps(d) for d in documents]
answers = subprocess.run([tool], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
assert len(answers) == len(lines), (len(answers), len(lines))
n = {True: 0, False: 0}
wrong = []
for document, line, answer in zip(documents, lines, answers):
    is_valid = judge.is_valid(document)
    if is_valid and (answer.endswith(BEYOND_AT_END) or any(text in answer for text in BEYOND)):
        continue
    n[is_valid] += 1
    if is_valid != (answer == "ok"):
        error = None if is_valid else jsonschema.exceptions.best_match(judge.iter_errors(document))
        wrong.append((answer, error and ("%s: %s" % (error.json_path, error.message[:200]))))
sentence = "the parser and the schema of the policy file accept and refuse the same documents"
if wrong or n[True] < 200 or n[False] < 2000:
    print("FAIL", sentence)
    print("#", n, len(wrong), "differ")
    for answer, error in wrong[:40]:
        print("# parser: %s; schema: %s" % (answer, error))
    sys.exit(1)
print("PASS", sentence)
print("# %d accepted, %d refused" % (n[True], n[False]))
