package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	// importBudget is how long one request applies lines; what is left then is one more press of a button away.
	importBudget = 15 * time.Second
	// importWorkers share the commits of the engine.
	importWorkers = 16
)

// What becomes of a line of a file.
const (
	lineNew       = "new"
	lineChanged   = "changed"
	lineUnchanged = "unchanged"
	lineWrong     = "wrong"
)

// importLine is one line of a file beside what is there.
type importLine struct {
	Line    int
	ID      string
	Name    string
	Kind    string
	Changes []fieldChange
	Errors  []audit.FieldError
	member  audit.Member
}

// importPlan is what a file would do.
type importPlan struct{ Lines []importLine }

// Of returns the lines of a kind.
func (p importPlan) Of(kind string) []importLine {
	var some []importLine
	for _, l := range p.Lines {
		if l.Kind == kind {
			some = append(some, l)
		}
	}
	return some
}

func (p importPlan) Count(kind string) int { return len(p.Of(kind)) }

// Todo is how many lines would change something.
func (p importPlan) Todo() int { return p.Count(lineNew) + p.Count(lineChanged) }

// versions writes what each line was compared with, so that applying can tell whether that is still there.
func (p importPlan) versions() string {
	texts := make([]string, len(p.Lines))
	for i, l := range p.Lines {
		texts[i] = strconv.FormatInt(l.member.Version, 10)
	}
	return strings.Join(texts, ",")
}

// planImport reads the file and compares it with the directory. It changes nothing.
func (r *request) planImport(text string) (importPlan, error) {
	if len(text) > audit.MaxMemberFileBytes {
		return importPlan{}, audit.InvalidField("file", "has %s; at most %s are taken at once", byteSize(int64(len(text))), byteSize(audit.MaxMemberFileBytes))
	}
	file, err := audit.OpenMemberFile(strings.NewReader(text))
	if err != nil {
		return importPlan{}, err
	}
	there, err := r.directory()
	if err != nil {
		return importPlan{}, err
	}
	plan, seen := importPlan{}, map[string]int{}
	for {
		line, err := file.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return importPlan{}, err
		}
		if len(plan.Lines) == audit.MaxMemberLines {
			return importPlan{}, audit.InvalidField("file", "has more than %s members; split it", grouped(audit.MaxMemberLines))
		}
		one := compareLine(line, there[line.ID()], r.by.Role)
		if before, twice := seen[one.ID]; twice && one.ID != "" {
			one.Kind, one.Errors = lineWrong, append(one.Errors, audit.FieldError{Field: "id", Message: fmt.Sprintf("is on line %d already", before)})
		} else {
			seen[one.ID] = one.Line
		}
		plan.Lines = append(plan.Lines, one)
	}
	if len(plan.Lines) == 0 {
		return importPlan{}, audit.InvalidField("file", "has a line of names and no member")
	}
	return plan, nil
}

// directory returns all members, by id.
func (r *request) directory() (map[string]audit.Member, error) {
	all := map[string]audit.Member{}
	query := url.Values{"limit": {strconv.Itoa(audit.MaxPage)}}
	for {
		var page struct {
			Members []audit.Member `json:"members"`
			Next    string         `json:"next_cursor"`
		}
		if err := r.get("/v1/members", query, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Members {
			all[m.ID] = m
		}
		if page.Next == "" {
			return all, nil
		}
		query.Set("cursor", page.Next)
	}
}

// compareLine says what the line would do to the member that is there.
func compareLine(line audit.MemberLine, before audit.Member, by audit.Role) importLine {
	after := line.Over(before)
	one := importLine{Line: line.Line, ID: after.ID, Name: after.Name, Errors: line.Errors, member: after, Kind: lineUnchanged}
	var invalid *audit.Error
	if err := after.Validate(); len(one.Errors) == 0 && errors.As(err, &invalid) {
		one.Errors = append(one.Errors, invalid.Fields...)
	}
	if len(one.Errors) == 0 && (before.Role.Above(by) || after.Role.Above(by)) {
		one.Errors = append(one.Errors, audit.FieldError{Field: "role", Message: "stands above your own role: only members of that role can change it"})
	}
	one.Changes = memberChanges(before, after)
	for field, values := range map[string][2]string{"User name": {before.UserName, after.UserName}, "External id": {before.ExternalID, after.ExternalID}} {
		if values[0] != values[1] { // forms do not have these, files do
			one.Changes = append(one.Changes, fieldChange{field, values[0], values[1]})
		}
	}
	switch {
	case len(one.Errors) > 0:
		one.Kind = lineWrong
	case before.Version == 0:
		one.Kind = lineNew
	case len(one.Changes) > 0:
		one.Kind = lineChanged
	}
	return one
}

// importResult is what became of a file so far.
type importResult struct {
	Created, Changed, Unchanged int
	Failed                      []importLine
	// Left is how many lines are still to be applied; Stopped says why, where it was not the time alone.
	Left    int
	Stopped *problem
}

// apply stores the lines that change something, as long as the budget lasts. A line whose member changed since the preview fails: nobody
// has seen what it would overwrite. versions are those of the preview.
func (r *request) apply(plan importPlan, versions []int64) importResult {
	ctx, cancel := context.WithTimeout(r.ctx, importBudget)
	defer cancel()
	r.settle()
	var (
		mu     sync.Mutex
		result importResult
		lines  = make(chan importLine)
		work   sync.WaitGroup
	)
	for range importWorkers {
		work.Go(func() {
			for line := range lines {
				done, trouble := r.applyLine(line)
				mu.Lock()
				result.add(done, trouble)
				if trouble != nil {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	for i, line := range plan.Lines {
		var wait chan importLine
		if line.Kind == lineNew || line.Kind == lineChanged {
			if line.member.Version == versions[i] {
				wait = lines
			} else {
				line.Kind, line.Errors = lineWrong, []audit.FieldError{{Field: "line", Message: "somebody changed this member since you looked; look at the file again"}}
			}
		}
		if wait == nil {
			mu.Lock()
			result.add(line, nil)
			mu.Unlock()
			continue
		}
		select {
		case wait <- line:
		case <-ctx.Done():
			mu.Lock()
			result.Left++
			mu.Unlock()
		}
	}
	close(lines)
	work.Wait()
	return result
}

func (res *importResult) add(line importLine, trouble *problem) {
	switch {
	case trouble != nil:
		res.Stopped = trouble
		res.Left++
	case line.Kind == lineNew:
		res.Created++
	case line.Kind == lineChanged:
		res.Changed++
	case line.Kind == lineUnchanged:
		res.Unchanged++
	default:
		res.Failed = append(res.Failed, line)
	}
}

// applyLine stores a line. What is wrong with the line is in it; what would be wrong with every line is the trouble.
func (r *request) applyLine(line importLine) (importLine, *problem) {
	body := memberBodyOf(line.member)
	body.UserName, body.ExternalID = &line.member.UserName, &line.member.ExternalID
	err := r.send(http.MethodPut, "/v1"+memberPath(line.ID), body, nil)
	if err == nil {
		return line, nil
	}
	var p *problem
	if !errors.As(err, &p) {
		r.logFailure(err)
		return line, &problem{Status: http.StatusInternalServerError, Title: "The import stopped", Detail: "a line could not be stored"}
	}
	if p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests || p.Status == http.StatusUnauthorized {
		return line, p
	}
	line.Kind, line.Errors = lineWrong, p.Fields
	if len(line.Errors) == 0 {
		line.Errors = []audit.FieldError{{Field: "line", Message: p.Detail}}
	}
	return line, nil
}
