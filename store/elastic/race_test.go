package elastic_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
	"github.com/audittrail/audittrail/store/elastic"
)

// two returns two stores of one place, as two processes have them.
func two(t *testing.T) (p *place, stores [2]*elastic.Store) {
	t.Helper()
	p = newPlace(t)
	p.setup()
	for i := range stores {
		s := p.openBy(t, connect(t, estest.URL(t)))
		t.Cleanup(func() { s.Close() })
		stores[i] = s
	}
	return p, stores
}

func TestAListSeesEveryWriteOfEveryProcessAtOnce(t *testing.T) {
	p, stores := two(t)
	p.block("index.refresh_interval", "-1")
	ctx := t.Context()
	for i := range 50 {
		writer, reader := stores[i%2], stores[1-i%2]
		if err := writer.AddMessage(ctx, audit.Message{Organization: "acme", ID: fmt.Sprint(i), Member: "m"}); err != nil {
			t.Fatal(err)
		}
		if n, err := reader.Unread(ctx, "acme", "m"); n != i+1 || err != nil {
			t.Fatalf("%d messages, %v; want %d", n, err, i+1)
		}
	}
}

func TestAKeyWorksAndIsRevokedInEveryProcessAtOnce(t *testing.T) {
	p, stores := two(t)
	p.block("index.refresh_interval", "-1")
	ctx := t.Context()
	for i := range 20 {
		key := audit.Key{Organization: "acme", ID: fmt.Sprint(i), Hash: []byte{byte(i), 1}}
		if err := stores[0].CreateKey(ctx, key); err != nil {
			t.Fatal(err)
		}
		if got, err := stores[1].KeyByHash(ctx, key.Hash); err != nil || got.ID != key.ID || !got.RevokedAt.IsZero() {
			t.Fatalf("the key is %+v, %v", got, err)
		}
		if err := stores[1].RevokeKey(ctx, "acme", key.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got, err := stores[0].KeyByHash(ctx, key.Hash); err != nil || got.RevokedAt.IsZero() {
			t.Fatalf("the revoked key is %+v, %v", got, err)
		}
	}
}

func TestOfKeysThatShareIDOrHashOneIsMade(t *testing.T) {
	_, stores := two(t)
	ctx := t.Context()
	for round := range 10 {
		var mu sync.Mutex
		var made []audit.Key
		var wg sync.WaitGroup
		for i := range 8 {
			key := audit.Key{Organization: "acme", ID: fmt.Sprintf("%d-%d", round, i%2), Hash: []byte{byte(round), byte(i / 2 % 2)}}
			wg.Go(func() {
				err := stores[i/4].CreateKey(ctx, key)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made = append(made, key)
				} else if audit.CodeOf(err) != audit.CodeConflict {
					t.Errorf("CreateKey: %v", err)
				}
			})
		}
		wg.Wait()
		for i, a := range made {
			if got, err := stores[0].KeyByHash(ctx, a.Hash); err != nil || got.ID != a.ID {
				t.Errorf("a key that was made is %+v, %v; want %+v", got, err, a)
			}
			if err := stores[1].RevokeKey(ctx, a.Organization, a.ID, time.Now()); err != nil {
				t.Errorf("a key that was made cannot be revoked: %v", err)
			}
			for _, b := range made[:i] {
				if a.ID == b.ID || string(a.Hash) == string(b.Hash) {
					t.Errorf("both %+v and %+v were made", a, b)
				}
			}
		}
		if len(made) == 0 {
			t.Error("none was made")
		}
	}
	keys, err := stores[1].Keys(ctx, "acme")
	ids := map[string]bool{}
	for _, k := range keys {
		ids[k.ID] = true
	}
	if err != nil || len(ids) != len(keys) {
		t.Errorf("%d keys with %d ids, %v", len(keys), len(ids), err)
	}
}

