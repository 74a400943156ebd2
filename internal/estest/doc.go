// Package estest gives tests a real Elasticsearch, and faults to put in front of it. Only tests import it.
//
// With AUDITTRAIL_TEST_ELASTICSEARCH set, the tests use the cluster it names: any Elasticsearch 8, with user and password in the URL if it
// needs them, several nodes separated by commas. Otherwise scripts/elasticsearch starts one that all packages of a `go test ./...` share
// and that ends by itself some time after the last of them. Where it was never fetched, tests skip; with CI set they fail.
package estest
