#!/bin/bash
# Makes the roles and users of Audittrail in Elasticsearch, or brings them up to date: audittrail_setup, who may change policy and templates, and
# audittrail, who may not. Runs in Elasticsearch's image; the superuser's password is used here and nowhere else. docs/elasticsearch.md has
# the privileges one by one.
set -euo pipefail
: "${URL:=https://elasticsearch:9200}" "${CA:=/ca/ca.crt}" "${SECRETS:=/run/secrets}" "${ROLES:=$(dirname "$0")/roles}"

# Passwords reach curl by files, as everybody may read the arguments of a process.
put() {
    curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --cacert "$CA" \
        --config <(printf 'user = "elastic:%s"\n' "$(cat "$SECRETS/elastic_superuser_password")") \
        --request PUT --header 'Content-Type: application/json' --data-binary @- "$URL/$1"
    echo
}

user() { # name, secret
    put "_security/role/$1" < "$ROLES/$1.json"
    put "_security/user/$1" <<JSON
{"password": "$(cat "$SECRETS/$2")", "roles": ["$1"], "full_name": "Audittrail"}
JSON
}

user audittrail_setup elastic_setup_password
user audittrail elastic_password
