#!/bin/sh
# Fetches what GitHub publishes about itself, in fixed versions, for the tests that read it:
# example webhooks, the REST description, the GraphQL schema. 40 MB that are not ours to keep in
# the tree; tests/published/ is ignored by git.
#
#   shared/forge/tests/fetch-published.sh && cargo test -p greenline-forge
set -eu
cd "$(dirname "$0")"
mkdir -p published
cd published

fetch() {
    [ -e "$3" ] && return
    package=$(npm pack --silent "$1@$2")
    tar -xzf "$package" "package/$4"
    mv "package/$4" "$3"
    rm -rf package "$package"
}

fetch @octokit/webhooks-examples 7.6.1 webhooks.json api.github.com/index.json
fetch @octokit/openapi 23.0.2 api.github.com.json generated/api.github.com.json
fetch @octokit/graphql-schema 15.26.1 schema.json schema.json
ls -l
