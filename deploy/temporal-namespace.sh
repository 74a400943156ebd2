#!/bin/sh
# Makes the namespace that Audittrail's workflows run in. Repeating it changes nothing.
set -eu
if temporal operator namespace describe --namespace "$NAMESPACE" > /dev/null 2>&1; then
    echo "the namespace $NAMESPACE is there"
else
    # Retention is how long histories of workflows that have ended can be looked at; what runs is kept however old it is.
    temporal operator namespace create --namespace "$NAMESPACE" --retention 7d
fi
