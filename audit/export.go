package audit

import "time"

// ExportRows is how many rows a file holds at the most: the newest so many for ExportLatest.
const ExportRows = 20_000

// ExportLife is how long the files of an export can be fetched, counted from when it is ready.
const ExportLife = 24 * time.Hour

// ExportFormat is the format of the files.
type ExportFormat string

// The formats.
const (
	FormatCSV    ExportFormat = "csv"
	FormatXLSX   ExportFormat = "xlsx"
	FormatNDJSON ExportFormat = "ndjson"
)

// ExportMode says what becomes of more than ExportRows rows.
type ExportMode string

// The modes.
const (
	ModeLatest ExportMode = "latest" // one file of the newest ExportRows
	ModeAll    ExportMode = "all"    // as many files of ExportRows as it takes, and a manifest
)

// ExportStatus says where an export stands. Every status but running is final, but that a ready one expires or is revoked.
type ExportStatus string

// The statuses.
const (
	ExportRunning ExportStatus = "running"
	ExportReady   ExportStatus = "ready"
	ExportFailed  ExportStatus = "failed"
	ExportExpired ExportStatus = "expired"
	ExportRevoked ExportStatus = "revoked" // cancelled while it ran, or taken back when it was ready
)

// Export is one request for rows as files.
type Export struct {
	ID           string       `json:"id"`
	Organization string       `json:"-"`
	RequestedBy  string       `json:"requested_by"` // member id
	Query        Query        `json:"query"`        // as narrowed to what the requester may see
	Format       ExportFormat `json:"format"`
	Mode         ExportMode   `json:"mode"`
	// Columns are those of CSV and XLSX files, in their order; none means all.
	Columns []string     `json:"columns,omitempty"`
	Status  ExportStatus `json:"status"`
	// RequestedAt also bounds the rows: what was received after it is not in the export.
	RequestedAt time.Time `json:"requested_at"`
	// Matched is how many rows match; Rows how many are in the files, or will be.
	Matched int64 `json:"matched"`
	Rows    int64 `json:"rows"`
	// Truncated is how many of Matched were left out: the oldest, in mode latest.
	Truncated int64 `json:"truncated"`
	// Done is how many rows have been written so far.
	Done      int64        `json:"done"`
	ReadyAt   time.Time    `json:"ready_at,omitzero"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
	Files     []ExportFile `json:"files"`
	// Error says why a failed export failed, in words for the requester.
	Error string `json:"error,omitempty"`
	// AgainOf is the export that this one runs again.
	AgainOf string `json:"again_of,omitempty"`
	Version int64  `json:"version"`
}

// ExportFile is one file of an export.
type ExportFile struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// Progress is how much is done, from 0 to 1.
func (e Export) Progress() float64 {
	if e.Status != ExportRunning {
		return 1
	}
	if e.Rows == 0 {
		return 0
	}
	return float64(e.Done) / float64(e.Rows)
}
