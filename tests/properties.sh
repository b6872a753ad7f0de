#!/bin/bash
# oci-spec/PROPERTIES.md holds every property and every word that oci-spec/*.c reads, and no other: a section names its file
# in its heading, the first column of its tables names them, in backticks, the last part of a dotted one counting.
set -u
cd "$(dirname "$0")/.." || exit 1
doc=oci-spec/PROPERTIES.md
rc=0

# names_in FILE: what it reads: the fields of objects, and the words of tables { "WORD", ... }
names_in()
{
        { grep -oE '(RF_[A-Z_]+|NUMBER)\((struct [a-z_]+, )?"[^"]+"' "$1" | grep -v '^RF_[A-Z_]*(type'
          grep -oE '\{ "[^"]+"' "$1"; } | grep -oE '"[^"]+"' | tr -d '"' | sort -u
}

# names_told FILE
names_told()
{
        awk -v file="$1" '/^## / { is_ours = index($0, "`" file "`") > 0 } is_ours && /^\|/ { split($0, column, "|"); print column[2] }' "$doc" |
                grep -oE '`[^`]+`' | tr -d '`' | sed 's/.*\.//' | sort -u
}

n=0
for file in oci-spec/*.c; do
        names=$(names_in "$file")
        [ -n "$names" ] || continue
        told=$(names_told "$file")
        n=$((n + $(wc -l <<< "$names")))
        missing=$(comm -23 <(echo "$names") <(echo "$told") | tr '\n' ' ')
        extra=$(comm -13 <(echo "$names") <(echo "$told") | tr '\n' ' ')
        [ -z "${missing// }" ] || { echo "$doc does not name what $file reads: $missing"; rc=1; }
        [ -z "${extra// }" ] || { echo "$doc names what $file does not read: $extra"; rc=1; }
done
[ "$n" -gt 200 ] || { echo "only $n properties were found: the patterns no longer fit the code"; rc=1; }
exit $rc
