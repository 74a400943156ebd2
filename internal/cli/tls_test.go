package cli_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/cli"
)

func TestServersThatOthersReachWantTLSOrAWord(t *testing.T) {
	for _, name := range []string{"standalone", "api"} {
		code, _, stderr := command(t, "", name, "--listen", ":0", "--data-dir", t.TempDir())
		if code != cli.ExitUsage {
			t.Errorf("%s ends with %d", name, code)
		}
		for _, want := range []string{"listen: :0", "--tls-cert-file", "--insecure"} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s does not say %q: %s", name, want, stderr)
			}
		}
	}
}

func TestCommandsTrustTheCertificatesTheyAreTold(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ok","keys":[]}`)
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(trusted, text, 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(none, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"health"}, {"keys", "list", "--key", "at_x"}} {
		for name, tt := range map[string]struct {
			file string
			code int
			says string
		}{
			"the system's":             {"", cli.ExitFailure, "certificate"},
			"the server's":             {trusted, cli.ExitOK, ""},
			"a file without any":       {none, cli.ExitUsage, "no certificate in PEM form"},
			"a file that is not there": {none + "x", cli.ExitUsage, "server_ca_file"},
		} {
			all := append(append([]string{}, args...), "--server", server.URL)
			if tt.file != "" {
				all = append(all, "--server-ca-file", tt.file)
			}
			if code, _, stderr := command(t, "", all...); code != tt.code || !strings.Contains(stderr, tt.says) {
				t.Errorf("%v, trusting %s: %d %s", args, name, code, stderr)
			}
		}
	}
}
