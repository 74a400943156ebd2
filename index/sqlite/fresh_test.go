package sqlite

import (
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestReadingBesideTheFirstAppendOfAMonthFindsNothingAndNoError(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	o, leave, err := x.begin(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	// As an Append leaves it that has entered the month and has not made its file yet.
	if _, created, err := o.month(monthOf(testNow)); err != nil || !created {
		t.Fatal(created, err)
	}
	if page, err := x.Search(t.Context(), "acme", audit.Search{Limit: 10, CountLimit: audit.CountAll}); err != nil || len(page.Events) > 0 {
		t.Errorf("Search: %v, %v", page, err)
	}
	if page, err := x.Tail(t.Context(), "acme", "", 10); err != nil || len(page.Events) > 0 {
		t.Errorf("Tail: %v, %v", page, err)
	}
	if summary, err := x.Summary(t.Context(), "acme", audit.SummaryRequest{Top: 10}); err != nil || summary.Total > 0 {
		t.Errorf("Summary: %v, %v", summary, err)
	}
	if _, err := x.Get(t.Context(), "acme", "e1"); audit.CodeOf(err) != audit.CodeNotFound {
		t.Errorf("Get: %v", err)
	}
}
