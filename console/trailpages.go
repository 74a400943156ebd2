package console

import (
	"github.com/audittrail/audittrail/audit"
)

// trailPage is one of the three lists of the Audit Trail.
type trailPage struct {
	log  audit.Log
	path string
	Name string
	// Who is what the actors of the log are called; When what its time is called.
	Who, When string
}

var trailPages = []trailPage{
	{audit.LogLogin, "/login-history", "Login History", "Member", "Login Time"},
	{audit.LogOperation, "/operation-logs", "Operation Logs", "Operator", "Time"},
	{audit.LogProduct, "/product-logs", "Product Logs", "Operator", "Time"},
}

// trailTab is a tab above the lists.
type trailTab struct {
	Path, Name string
	Current    bool
}

// tabs are the lists that the member sees.
func (p trailPage) tabs(by audit.Principal) []trailTab {
	var tabs []trailTab
	for _, other := range trailPages {
		if by.SeesLog(other.log) {
			tabs = append(tabs, trailTab{Path: other.path, Name: other.Name, Current: other.path == p.path})
		}
	}
	return tabs
}

// pageOfLog returns the list that shows events of the log.
func pageOfLog(log audit.Log) trailPage {
	for _, p := range trailPages {
		if p.log == log {
			return p
		}
	}
	return trailPages[0]
}
