// Package cluster is the one connection to an Elasticsearch cluster: it signs in, speaks TLS, spreads requests over nodes, repeats
// what is safe to repeat, ends every request in time, and turns what goes wrong into errors of the domain that say why.
//
// It knows no index, no mapping and no event: index/elastic and store/elastic do.
package cluster
