#!/bin/sh
# Turns the title that it is given into a slug.
title=$1
slug=$(printf '%s' "$title" | tr 'A-Z' 'a-z' | tr -c 'a-z0-9' '-' | tr -s '-')
slug=${slug#-}
slug=${slug%-}
# Print it.
printf '%s\n' "$slug"
