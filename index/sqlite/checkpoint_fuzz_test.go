package sqlite

import (
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// FuzzParsePlace: no checkpoint panics; what is accepted is what String writes, and anything else is refused by its name.
func FuzzParsePlace(f *testing.F) {
	for _, seed := range []string{"", place{commit: 4, month: 202611, ordinal: 7}.String(), "sqlite1.-1.0.0", "sqlite1.01.1.1", "sqlite1.9223372036854775808.1.1",
		"sqlite1.1.99999999999.1", "sqlite1.1.1.1.", "elastic1.AA", "sqlite1.+1.1.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlace(text)
		switch {
		case err != nil && audit.CodeOf(err) != audit.CodeInvalid:
			t.Fatalf("%q: %v", text, err)
		case err == nil && text != "" && p.String() != text:
			t.Fatalf("%q is read as %q", text, p.String())
		}
	})
}
