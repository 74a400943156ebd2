package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audittrail/audittrail/internal/cluster"
)

var errEnded = errors.New("ended")

func TestAllWhoComeWhileOneIsUnderWayShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s := cluster.NewShared(func(context.Context) error { runs++; <-time.After(time.Second); return nil }, time.Minute, errEnded)
		var callers sync.WaitGroup
		began := time.Now()
		call := func(want time.Duration) {
			callers.Go(func() {
				if err := s.Do(t.Context()); err != nil || time.Since(began) != want {
					t.Errorf("%v after %s, want %s", err, time.Since(began), want)
				}
			})
		}
		call(time.Second)
		synctest.Wait() // the first is under way
		for range 10 {
			call(2 * time.Second)
		}
		callers.Wait()
		if runs != 2 {
			t.Errorf("it was done %d times for one caller and ten behind it, want twice", runs)
		}
		s.End()
		if err := s.Do(t.Context()); !errors.Is(err, errEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestACallerThatLeavesTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := cluster.NewShared(func(ctx context.Context) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, time.Minute, errEnded)
		defer s.End()
		impatient, leave := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		callers.Go(func() {
			if err := s.Do(impatient); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		if err := s.Do(t.Context()); err != nil {
			t.Errorf("who stayed got %v", err)
		}
		callers.Wait()
	})
}
