package console

import (
	"net/http"
	"net/url"

	"github.com/audittrail/audittrail/audit"
)

type exportPageView struct {
	frame
	Export exportView
	// Problem says what went wrong with what was asked of it.
	Problem *problem
}

func exportPath(id string) string  { return "/exports/" + url.PathEscape(id) }
func exportRoute(id string) string { return "/v1" + exportPath(id) }
func (e exportView) Path() string  { return exportPath(e.ID) }

// export asks for the export of the address.
func (r *request) export() (exportAnswer, error) {
	var answer exportAnswer
	id, err := r.param("id")
	if err != nil {
		return answer, err
	}
	return answer, r.get(exportRoute(id), nil, &answer)
}

// showExport is GET /exports/{id}; while it runs the page asks for itself again and again.
func (con *Console) showExport(r *request) error { return con.renderExport(r, nil) }

func (con *Console) renderExport(r *request, trouble *problem) error {
	answer, err := r.export()
	if err != nil {
		return err
	}
	e := r.viewExport(answer, r.vocabulary())
	title, status := "Export of "+e.Logs, http.StatusOK
	if e.Running() {
		title = grouped(e.Percent) + " % · " + title
	}
	if trouble != nil {
		status = trouble.Status
	}
	return r.render(status, "export", exportPageView{frame: r.frame(title, "exports"), Export: e, Problem: trouble})
}

// repeatExport is POST /exports/{id}/again.
func (con *Console) repeatExport(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var started exportAnswer
	if err := r.sendOnce(r.once(), exportRoute(id)+"/again", nil, &started); err != nil {
		return con.exportTrouble(r, err)
	}
	return r.seeOther(exportPath(started.ID))
}

// cancelExport is POST /exports/{id}/cancel. One that became ready meanwhile is not taken back: that is another question.
func (con *Console) cancelExport(r *request) error {
	answer, err := r.export()
	if err != nil {
		return err
	}
	if answer.Status == audit.ExportRunning {
		return con.deleteExport(r, answer.ID)
	}
	return r.seeOther(exportPath(answer.ID))
}

// askTakeBack is GET /exports/{id}/take-back: the question before.
func (con *Console) askTakeBack(r *request) error {
	answer, err := r.export()
	if err != nil {
		return err
	}
	if answer.Status != audit.ExportReady {
		return r.seeOther(exportPath(answer.ID))
	}
	return r.render(http.StatusOK, "exporttakeback", exportPageView{frame: r.frame("Take an export back", "exports"), Export: r.viewExport(answer, r.vocabulary())})
}

// takeBack is POST /exports/{id}/take-back.
func (con *Console) takeBack(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	return con.deleteExport(r, id)
}

func (con *Console) deleteExport(r *request, id string) error {
	if err := r.send(http.MethodDelete, exportRoute(id), nil, nil); err != nil {
		return con.exportTrouble(r, err)
	}
	return r.seeOther(exportPath(id))
}

// exportTrouble shows the export with what could not be done with it. Where it cannot even be shown, the page of the error has to do.
func (con *Console) exportTrouble(r *request, err error) error {
	p := r.asProblem(err)
	if p.Status == http.StatusUnauthorized || p.Status == http.StatusNotFound {
		return err
	}
	return con.renderExport(r, p)
}
