#!/bin/bash
# plain test
# The published schema of the policy file, by tests/cli/policy_schema.py.
: "${builddir:?is the folder of the build, with tests/tools/policy-check}"
exec python3 "$(dirname "$0")/policy_schema.py"
