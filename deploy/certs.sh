#!/bin/bash
# Makes a certificate authority and Elasticsearch's certificate in the folder of $CERTS, once, and a copy of the authority's certificate
# (not its key) in the folder of $CA for those who connect. Runs in Elasticsearch's image, as root.
set -euo pipefail
: "${CERTS:=/usr/share/elasticsearch/config/certs}" "${CA:=/ca}" "${CERTUTIL:=/usr/share/elasticsearch/bin/elasticsearch-certutil}"

# Each step is made beside its place and moved there whole: a run that is cut off leaves nothing that looks finished.
work=$(mktemp -d "$CERTS/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [ ! -f "$CERTS/ca/ca.crt" ]; then
    "$CERTUTIL" ca --silent --pem --days 3650 --out "$work/ca.zip"
    unzip -q "$work/ca.zip" -d "$work"
    rm -rf "$CERTS/ca"
    mv "$work/ca" "$CERTS/ca"
    echo "made a certificate authority"
fi
if [ ! -f "$CERTS/elasticsearch/elasticsearch.crt" ]; then
    "$CERTUTIL" cert --silent --pem --days 1095 --name elasticsearch --dns elasticsearch,localhost --ip 127.0.0.1 \
        --ca-cert "$CERTS/ca/ca.crt" --ca-key "$CERTS/ca/ca.key" --out "$work/node.zip"
    unzip -q "$work/node.zip" -d "$work"
    rm -rf "$CERTS/elasticsearch"
    mv "$work/elasticsearch" "$CERTS/elasticsearch"
    echo "made Elasticsearch's certificate"
fi

# Elasticsearch runs as user 1000 of the group root.
chown -R root:root "$CERTS"
find "$CERTS" -mindepth 1 -type d -exec chmod 750 {} +
find "$CERTS" -type f -exec chmod 640 {} +
chmod 600 "$CERTS/ca/ca.key"
cp "$CERTS/ca/ca.crt" "$CA/ca.crt"
chmod 755 "$CA"
chmod 444 "$CA/ca.crt"
