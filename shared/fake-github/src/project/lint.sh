#!/bin/sh
# Has git look for blanks at the ends of lines.
status=0
for file in *.sh; do
    # Both are bits of the exit code: 1 that the files differ, which they do, and 2 a complaint.
    git diff --no-index --check /dev/null "$file"
    [ $? -lt 2 ] || status=1
done
exit $status
