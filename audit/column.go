package audit

import (
	"fmt"
	"slices"
	"strings"
)

// Column is one column of CSV and XLSX files.
type Column struct {
	// Name stands in the header of the file, and in requests: "actor_id".
	Name string `json:"name"`
	// Title is what people choose it by: "Operator id".
	Title string `json:"title"`
}

// Columns returns every column that an export can have, in the order in which they stand where none are chosen. The caller may change the slice.
func Columns() []Column {
	return []Column{
		{"time", "Time"}, {"received_at", "Received at"}, {"log", "Log"}, {"range", "Range"}, {"action", "Type"}, {"product", "Product"}, {"outcome", "Outcome"},
		{"actor_id", "Operator id"}, {"actor_name", "Operator"}, {"actor_type", "Operator type"}, {"targets", "Targets"},
		{"ip", "IP address"}, {"platform", "Platform"}, {"user_agent", "User agent"}, {"country", "Country"}, {"city", "City"},
		{"message", "Message"}, {"changes", "Changes"}, {"metadata", "Metadata"}, {"id", "Event id"},
	}
}

// ValidateColumns says whether a file of the format can have the columns, in their order: each known and given once, and none for
// NDJSON, which holds whole events. No columns mean all.
func ValidateColumns(format ExportFormat, columns []string) error {
	if len(columns) == 0 {
		return nil
	}
	var c checker
	if format == FormatNDJSON {
		c.add("columns", "must be left out for ndjson, which holds whole events; csv and xlsx have columns")
		return c.err()
	}
	known := ColumnNames()
	if !c.atMost("columns", len(columns), len(known)) {
		return c.err()
	}
	for i, name := range columns {
		at := fmt.Sprintf("columns[%d]", i)
		switch {
		case !slices.Contains(known, name):
			c.add(at, "%q is not a column; known are %s", shorten(name), strings.Join(known, ", "))
		case slices.Contains(columns[:i], name):
			c.add(at, "%q is given twice", name)
		}
	}
	return c.err()
}

// ColumnNames returns the names of all columns.
func ColumnNames() []string {
	columns := Columns()
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name
	}
	return names
}
