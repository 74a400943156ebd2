package console

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// importShown is how many lines of each kind the preview shows; the numbers above are of all.
const importShown = 200

// importView is a step of an import. The file itself travels in the form: nothing is kept between the steps.
type importView struct {
	frame
	Text     string
	Versions string
	Plan     importPlan
	// Previewed, Applied say which step it is.
	Previewed bool
	Result    *importResult
	Problem   *problem
	MaxBytes  int64
}

// Some returns the first lines of a kind, and More how many there are behind them.
func (v importView) Some(kind string) []importLine {
	lines := v.Plan.Of(kind)
	return lines[:min(len(lines), importShown)]
}

func (v importView) More(kind string) int { return max(0, v.Plan.Count(kind)-importShown) }

// FailedSome is what failed, as far as it is shown.
func (v importView) FailedSome() []importLine {
	return v.Result.Failed[:min(len(v.Result.Failed), importShown)]
}

func (con *Console) renderImport(r *request, view importView) error {
	view.frame, view.MaxBytes = r.frame("Import members", "members"), audit.MaxMemberFileBytes
	status := http.StatusOK
	if view.Problem != nil {
		status = view.Problem.Status
	}
	return r.render(status, "memberimport", view)
}

// showImport is GET /members/import.
func (con *Console) showImport(r *request) error {
	if err := r.by.Allow(audit.ScopeMembers); err != nil {
		return err
	}
	return con.renderImport(r, importView{})
}

// importMembers is POST /members/import: the preview, and with step=apply what it showed.
func (con *Console) importMembers(r *request) error {
	if err := r.by.Allow(audit.ScopeMembers); err != nil {
		return err
	}
	view := importView{}
	text, err := r.importText()
	if err == nil {
		view.Text = text
		view.Plan, err = r.planImport(text)
	}
	var ours *audit.Error
	if errors.As(err, &ours) && ours.Code == audit.CodeInvalid {
		view.Problem = r.asProblem(err)
		if len(view.Text) > audit.MaxMemberFileBytes {
			view.Text = ""
		}
		return con.renderImport(r, view)
	}
	if err != nil {
		return err
	}
	view.Versions, view.Previewed = view.Plan.versions(), true
	if r.form.Get("step") == "apply" {
		con.applyImport(r, &view)
	}
	return con.renderImport(r, view)
}

// applyImport applies what was previewed. Lines that an earlier round stored are unchanged by now; the form carries how many they were.
func (con *Console) applyImport(r *request, view *importView) {
	versions := parseVersions(r.form.Get("versions"))
	if len(versions) != len(view.Plan.Lines) {
		view.Problem = r.asProblem(audit.InvalidField("file", "is not the one that was looked at; here is what it would do now"))
		return
	}
	result := r.apply(view.Plan, versions)
	created, changed := r.earlier("created", result.Unchanged), r.earlier("changed", result.Unchanged)
	if created+changed <= result.Unchanged {
		result.Created, result.Changed, result.Unchanged = result.Created+created, result.Changed+changed, result.Unchanged-created-changed
	}
	slices.SortFunc(result.Failed, func(a, b importLine) int { return a.Line - b.Line })
	view.Result, view.Versions = &result, r.form.Get("versions")
}

// earlier reads how many lines an earlier round stored.
func (r *request) earlier(name string, most int) int {
	n, err := strconv.Atoi(r.form.Get(name))
	if err != nil || n < 0 || n > most {
		return 0
	}
	return n
}

func parseVersions(text string) []int64 {
	var versions []int64
	for part := range strings.SplitSeq(text, ",") {
		version, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil
		}
		versions = append(versions, version)
	}
	return versions
}

// importText returns the file that was chosen, or else the text that was pasted.
func (r *request) importText() (string, error) {
	if header, err := r.c.FormFile("file"); err == nil && header.Size > 0 {
		if header.Size > audit.MaxMemberFileBytes {
			return "", audit.InvalidField("file", "has %s; at most %s are taken at once", byteSize(header.Size), byteSize(audit.MaxMemberFileBytes))
		}
		file, err := header.Open()
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(file)
		return string(text), errors.Join(err, file.Close())
	}
	text := r.form.Get("text")
	if strings.TrimSpace(text) == "" {
		return "", audit.InvalidField("file", "is missing: choose one, or paste its lines")
	}
	return text, nil
}
