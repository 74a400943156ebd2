package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
)

const (
	jobEvents = 25_000
	jobRows   = 20_000 // of one file
)

// job is the main job on one organization.
type job struct {
	*tenant
	admin  *client
	events []*audit.Event // newest first
	naive  *naive
	until  string // in front of all that the trail records about this test
}

func TestEventsGoInAreFoundAndBecomeFiles(t *testing.T) { mainJob(t, sharedService(t)) }

func mainJob(t *testing.T, s *service) {
	tn := s.newTenant(t, "main-job")
	enterprise := sample.New(sample.Options{Seed: 3, Organization: tn.id, Count: jobEvents, End: time.Now()})
	events := slices.Collect(enterprise.Events())
	j := &job{tenant: tn, admin: tn.admin(t), events: newestFirst(events), naive: newNaive(events),
		until: enterprise.End().Format(audit.TimeLayout)}

	t.Run("every event sent is created", func(t *testing.T) { j.send(t, func(got ingested) int { return got.Created }) })
	t.Run("sent again, every event is a duplicate", func(t *testing.T) { j.send(t, func(got ingested) int { return got.Duplicates }) })
	t.Run("all events are listed once, newest first", func(t *testing.T) {
		found, total := j.admin.search(t, url.Values{"to": {j.until}})
		sameIDs(t, "the list", idsOf(found), eventIDs(j.events))
		if total.Value < 10_000 {
			t.Errorf("the total is %+v", total)
		}
	})
	t.Run("a search finds what reading every event finds", j.searches)
	t.Run("a summary counts what there is", j.summary)
	t.Run("an export of the latest holds exactly the newest 20,000 rows and says how many were cut", j.latest)
	t.Run("an export of all holds every row once, in parts that its manifest adds up", j.all)
	t.Run("an xlsx export opens as a spreadsheet", j.xlsx)
	t.Run("an export taken back is gone, and run again it is there anew", j.again)
	t.Run("a member sees their own logins and nothing else", j.member)
	t.Run("another organization finds nothing of this one", j.other)
}

