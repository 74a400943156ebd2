package api

import (
	"crypto/sha256"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
)

// headerOnce makes a request for an export one that may be sent again: a double click, a form that is posted anew, an answer that was lost.
const headerOnce = "Idempotency-Key"

// startExportOnce starts the export, or answers with the one that the same Idempotency-Key of the same member started before. The
// export's id follows from the key, so that the store decides who was first, with any number of processes and across restarts.
func (s *Server) startExportOnce(r *request, e audit.Export) error {
	key := string(r.c.Request().Header.Peek(headerOnce))
	if key == "" {
		return s.startExport(r, e)
	}
	if cut(key, audit.MaxIDBytes) != key {
		return audit.InvalidField(headerOnce, "must be at most %d bytes, without control characters", audit.MaxIDBytes)
	}
	e.ID = uuid.NewHash(sha256.New(), uuid.NameSpaceOID, []byte(r.by.Member+"\x00"+key), 8).String()
	started, err := s.startedBefore(r, e)
	if started || err != nil {
		return err
	}
	if err = s.startExport(r, e); audit.CodeOf(err) == audit.CodeConflict {
		if started, again := s.startedBefore(r, e); started || again != nil {
			return again
		}
	}
	return err
}

// startedBefore answers with the export of that id, where there is one.
func (s *Server) startedBefore(r *request, e audit.Export) (started bool, err error) {
	old, err := s.cfg.Exports.Export(r.ctx, e.Organization, e.ID)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if old.Query.Values().Encode() != e.Query.Values().Encode() || old.Format != e.Format || old.Mode != e.Mode || old.AgainOf != e.AgainOf || !slices.Equal(old.Columns, e.Columns) {
		return false, audit.InvalidField(headerOnce, "was used for another export already; take a new one")
	}
	r.c.Response().Header.Set(fiber.HeaderLocation, "/v1/exports/"+old.ID)
	return true, r.json(http.StatusAccepted, s.viewExport(old))
}
