package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// everyRow is an expression that every row meets: each has the token of its log.
var everyRow = func() string {
	var tokens []string
	for _, l := range audit.Logs() {
		tokens = append(tokens, logTokens[l])
	}
	return "(" + anyToken(tokens) + ")"
}()

// matchOf writes node as an expression of FTS5, in parentheses. Only nodes that textOnly accepts can be written.
func matchOf(node fulltext.Node) string {
	switch n := node.(type) {
	case fulltext.Phrase:
		return "(" + columnOf(n.Field) + phrase(n.Tokens, n.Prefix) + ")"
	case fulltext.Not:
		return "(" + everyRow + " NOT " + matchOf(n.Node) + ")"
	case fulltext.Or:
		parts := make([]string, len(n.Nodes))
		for i := range n.Nodes {
			parts[i] = matchOf(n.Nodes[i])
		}
		return "(" + strings.Join(parts, " OR ") + ")"
	case fulltext.And:
		var with, without []string
		for _, part := range n.Nodes {
			if not, ok := part.(fulltext.Not); ok {
				without = append(without, matchOf(not.Node))
			} else {
				with = append(with, matchOf(part))
			}
		}
		if len(with) == 0 {
			with = []string{everyRow}
		}
		expression := "(" + strings.Join(with, " AND ") + ")"
		if len(without) > 0 {
			expression = "(" + expression + " NOT (" + strings.Join(without, " OR ") + "))"
		}
		return expression
	}
	return everyRow
}

// match is a condition on the text of events: an expression for the rows that fts holds, and the nodes for those that it does not hold yet.
type match struct {
	expression string
	node       fulltext.Node
}

// newMatch makes the condition. The hints are expressions that spare FTS5 rows which the facts would drop afterwards.
func newMatch(node fulltext.Node, hints ...string) *match {
	return &match{node: node, expression: strings.Join(append([]string{matchOf(node)}, hints...), " AND ")}
}

func columnOf(field audit.TextField) string {
	switch field {
	case audit.FieldActor:
		return "actor : "
	case audit.FieldTarget:
		return "target : "
	}
	return ""
}

// matching returns the rows from lo to hi (exclusive) that meet the condition: the highest of them, at most limit, highest first.
// SQLite hands them over as one text, as a row of its own costs a microsecond each.
func (s *snapshot) matching(ctx context.Context, m *match, lo, hi int64, limit int) ([]int64, error) {
	rows, err := s.pendingMatching(m, lo, hi)
	if err != nil {
		return nil, err
	}
	pending := len(rows)
	err = s.query(ctx, `SELECT group_concat(rowid, ' ') FROM
		(SELECT rowid FROM fts WHERE fts MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?)`,
		func(v []driver.Value) error {
			text, _ := v[0].(string)
			rows = slices.Grow(rows, strings.Count(text, " ")+1)
			for text != "" {
				number, rest, _ := strings.Cut(text, " ")
				row, err := strconv.ParseInt(number, 10, 64)
				if err != nil {
					return err
				}
				rows, text = append(rows, row), rest
			}
			return nil
		}, m.expression, lo, hi, int64(limit))
	if pending > 0 {
		slices.SortFunc(rows, func(a, b int64) int { return cmp.Compare(b, a) })
	}
	return rows[:min(limit, len(rows))], err
}

// countMatching counts the rows from lo to hi (exclusive) that meet the condition, up to limit.
func (s *snapshot) countMatching(ctx context.Context, m *match, lo, hi int64, limit int64) (int64, error) {
	pending, err := s.pendingMatching(m, lo, hi)
	if err != nil {
		return 0, err
	}
	n, err := s.integer(ctx, "SELECT count(*) FROM (SELECT 1 FROM fts WHERE fts MATCH ? AND rowid >= ? AND rowid < ? LIMIT ?)", m.expression, lo, hi, limit)
	return min(n+int64(len(pending)), limit), err
}

// matchStep is how many rows of full text are held in memory at once: 1 MiB of them.
const matchStep = 1 << 17

// eachMatching calls fn with all rows from lo to hi (exclusive) that meet the condition, in steps from the highest to the lowest; each
// step is sorted ascending.
func (s *snapshot) eachMatching(ctx context.Context, m *match, lo, hi int64, fn func(rows []int64) error) error {
	for lo < hi {
		rows, err := s.matching(ctx, m, lo, hi, matchStep)
		if err != nil || len(rows) == 0 {
			return err
		}
		hi = rows[len(rows)-1]
		slices.Reverse(rows)
		if err := fn(rows); err != nil || len(rows) < matchStep {
			return err
		}
	}
	return nil
}

// rowSet is a set of rows, sorted ascending, that is asked for rows that are nearly sorted too: it remembers where it was.
type rowSet struct {
	rows []int64
	at   int
}

func (s *rowSet) has(row int64) bool {
	n := len(s.rows)
	if n == 0 {
		return false
	}
	for range 8 {
		switch {
		case s.rows[s.at] == row:
			return true
		case s.rows[s.at] < row:
			if s.at+1 == n || s.rows[s.at+1] > row {
				return false
			}
			s.at++
		default:
			if s.at == 0 || s.rows[s.at-1] < row {
				return false
			}
			s.at--
		}
	}
	i, found := slices.BinarySearch(s.rows, row)
	s.at = min(i, n-1)
	return found
}
