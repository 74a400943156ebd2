// Command vulncheck looks for known vulnerabilities in programs that were built: govulncheck over Go's own database, which is fetched as the module
// golang.org/x/vulndb, so that nothing but a module proxy has to be reached.
//
//	vulncheck -govulncheck bin/govulncheck -released 1.26.11 program…
//
// It ends with 1 where a program holds a vulnerable symbol. Vulnerabilities of the standard library count as of the Go version that releases are built with: the
// Go at hand may be older, and then the findings are listed without counting.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/mod/semver"
)

func main() {
	govulncheck := flag.String("govulncheck", "govulncheck", "the program to run")
	released := flag.String("released", "", "version of Go that releases are built with, like 1.26.11")
	flag.Parse()
	if err := run(*govulncheck, *released, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

func run(govulncheck, released string, programs []string, out io.Writer) error {
	if !semver.IsValid("v"+released) || len(programs) == 0 {
		return errors.New("usage: vulncheck -govulncheck PROGRAM -released VERSION PROGRAM…")
	}
	dir, version, err := database()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the database is of %s\n", version)
	counted := 0
	for _, program := range programs {
		found, err := scan(govulncheck, dir, program)
		if err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		n := report(out, filepath.Base(program), found, released)
		counted += n
	}
	if counted > 0 {
		return fmt.Errorf("%d vulnerabilities are in what is released", counted)
	}
	return nil
}

// database fetches the newest database and returns its folder of OSV files.
func database() (dir, version string, err error) {
	cmd := exec.Command("go", "mod", "download", "-json", "golang.org/x/vulndb@latest")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	cmd.Dir = os.TempDir() // of no module
	text, err := cmd.Output()
	var module struct{ Dir, Version, Error string }
	if jsonErr := json.Unmarshal(text, &module); err != nil || jsonErr != nil || module.Dir == "" {
		return "", "", fmt.Errorf("the database golang.org/x/vulndb cannot be fetched by the module proxy: %s %w", module.Error, errors.Join(err, jsonErr))
	}
	return filepath.Join(module.Dir, "data", "osv"), module.Version, nil
}

// finding is one vulnerability in one program.
type finding struct {
	OSV   string `json:"osv"`
	Fixed string `json:"fixed_version"`
	Trace []struct {
		Module   string `json:"module"`
		Version  string `json:"version"`
		Package  string `json:"package"`
		Function string `json:"function"`
	} `json:"trace"`
}

// called says whether the program holds a vulnerable symbol, and not only its package or module.
func (f finding) called() bool { return len(f.Trace) > 0 && f.Trace[0].Function != "" }

// scan returns one finding a vulnerability: the one that says most.
func scan(govulncheck, dir, program string) ([]finding, error) {
	var stderr bytes.Buffer
	cmd := exec.Command(govulncheck, "-db", "file://"+filepath.ToSlash(dir), "-mode=binary", "-format=json", program)
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &stderr)
	}
	best := map[string]finding{}
	messages := 0
	for dec := json.NewDecoder(bytes.NewReader(text)); ; messages++ {
		var message struct {
			Finding *finding `json:"finding"`
		}
		if err := dec.Decode(&message); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if f := message.Finding; f != nil && !best[f.OSV].called() {
			best[f.OSV] = *f
		}
	}
	if messages == 0 {
		return nil, errors.New("govulncheck said nothing")
	}
	var all []finding
	for _, f := range best {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b finding) int { return bytes.Compare([]byte(a.OSV), []byte(b.OSV)) })
	return all, nil
}

// report lists the findings and returns how many count.
func report(out io.Writer, program string, found []finding, released string) (counted int) {
	for _, f := range found {
		at, why := f.Trace[0], ""
		standard := at.Module == "stdlib"
		switch {
		case !f.called():
			why = "not called"
		case standard && f.Fixed != "" && semver.Compare(f.Fixed, "v"+released) <= 0:
			why = "fixed in the Go of releases"
		default:
			counted++
			why = "COUNTS"
		}
		fixed := f.Fixed
		if fixed == "" {
			fixed = "no version"
		}
		fmt.Fprintf(out, "%s: %s in %s %s %s, fixed in %s: %s\n", program, f.OSV, at.Module, at.Version, at.Package, fixed, why)
	}
	fmt.Fprintf(out, "%s: %d vulnerabilities known, %d count\n", program, len(found), counted)
	return counted
}
