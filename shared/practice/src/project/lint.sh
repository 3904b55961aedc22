#!/bin/sh
# Looks for spaces at the ends of lines.
status=0
for file in *.sh; do
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        case $line in
        *" ")
            echo "$file:$number:${#line}: error: trailing whitespace"
            status=1
            ;;
        esac
    done <"$file"
done
exit $status
