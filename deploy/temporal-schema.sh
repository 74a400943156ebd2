#!/bin/sh
# Makes Temporal's databases, or brings their schema up to the version of the image it runs in (temporalio/admin-tools). Repeating it
# changes nothing.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal_database_password)
export SQL_PASSWORD
for database in temporal temporal_visibility; do
    schema=${database#temporal_}
    temporal-sql-tool --db "$database" create
    temporal-sql-tool --db "$database" setup-schema -v 0.0
    temporal-sql-tool --db "$database" update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
