#!/usr/bin/python3
"""rules.py [--list] SOURCE-FOLDER: which rules the code has, by what they do, and whether each has its two tests and a place in
the threat model.

A rule's name is an argument of the functions that object (policies/judge.h, findings.h, error.h), or of a function that hands
its own parameter on to one of those. What cannot be made out is an error, so that none is overlooked."""
import glob
import os
import re
import sys

# function: (number of the argument that names the rule, what it does)
OBJECTORS = {
    "judge_tighten": (1, "TIGHTENED"), "judge_record": (1, "RECORDED"), "judge_refuse": (1, "REFUSED"),
    "judge_excepts": (1, "ALLOWED"), "judge_excepts_ids": (1, "ALLOWED"), "error_refuse": (1, "REFUSED"),
    "findings_add": (3, None),
}
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
CALL = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(")
DEFINITION = re.compile(r"^(static )?(?:const )?[a-z_]+(?: [a-z_]+)* \**([a-z_][a-z0-9_]*)\(([^;{}]*)\)\s*\n\{", re.M)


def arguments(text, start):
    """Those of the call whose parenthesis opens just before start."""
    found, depth, at, begin = [], 1, start, start
    while depth:
        if text[at] == '"':
            at = LITERAL.match(text, at).end()
            continue
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
        elif text[at] == "," and depth == 1:
            found.append(text[begin:at].strip())
            begin = at + 1
        at += 1
    found.append(text[begin:at - 1].strip())
    return found


def functions(text):
    """(name, is static, parameters, body) of each."""
    starts = list(DEFINITION.finditer(text))
    for match, following in zip(starts, starts[1:] + [None]):
        names = [re.findall(r"[a-z_][a-z0-9_]*", part)[-1] if re.search(r"[a-z]", part) else ""
                 for part in match.group(3).split(",")]
        yield match.group(2), bool(match.group(1)), names, text[match.end():following.start() if following else len(text)]


def literals(expression, body, text, returns):
    """The names that an argument can be: itself, what a function returns, a variable of the function's own, a table's column."""
    words = LITERAL.findall(expression)
    call = CALL.match(expression)
    if words:
        return words, False
    if call:
        return returns.get(call.group(1), []), True
    table = re.match(r"([a-z_]+)\[[a-z]+\]\.[a-z_]+$", expression)
    if table:
        rows = re.search(r"\b%s\[\] = \{(.*?)\n\};" % table.group(1), text, re.S)
        return re.findall(r'\{ "([^"]+)"', rows.group(1)) if rows else [], False
    return LITERAL.findall(" ".join(re.findall(r"\b%s = ([^,;]*)[,;]" % re.escape(expression), body))), False


def read_rules(folder):
    """{(rule, action): file}, and what could not be made out. Action "" where a rule's name is not one of one call."""
    sources = {}
    for pattern in ("policies/*.c", "runtime/*.c", "runtime/cli/*.c", "hooks/*.c"):
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            with open(path, encoding="utf-8") as file:
                sources[path] = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), file.read(), flags=re.S)
    bodies = [(path, *one) for path, text in sources.items() for one in functions(text)]
    returns = {name: LITERAL.findall(" ".join(re.findall(r"return ([^;]*);", body))) for _, name, _, _, body in bodies}
    objectors = {(None, name): {what} for name, what in OBJECTORS.items()}
    rules, unknown, done = {}, [], set()
    while True:
        n_before = sum(len(each) for each in objectors.values())
        for path, name, is_static, parameters, body in bodies:
            if name in OBJECTORS:
                continue
            for match in CALL.finditer(body):
                called = match.group(1)
                for number, action in sorted(objectors.get((path, called), objectors.get((None, called), ())), key=str):
                    key = (path, name, match.start(), number, action)
                    if key in done:
                        continue
                    done.add(key)
                    given = arguments(body, match.end())
                    expression = given[number] if number < len(given) else ""
                    if called == "findings_add" and given[1].startswith("FINDING_"):
                        action = given[1].replace("FINDING_", "")
                    if expression == "NULL":
                        continue
                    if expression in parameters:
                        objectors.setdefault((path if is_static else None, name), set()).add((parameters.index(expression), action))
                        continue
                    words, is_returned = literals(expression, body, sources[path], returns)
                    if not words or action is None:
                        unknown.append("%s: %s(): %s of %s()" % (os.path.relpath(path, folder), name, expression, called))
                    for word in words:
                        rules.setdefault((word, "" if is_returned else action), os.path.relpath(path, folder))
        if sum(len(each) for each in objectors.values()) == n_before:
            return rules, unknown


def read_table(folder):
    """The rows of tests/unit/policies/rules.c."""
    with open(os.path.join(folder, "tests/unit/policies/rules.c"), encoding="utf-8") as file:
        return set(re.findall(r'\{ "([^"]+)", FINDING_([A-Z]+), ', file.read()))


def read_elsewhere(folder, complaints):
    """Those of tests/rules.txt: RULE ACTION, then a line each for the test in which it acts and the one within policy."""
    found, rule = set(), None
    with open(os.path.join(folder, "tests/rules.txt"), encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("#") or not line:
                continue
            if not line.startswith(" "):
                rule = tuple(line.split())
                found.add(rule)
                continue
            word, path, sentence = line.split(None, 2)
            with open(os.path.join(folder, path), encoding="utf-8") as test:
                if sentence not in test.read():
                    complaints.append("tests/rules.txt: %s %s %s: no such test in %s: %s" % (*rule, word, path, sentence))
            if word not in ("acts:", "within:"):
                complaints.append("tests/rules.txt: %s: neither acts: nor within:" % line)
    return found


def main():
    folder = sys.argv[-1]
    rules, complaints = read_rules(folder)
    complaints = ["a rule whose name cannot be made out: " + each for each in complaints]
    if "--list" in sys.argv:
        for (rule, action), path in sorted(rules.items()):
            print(rule, action or "*", path)
    tested = read_table(folder) | read_elsewhere(folder, complaints)
    names = {rule for rule, _ in tested}
    for (rule, action), path in sorted(rules.items()):
        if (rule, action) not in tested and not (action == "" and (rule in names or rule == "namespaces")):
            complaints.append("%s: %s (%s) has no row in tests/unit/policies/rules.c or tests/rules.txt" % (path, rule, action or "any"))
    known = set(rules) | {(rule, "") for rule, _ in rules}
    for rule, action in sorted(tested):
        if (rule, action) not in known and (rule, "") not in rules:
            complaints.append("%s (%s) is tested, and the code has no such rule" % (rule, action))
    with open(os.path.join(folder, "contrib/threat-model.md"), encoding="utf-8") as file:
        model = file.read()
    told = set(re.findall(r"`([A-Za-z.*]+)`", model))
    for rule in sorted({rule for rule, _ in rules}):
        if rule not in told and rule.split(".")[0] + ".*" not in told:
            complaints.append("contrib/threat-model.md does not say what %s is for" % rule)
    for path in sorted(set(re.findall(r"`(tests/[A-Za-z0-9_/.]+)`", model))):
        if not os.path.exists(os.path.join(folder, path)):
            complaints.append("contrib/threat-model.md names %s, which is not there" % path)
    # The extraction itself: should it find too little, nothing would be missed.
    if len(rules) < 80:
        complaints.append("only %d rules were found: the patterns no longer fit the code" % len(rules))
    for line in complaints:
        print(line)
    return 1 if complaints else 0


sys.exit(main())
