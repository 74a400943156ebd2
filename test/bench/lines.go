package main

// lines is the speed table, in the order of docs/performance.md.
func lines() []line {
	return []line{
		{"bulk rate", bulkRate},
		{"http rate", httpRate},
		{"group commit", groupCommit},
		{"newest page", newestPages},
		{"full-text page", textPages},
		{"summary", summaries},
		{"export rate", exportRate},
		{"export memory", exportMemory},
		{"disk", diskSize},
	}
}
