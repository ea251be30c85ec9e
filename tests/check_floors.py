#!/usr/bin/env python3
"""Reads src/floors.txt and every #include; a module may include only from lower floors, never sideways, and never another
module's sub-folder (those are private). Public headers count as the floor of what they stand for. Exit status 1 names every
violation with file and line."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
floor = {}
for line in (root / "src/floors.txt").read_text().splitlines():
    words = line.split("#")[0].split()
    for module in words[1:]:
        floor[module] = int(words[0])

# The public headers belong to the module that implements them.
public = {"result.h": "base", "env.h": "base", "chat.h": "chat", "expert.h": "route", "route.h": "route", "registry.h": "route", "strategy.h": "route", "moe.h": "moe"}
include = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
findings = []


def module_of(path):
    parts = path.relative_to(root).parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[0] == "apps":
        return "apps"
    if parts[0] == "include":
        return public.get(parts[-1])
    return None


def check(path, number, name, own):
    parts = name.split("/")
    if parts[0] == "switchyard":
        target = public.get(parts[1])
        if target is None:
            return f"public header {parts[1]} has no owner in tests/check_floors.py"
        private = False
    elif parts[0] in floor:
        target = parts[0]
        private = len(parts) > 2 and parts[1] != "testing"
    elif parts[-1] == "builtin.def" or len(parts) == 1:
        return None  # same folder
    else:
        return f"includes \"{name}\": neither a module nor a file beside it"
    if target == own:
        return None
    is_test = path.name.endswith(("_test.cc", "_bench.cc")) or "testing" in path.parts
    if floor[target] >= floor[own]:
        return f"module {own} (floor {floor[own]}) includes {target} (floor {floor[target]})"
    if private and not is_test:
        return f"includes \"{name}\", which is private to module {target}"
    return None


for folder in ("src", "include", "apps"):
    for path in sorted((root / folder).rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        own = module_of(path)
        if own is None:
            findings.append(f"{path.relative_to(root)}: belongs to no module of src/floors.txt")
            continue
        if own not in floor:
            findings.append(f"{path.relative_to(root)}: module {own} is not in src/floors.txt")
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            found = include.match(line)
            problem = found and check(path, number, found.group(1), own)
            if problem:
                findings.append(f"{path.relative_to(root)}:{number}: {problem}")

print("\n".join(findings) if findings else f"floors hold: {len(floor)} modules")
sys.exit(1 if findings else 0)
