package ingest

// engineElastic is the name of the one engine that takes other options than the defaults; see index.Index.Name.
const engineElastic = "elastic"

// elasticCommit is how many events one commit to Elasticsearch holds at most. A node that has just started
// or has much else to do takes seconds for 5,000, and a commit that does not end within its deadline is sent again by every producer in it.
const elasticCommit = 2000

// OptionsFor returns the options that suit an engine. SQLite has one writer and gains by the largest commits; Elasticsearch works on one bulk while
// the next is made and sent.
func OptionsFor(engine string) Options {
	if engine == engineElastic {
		return Options{InFlight: 2, MaxCommit: elasticCommit}
	}
	return Options{}
}
