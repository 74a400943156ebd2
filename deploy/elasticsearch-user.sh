#!/bin/bash
# Makes the role and the user "audittrail" in Elasticsearch, or brings them up to date. Runs in Elasticsearch's image; the superuser's
# password is used here and nowhere else. docs/elasticsearch.md has the privileges one by one, and how to give setup a user of its own.
set -euo pipefail
: "${URL:=https://elasticsearch:9200}" "${CA:=/ca/ca.crt}" "${SECRETS:=/run/secrets}" "${PREFIX:=audittrail}"

# Passwords reach curl by files, as everybody may read the arguments of a process.
put() {
    curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --cacert "$CA" \
        --config <(printf 'user = "elastic:%s"\n' "$(cat "$SECRETS/elastic_superuser_password")") \
        --request PUT --header 'Content-Type: application/json' --data-binary @- "$URL/$1"
    echo
}

put _security/role/audittrail <<JSON
{"cluster": ["monitor", "manage_index_templates", "manage_ilm"],
 "indices": [{"names": ["$PREFIX-*"], "privileges": ["all"]}]}
JSON
put _security/user/audittrail <<JSON
{"password": "$(cat "$SECRETS/elastic_password")", "roles": ["audittrail"], "full_name": "Audittrail"}
JSON
