package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// print writes a result: as JSON where that is asked for, else as the table.
func (e *env) print(value any, table func(w io.Writer)) error {
	if e.output == "json" {
		encoder := json.NewEncoder(e.Stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	w := tabwriter.NewWriter(e.Stdout, 0, 4, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// did is what a command without an answer of its own prints as JSON.
type did struct {
	ID     string `json:"id"`
	Result string `json:"result"`
}

// done says what became of what the id names.
func (e *env) done(id, result string) error {
	return e.print(did{ID: id, Result: result}, func(w io.Writer) { row(w, result) })
}

// row writes one line of a table.
func row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, plain(fmt.Sprint(cell)))
	}
	fmt.Fprintln(w)
}

// plain keeps what producers wrote from steering the terminal: control and format characters become spaces.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}

// shorten cuts text for a table.
func shorten(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// count writes a number with thousands separated: 26,205.
func count[T int | int64](n T) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// span writes a duration for people.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// makeFolder makes the folder where it is missing, and tries whether files can be made in it.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".audittrail-*")
	if err != nil {
		return fmt.Errorf("no file can be made in %s: %w", dir, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// counted writes a number with the word for one or for several.
func counted[T int | int64](n T, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + several
}