// send sends all events in requests of 1,000 and wants all of them counted by count.
func (j *job) send(t *testing.T, count func(ingested) int) {
	writer := j.as(t, creator, audit.ScopeEventsWrite)
	counted := 0
	for batch := range slices.Chunk(j.events, audit.MaxRequestEvents) {
		got, err := writer.ingest(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		counted += count(got)
		for i, result := range got.Results {
			if result.ID != batch[i].ID {
				t.Fatalf("result %d is about %q, not %q", i, result.ID, batch[i].ID)
			}
		}
	}
	if counted != len(j.events) {
		t.Errorf("%d of %d events counted", counted, len(j.events))
	}
}

func (j *job) searches(t *testing.T) {
	words := j.naive.pick(6, 20, 2500)
	if len(words) < 6 {
		t.Fatalf("the sample has only the words %q", words)
	}
	a, b := words[0], words[3]
	often := j.naive.pick(1, 2500, 20_000)[0]
	type search struct {
		q      string
		wanted func(map[string]bool) bool
	}
	searches := []search{
		{often + " " + a, func(w map[string]bool) bool { return w[often] && w[a] }},
		{a + " OR " + b, func(w map[string]bool) bool { return w[a] || w[b] }},
		{a + " -" + often, func(w map[string]bool) bool { return w[a] && !w[often] }},
		{strings.ToUpper(b), func(w map[string]bool) bool { return w[b] }},
		{"nosuchwordanywhere", func(map[string]bool) bool { return false }},
	}
	for _, word := range words {
		searches = append(searches, search{word, func(w map[string]bool) bool { return w[word] }})
	}
	for _, s := range searches {
		expected := j.naive.find(s.wanted)
		found, total := j.admin.search(t, url.Values{"q": {s.q}, "to": {j.until}})
		sameIDs(t, "q="+s.q, idsOf(found), expected)
		if total.Value != int64(len(expected)) || total.Relation != audit.RelationEqual {
			t.Errorf("q=%s: the total is %+v, want %d", s.q, total, len(expected))
		}
		for _, e := range found {
			if len(e.Highlights) == 0 && !strings.Contains(s.q, "-") {
				t.Errorf("q=%s: event %s has no highlights", s.q, e.ID)
				break
			}
		}
	}
}

func (j *job) summary(t *testing.T) {
	type facet struct {
		Values []struct {
			Value string `json:"value"`
			Count int64  `json:"count"`
		} `json:"values"`
		Other int64 `json:"other"`
	}
	type counts struct {
		Total     int64 `json:"total"`
		Histogram []struct {
			Count int64 `json:"count"`
		} `json:"histogram"`
		Actions  facet `json:"actions"`
		Outcomes facet `json:"outcomes"`
	}
	word := j.naive.pick(1, 500, 5000)[0]
	for _, q := range []string{"", word} {
		expected := map[string]int64{}
		total := int64(0)
		for i, e := range j.naive.events {
			if q == "" || j.naive.words[i][q] {
				total++
				expected[e.Action]++
				expected[string(e.Outcome)]++
			}
		}
		query := url.Values{"q": {q}, "to": {j.until}, "top": {"100"}}
		got := want[counts](t, j.admin, http.StatusOK, http.MethodGet, "/v1/events/summary?"+query.Encode(), nil)
		bars := int64(0)
		for _, b := range got.Histogram {
			bars += b.Count
		}
		if got.Total != total || bars != total || got.Actions.Other != 0 {
			t.Errorf("q=%s: the total is %d, the bars are %d, of %d; other actions %d", q, got.Total, bars, total, got.Actions.Other)
		}
		for _, v := range append(got.Actions.Values, got.Outcomes.Values...) {
			if v.Count != expected[v.Value] {
				t.Errorf("q=%s: %s is counted %d, want %d", q, v.Value, v.Count, expected[v.Value])
			}
		}
	}
}

// request is the body of a request for an export of all the events sent.
func (j *job) request(format audit.ExportFormat, mode audit.ExportMode) map[string]any {
	return map[string]any{"format": format, "mode": mode, "to": j.until}
}

func (j *job) export(t *testing.T, format audit.ExportFormat, mode audit.ExportMode, look func(export)) export {
	t.Helper()
	e := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", j.request(format, mode))
	if e.Matched != jobEvents {
		t.Errorf("the answer to the request says %d rows match, want %d", e.Matched, jobEvents)
	}
	return j.admin.awaitExport(t, e.ID, 2*time.Minute, look)
}

func (j *job) latest(t *testing.T) {
	e := j.export(t, audit.FormatCSV, audit.ModeLatest, nil)
	if e.Matched != jobEvents || e.Rows != jobRows || e.Truncated != jobEvents-jobRows {
		t.Errorf("matched %d, rows %d, truncated %d", e.Matched, e.Rows, e.Truncated)
	}
	if len(e.Files) != 1 || e.Files[0].Rows != jobRows {
		t.Fatalf("the files are %+v", e.Files)
	}
	if life := e.ExpiresAt.Sub(e.ReadyAt); life != 24*time.Hour {
		t.Errorf("the file lives for %s", life)
	}
	content := j.admin.download(t, e.ID, e.Files[0].Name)
	wantFile(t, e.Files[0].ExportFile, content)
	rows := csvRows(t, content)
	if len(rows) != jobRows {
		t.Fatalf("the file has %d rows", len(rows))
	}
	for i, row := range rows {
		expected := j.events[i]
		if row["id"] != expected.ID || row["time"] != expected.Time.Format(audit.TimeLayout) || row["action"] != expected.Action {
			t.Fatalf("row %d is %v, want event %s of %s", i, row, expected.ID, expected.Time)
		}
	}
	messages := want[struct {
		Messages []audit.Message `json:"messages"`
	}](t, j.admin, http.StatusOK, http.MethodGet, "/v1/messages", nil).Messages
	if !slices.ContainsFunc(messages, func(m audit.Message) bool { return m.Export == e.ID && strings.Contains(m.Body, "5000") }) {
		t.Errorf("no message says that the export is ready and that 5000 rows were left out: %+v", messages)
	}
}

func (j *job) all(t *testing.T) {
	var seen []float64
	e := j.export(t, audit.FormatNDJSON, audit.ModeAll, func(e export) {
		if e.Status == audit.ExportRunning && (len(seen) == 0 || seen[len(seen)-1] != e.Progress) {
			seen = append(seen, e.Progress)
		}
	})
	if !slices.IsSorted(seen) || !slices.ContainsFunc(seen, func(p float64) bool { return p > 0 && p < 1 }) {
		t.Errorf("progress went %v, want it to rise and to be seen between 0 and 1", seen)
	}
	if e.Rows != jobEvents || e.Truncated != 0 || len(e.Files) != 3 {
		t.Fatalf("rows %d, truncated %d, files %+v", e.Rows, e.Truncated, e.Files)
	}
	var manifest struct {
		Rows  int64              `json:"rows"`
		Files []audit.ExportFile `json:"files"`
	}
	var ids []string
	for _, f := range e.Files {
		content := j.admin.download(t, e.ID, f.Name)
		wantFile(t, f.ExportFile, content)
		if f.Name == "manifest.json" {
			if err := json.Unmarshal(content, &manifest); err != nil {
				t.Fatal(err)
			}
			continue
		}
		part := ndjsonIDs(t, content)
		if int64(len(part)) != f.Rows {
			t.Errorf("%s has %d rows, and is said to have %d", f.Name, len(part), f.Rows)
		}
		ids = append(ids, part...)
	}
	sameIDs(t, "the parts together", ids, eventIDs(j.events))
	if manifest.Rows != jobEvents || len(manifest.Files) != 2 {
		t.Fatalf("the manifest is %+v", manifest)
	}
	sum := int64(0)
	for i, f := range manifest.Files {
		sum += f.Rows
		if f != e.Files[i].ExportFile {
			t.Errorf("the manifest says %+v, the export %+v", f, e.Files[i])
		}
	}
	if sum != manifest.Rows {
		t.Errorf("the manifest's parts add up to %d of %d rows", sum, manifest.Rows)
	}
}

func (j *job) xlsx(t *testing.T) {
	request := j.request(audit.FormatXLSX, audit.ModeLatest)
	request["action"] = []string{"login.failed"}
	e := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request)
	e = j.admin.awaitExport(t, e.ID, 2*time.Minute, nil)
	content := j.admin.download(t, e.ID, e.Files[0].Name)
	wantFile(t, e.Files[0].ExportFile, content)
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	var expected []string
	for _, event := range j.events {
		if event.Action == "login.failed" {
			expected = append(expected, event.ID)
		}
	}
	at := slices.Index(rows[0], "id")
	if at < 0 {
		t.Fatalf("the header is %q", rows[0])
	}
	var ids []string
	for _, row := range rows[1:] {
		ids = append(ids, row[at])
	}
	sameIDs(t, "the sheet", ids, expected)
}