func TestAnIDWhoseHashWasTakenIsFreeAgain(t *testing.T) {
	_, stores := two(t)
	ctx := t.Context()
	for i, c := range []struct {
		key  audit.Key
		code audit.Code
	}{
		{audit.Key{ID: "a", Hash: []byte{1}}, ""},
		{audit.Key{ID: "b", Hash: []byte{1}}, audit.CodeConflict},
		{audit.Key{ID: "a", Hash: []byte{1}}, audit.CodeConflict},
		{audit.Key{ID: "b", Hash: []byte{2}}, ""},
		{audit.Key{ID: "a", Hash: []byte{3}}, audit.CodeConflict},
	} {
		c.key.Organization = "acme"
		wantCode(t, fmt.Sprintf("key %d", i), stores[i%2].CreateKey(ctx, c.key), c.code)
	}
}

func TestUsesAndRevocationOfAKeyDoNotLoseEachOther(t *testing.T) {
	_, stores := two(t)
	ctx := t.Context()
	key := audit.Key{Organization: "acme", ID: "k", Hash: []byte{1}}
	if err := stores[0].CreateKey(ctx, key); err != nil {
		t.Fatal(err)
	}
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := stores[i%2].TouchKey(ctx, "acme", "k", base.Add(time.Duration(i)*time.Hour)); err != nil {
				t.Errorf("touch: %v", err)
			}
			if err := stores[i%2].RevokeKey(ctx, "acme", "k", base.Add(time.Duration(i)*time.Minute)); err != nil {
				t.Errorf("revoke: %v", err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		got, err := s.KeyByHash(ctx, key.Hash)
		if err != nil || got.RevokedAt.IsZero() || !got.LastUsedAt.Equal(base.Add(15*time.Hour)) {
			t.Errorf("the key is %+v, %v", got, err)
		}
	}
}

func TestTheLastUseOfAKeyIsNotAWriteARequest(t *testing.T) {
	p, stores := two(t)
	ctx := t.Context()
	if err := stores[0].CreateKey(ctx, audit.Key{Organization: "acme", ID: "k", Hash: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	before := p.operations()
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for ms := range 120_000 {
		if err := stores[0].TouchKey(ctx, "acme", "k", base.Add(time.Duration(ms)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.operations() - before; n != 2 {
		t.Errorf("%d writes for two minutes, want one a minute", n)
	}
}

// operations is how many writes the index has had.
func (p *place) operations() int {
	p.t.Helper()
	var stats struct {
		All struct {
			Primaries struct {
				Indexing struct {
					Total int `json:"index_total"`
				}
			}
		} `json:"_all"`
	}
	p.call(esapi.IndicesStatsRequest{Index: []string{p.index()}}, &stats)
	return stats.All.Primaries.Indexing.Total
}

func TestADeliveryThatIsFinalStaysSoHoweverSavesRace(t *testing.T) {
	_, stores := two(t)
	ctx := t.Context()
	for round := range 10 {
		d := audit.Delivery{Organization: "acme", ID: fmt.Sprint(round), Reminder: "r"}
		var wg sync.WaitGroup
		for i := range 12 {
			save := d
			save.Status, save.Attempts = []audit.DeliveryStatus{audit.DeliveryPending, audit.DeliverySent, audit.DeliveryDelivered}[i%3], i
			if save.Status == audit.DeliverySent {
				save.Address, save.Provider = "a***@example.com", "SM1"
			}
			wg.Go(func() {
				if err := stores[i%2].SaveDelivery(ctx, save); err != nil {
					t.Errorf("save: %v", err)
				}
			})
		}
		wg.Wait()
		got, err := stores[0].Delivery(ctx, "acme", d.ID)
		if err != nil || got.Status != audit.DeliveryDelivered {
			t.Errorf("the delivery is %+v, %v; want it delivered", got, err)
		}
	}
}

func TestThousandsOfMessagesAreMarkedAsReadOnceByWhoeverIsFirst(t *testing.T) {
	const before, during = 2500, 100
	_, stores := two(t)
	ctx := t.Context()
	add := func(from, to int) {
		for i := range to - from {
			m := audit.Message{Organization: "acme", ID: fmt.Sprintf("m%05d", from+i), Member: "m", CreatedAt: time.UnixMilli(int64(1000 + (from+i)/7))}
			if err := stores[i%2].AddMessage(ctx, m); err != nil {
				t.Errorf("add: %v", err)
				return
			}
		}
	}
	var adding sync.WaitGroup
	for i := range 5 {
		adding.Go(func() { add(i*before/5, (i+1)*before/5) })
	}
	adding.Wait()
	first, second := time.UnixMilli(5000).UTC(), time.UnixMilli(6000).UTC()
	var wg sync.WaitGroup
	wg.Go(func() { add(before, before+during) })
	for i, at := range []time.Time{first, second, first, second} {
		wg.Go(func() {
			if err := stores[i%2].MarkRead(ctx, "acme", "m", nil, at); err != nil {
				t.Errorf("mark: %v", err)
			}
		})
	}
	wg.Wait()
	read, all := 0, 0
	for after := ""; ; {
		page, err := stores[0].Messages(ctx, "acme", "m", after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			all++
			switch {
			case m.ReadAt.Equal(first) || m.ReadAt.Equal(second):
				read++
			case !m.ReadAt.IsZero() || m.ID < fmt.Sprintf("m%05d", before):
				t.Errorf("message %s was read at %v", m.ID, m.ReadAt)
			}
		}
		after = page[len(page)-1].ID
	}
	unread, err := stores[1].Unread(ctx, "acme", "m")
	if all != before+during || unread != all-read || err != nil {
		t.Errorf("%d messages, %d read, %d unread, %v", all, read, unread, err)
	}
}

func TestIDsLongerThanElasticsearchsAreKeptApart(t *testing.T) {
	_, stores := two(t)
	ctx := t.Context()
	long := strings.Repeat("lang/ä ", 200)
	var ids []string
	for _, end := range []string{"", "a", "b"} {
		ids = append(ids, long+end)
		if _, err := stores[0].PutMember(ctx, audit.Member{Organization: "acme", ID: long + end, Name: "n" + end}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		if m, err := stores[1].Member(ctx, "acme", id); err != nil || m.ID != id || m.Name != "n"+strings.TrimPrefix(id, long) {
			t.Errorf("got %+v, %v", m, err)
		}
	}
	list, err := stores[1].Members(ctx, "acme", audit.MemberFilter{Limit: 10})
	if err != nil || !slices.IsSortedFunc(list, func(a, b audit.Member) int { return strings.Compare(a.ID, b.ID) }) || len(list) != 3 {
		t.Errorf("the list is %+v, %v", list, err)
	}
	_, err = stores[0].PutMember(ctx, audit.Member{Organization: "acme", ID: strings.Repeat("x", 8192)})
	wantCode(t, "an id of 8,192 bytes", err, audit.CodeInvalid)
	_, err = stores[0].Member(ctx, "acme", strings.Repeat("x", 8192))
	wantCode(t, "reading it", err, audit.CodeNotFound)
}

func TestAMemberIsFoundByAnyTextHoweverLong(t *testing.T) {
	_, stores := two(t)
	ctx := t.Context()
	name := strings.Repeat("ab", 900) + "*?\\"
	for org, n := range map[string]string{"acme": name, "acme*": strings.Repeat("ab", 900)} {
		if _, err := stores[0].PutMember(ctx, audit.Member{Organization: org, ID: "m", Name: n}); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]int{name: 1, strings.ToUpper(name): 1, name[1:]: 1, name + "x": 0, strings.Repeat("ab", 901): 0, `b*?\`: 1, "*": 1, "acme": 0} {
		list, err := stores[1].Members(ctx, "acme", audit.MemberFilter{Text: text, Limit: 2})
		if err != nil || len(list) != want {
			t.Errorf("%d members of a text of %d bytes, %v; want %d", len(list), len(text), err, want)
		}
	}
}
