package main

// tables are the speed tables of the engines, in the order of docs/performance.md.
func tables() map[string][]line {
	return map[string][]line{
		engineSQLite: {
			{"bulk rate", bulkRate},
			{"http rate", httpRate},
			{"group commit", groupCommit},
			{"newest page", newestPages(10)},
			{"full-text page", textPages},
			{"summary", summaries},
			{"console", consolePages},
			{"export rate", exportRate},
			{"export memory", exportMemory},
			{"disk", diskSize},
		},
		engineElastic: {
			{"http rate", elasticHTTPRate},
			{"group commit", elasticGroupCommit},
			{"newest page", newestPages(30)},
			{"export", elasticExport},
			{"disk", elasticDisk},
			{"other reads", elasticReads},
		},
	}
}