func (j *job) again(t *testing.T) {
	request := j.request(audit.FormatCSV, audit.ModeLatest)
	request["outcome"] = []string{"failure"}
	e := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request)
	e = j.admin.awaitExport(t, e.ID, time.Minute, nil)
	file := "/v1/exports/" + e.ID + "/files/" + e.Files[0].Name
	if a := newClient(t, j.admin.url, "").do(t, http.MethodGet, file, nil); a.status != http.StatusUnauthorized {
		t.Errorf("the link without a key answers %d", a.status)
	}
	if got := want[export](t, j.admin, http.StatusOK, http.MethodDelete, "/v1/exports/"+e.ID, nil); got.Status != audit.ExportRevoked {
		t.Errorf("taken back, the export is %s", got.Status)
	}
	refused(t, j.admin, http.StatusGone, http.MethodGet, file, nil)
	within(t, 30*time.Second, func() error { return absent(j.service.config.DataDir, e.ID) })
	anew := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports/"+e.ID+"/again", nil)
	if anew.ID == e.ID || anew.AgainOf != e.ID {
		t.Errorf("run again, the export is %s, again of %q", anew.ID, anew.AgainOf)
	}
	anew = j.admin.awaitExport(t, anew.ID, time.Minute, nil)
	if anew.Rows != e.Rows || anew.Files[0].SHA256 != e.Files[0].SHA256 {
		t.Errorf("run again, the export has %+v, and had %+v", anew.Files, e.Files)
	}
	refused(t, j.admin, http.StatusGone, http.MethodGet, file, nil)
}

// absent says whether no file under the folder has the name in its path.
func absent(dir, name string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, name) {
			return fmt.Errorf("%s is still on the disk", path)
		}
		return nil
	})
}

