package console

import (
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// understood says in words what a text query means, so that who typed it sees whether it is what was meant.
func understood(expr audit.Expr, words *vocabulary) string {
	switch e := expr.(type) {
	case audit.And:
		if len(e) == 0 {
			return "everything: there is no word in it"
		}
		return joined(e, " and ", words)
	case audit.Or:
		return "either " + joined(e, " or ", words)
	case audit.Not:
		return "without " + understood(e.Expr, words)
	case audit.Words:
		if e.Prefix {
			return "words that begin with “" + e.Text + "”"
		}
		if strings.ContainsAny(e.Text, " \t") {
			return "the phrase “" + e.Text + "”"
		}
		return "the word “" + e.Text + "”"
	case audit.Qualifier:
		return qualified(e, words)
	}
	return expr.String()
}

func joined(parts []audit.Expr, with string, words *vocabulary) string {
	said := make([]string, len(parts))
	for i, part := range parts {
		said[i] = understood(part, words)
	}
	return strings.Join(said, with)
}

func qualified(q audit.Qualifier, words *vocabulary) string {
	switch q.Field {
	case audit.FieldAction:
		if q.Prefix {
			return "an action that begins with " + q.Value
		}
		if title := words.action(q.Value); title != q.Value {
			return "the action " + q.Value + " (" + title + ")"
		}
		return "the action " + q.Value
	case audit.FieldActor, audit.FieldTarget:
		who := map[audit.TextField]string{audit.FieldActor: "who acted", audit.FieldTarget: "what was acted on"}[q.Field]
		if q.Prefix {
			return who + " has a word that begins with “" + q.Value + "”"
		}
		return who + " is or is called “" + q.Value + "”"
	case audit.FieldRange:
		return "the range " + rangeName(q.Value)
	case audit.FieldIP:
		if strings.Contains(q.Value, "/") {
			return "from the network " + q.Value
		}
		return "from the address " + q.Value
	case audit.FieldOutcome:
		return map[string]string{"success": "what succeeded", "failure": "what failed", "unknown": "what has no known result"}[q.Value]
	case audit.FieldPlatform:
		return "on the platform “" + q.Value + "”"
	case audit.FieldBefore:
		return "before " + q.Time.In(words.r.zone).Format("2006-01-02 15:04")
	case audit.FieldAfter:
		return "from " + q.Time.In(words.r.zone).Format("2006-01-02 15:04") + " on"
	}
	return q.String()
}
