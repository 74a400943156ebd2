package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	victimDir   = "AUDITTRAIL_TEST_VICTIM_DIR"
	victimRound = "AUDITTRAIL_TEST_VICTIM_ROUND"
)

// victim appends without end, from several goroutines, over three months, seals meanwhile, and writes the ids of what has been
// acknowledged to its standard output until it is killed.
func victim(out io.Writer, dir, round string) int {
	ctx := context.Background()
	x, err := Open(ctx, dir, Options{Clock: testClock, MaintainEvery: 20 * time.Millisecond})
	if err != nil {
		fmt.Fprintln(out, "failed", err)
		return 1
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), uint64(len(round))))
			for batch := 0; ; batch++ {
				var events []*audit.Event
				for i := range 1 + random.IntN(300) {
					id := fmt.Sprintf("%s-%d-%d-%d", round, worker, batch, i)
					at := testNow.Add(-time.Duration(random.Int64N(int64(70 * 24 * time.Hour))))
					events = append(events, testEvent(id, at))
				}
				if _, err := x.Append(ctx, "acme", events); err != nil {
					fmt.Fprintln(out, "failed", err)
					continue
				}
				mu.Lock()
				for _, e := range events {
					fmt.Fprintln(out, "stored", e.ID)
				}
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range time.Tick(5 * time.Millisecond) {
			if _, err := x.Seal(ctx); err != nil {
				fmt.Fprintln(out, "failed", err)
			}
		}
	})
	wg.Wait()
	return 0
}

func TestAnAcknowledgedEventIsThereExactlyOnceAfterKill9AtAnyInstant(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 12 {
		for _, id := range killedRun(t, dir, fmt.Sprintf("r%d", round), 30+random.IntN(400)) {
			acknowledged[id] = true
		}
		checkAfterCrash(t, dir, acknowledged)
	}
	if len(acknowledged) < 1000 {
		t.Errorf("only %d events were acknowledged: the test did not test much", len(acknowledged))
	}
}

// killedRun starts the victim, kills it once it has acknowledged so many events, and returns those it acknowledged.
func killedRun(t *testing.T, dir, round string, after int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimDir+"="+dir, victimRound+"="+round)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewReader(out)
	killed := false
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				t.Fatal(err)
			}
			break
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word != "stored" {
			t.Fatalf("the victim said: %s", line)
		}
		ids = append(ids, rest)
		if len(ids) >= after && !killed {
			killed = true
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the victim ended by itself")
	}
	return ids
}

func checkAfterCrash(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	ctx := t.Context()
	x := openTest(t, dir, Options{})
	report, err := x.Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	seen := map[string]int{}
	for checkpoint, more := "", true; more; {
		page, err := x.Tail(ctx, "acme", checkpoint, audit.MaxScan)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			seen[e.ID]++
		}
		checkpoint, more = page.Checkpoint, page.More
	}
	for id := range acknowledged {
		if seen[id] != 1 {
			t.Errorf("acknowledged event %s is there %d times", id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("event %s is there %d times", id, n)
		}
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