func (j *job) member(t *testing.T) {
	now := time.Now().UTC().Truncate(audit.TimePrecision)
	act := func(id string, log audit.Log, action, actor string) *audit.Event {
		return &audit.Event{ID: id, Time: now, Log: log, Action: action, Actor: audit.Actor{ID: actor}}
	}
	j.admin.mustIngest(t, act("own-1", audit.LogLogin, "login.succeeded", ordinary), act("own-2", audit.LogOperation, "contacts.member.added", ordinary),
		act("others-1", audit.LogLogin, "login.succeeded", creator))
	member := j.as(t, ordinary, audit.ScopeEventsRead, audit.ScopeExports)
	found, _ := member.search(t, url.Values{})
	sameIDs(t, "what the member sees", idsOf(found), []string{"own-1"})
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/events?log=operation", nil)
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/events?actor="+creator, nil)
	refused(t, member, http.StatusNotFound, http.MethodGet, "/v1/events/others-1", nil)
	refused(t, member, http.StatusNotFound, http.MethodGet, "/v1/events/own-2", nil)
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/reminders", nil)
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/keys", nil)
	e := want[export](t, member, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "ndjson", "mode": "latest"})
	e = member.awaitExport(t, e.ID, time.Minute, nil)
	sameIDs(t, "what the member exports", ndjsonIDs(t, member.download(t, e.ID, e.Files[0].Name)), []string{"own-1"})
}

func (j *job) other(t *testing.T) {
	mine := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "action": []string{"login.failed"}, "to": j.until})
	mine = j.admin.awaitExport(t, mine.ID, time.Minute, nil)
	reminder := j.remind(t, []audit.Channel{audit.ChannelInbox}, "other.*")

	stranger := j.service.newTenant(t, "main-job-other").admin(t)
	for _, path := range []string{
		"/v1/events/" + j.events[0].ID, "/v1/exports/" + mine.ID, "/v1/exports/" + mine.ID + "/files/" + mine.Files[0].Name,
		"/v1/reminders/" + reminder.ID, "/v1/reminders/" + reminder.ID + "/deliveries",
	} {
		refused(t, stranger, http.StatusNotFound, http.MethodGet, path, nil)
	}
	refused(t, stranger, http.StatusNotFound, http.MethodDelete, "/v1/exports/"+mine.ID, nil)
	refused(t, stranger, http.StatusNotFound, http.MethodPost, "/v1/exports/"+mine.ID+"/again", nil)
	refused(t, stranger, http.StatusNotFound, http.MethodDelete, "/v1/reminders/"+reminder.ID, nil)
	refused(t, stranger, http.StatusNotFound, http.MethodPost, "/v1/reminders/"+reminder.ID+"/test", nil)
	if found, total := stranger.search(t, url.Values{"to": {j.until}}); len(found) > 0 || total.Value > 0 {
		t.Errorf("another organization sees %d events, of %+v", len(found), total)
	}
	first := want[page](t, j.admin, http.StatusOK, http.MethodGet, "/v1/events?limit=5", nil)
	refused(t, stranger, http.StatusUnprocessableEntity, http.MethodGet, "/v1/events?limit=5&cursor="+url.QueryEscape(first.NextCursor), nil)
	if got := j.admin.do(t, http.MethodGet, "/v1/exports/"+mine.ID+"/files/"+mine.Files[0].Name, nil); got.status != http.StatusOK {
		t.Errorf("after that, its own organization gets %d", got.status)
	}
}

func wantFile(t *testing.T, f audit.ExportFile, content []byte) {
	t.Helper()
	sum := sha256.Sum256(content)
	if int64(len(content)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Errorf("%s has %d bytes of SHA-256 %x, and is said to have %d of %s", f.Name, len(content), sum, f.Bytes, f.SHA256)
	}
}

// csvRows reads a CSV file into rows by column.
func csvRows(t *testing.T, content []byte) []map[string]string {
	t.Helper()
	content, marked := bytes.CutPrefix(content, []byte("\ufeff"))
	if !marked {
		t.Error("the file does not begin with a byte order mark")
	}
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, len(records)-1)
	for i, record := range records[1:] {
		rows[i] = map[string]string{}
		for column, cell := range record {
			rows[i][records[0][column]] = cell
		}
	}
	return rows
}

// ndjsonIDs returns the ids of the events in a file.
func ndjsonIDs(t *testing.T, content []byte) []string {
	t.Helper()
	var ids []string
	for line := range bytes.Lines(content) {
		e, err := audit.DecodeStored(bytes.TrimSpace(line))
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func idsOf(events []event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

func eventIDs(events []*audit.Event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

// sameIDs compares two lists of ids and names the first difference.
func sameIDs(t *testing.T, what string, got, expected []string) {
	t.Helper()
	if slices.Equal(got, expected) {
		return
	}
	for i := range min(len(got), len(expected)) {
		if got[i] != expected[i] {
			t.Errorf("%s: at %d of %d is %s, want %s (of %d)", what, i, len(got), got[i], expected[i], len(expected))
			return
		}
	}
	t.Errorf("%s: %d ids, want %d", what, len(got), len(expected))
}
