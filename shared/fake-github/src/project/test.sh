#!/bin/sh
# Tests slug.sh, and speaks TAP.
count=0
failed=0

check() {
    name=$1 expected=$2 actual=$3
    count=$((count + 1))
    if [ "$expected" = "$actual" ]; then
        echo "ok $count - $name"
    else
        failed=$((failed + 1))
        echo "not ok $count - $name"
        echo "  ---"
        echo "  expected: '$expected'"
        echo "  actual: '$actual'"
        echo "  at: test.sh"
        echo "  ..."
    fi
}

echo "TAP version 13"
check "a title becomes lower case" "hello" "$(sh ./slug.sh Hello)"
check "words are joined by one dash" "hello-world" "$(sh ./slug.sh 'Hello,  World')"
check "dots go" "version-1-2" "$(sh ./slug.sh 'Version 1.2')"
check "dashes at the ends go" "done" "$(sh ./slug.sh '*Done*')"
# Stands for a test that depends on the clock: it passes nearly always.
check "a slug is made within its time" "1" "${SLUG_LUCK:-1}"
echo "1..$count"
if [ "$failed" -gt 0 ]; then
    echo "# failed $failed of $count tests"
    exit 1
fi
