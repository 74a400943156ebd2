package sqlite

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func sampleChunk() *growing {
	g := newGrowing(7)
	for i := range int64(600) {
		g.add(i<<33|i, kind{log: audit.LogLogin, action: "contacts.member.added", outcome: audit.OutcomeFailure, platform: "web"},
			actor{id: string(rune('a' + i%20)), name: "Ä"}, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), i/10, 1000+i/10)
	}
	g.add(5, kind{}, actor{}, netip.Addr{}, 1000, 2000)
	return g
}

func TestAChunkIsReadBackAsItWasWritten(t *testing.T) {
	g := sampleChunk()
	dict, err := decodeDictionary(g.dict.encode())
	if err != nil {
		t.Fatal(err)
	}
	cols, err := decodeColumns(g.columns.encode(), dict)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*dict, g.dict) || !reflect.DeepEqual(*cols, g.columns) {
		t.Error("they differ")
	}
}

func FuzzDecodeChunk(f *testing.F) {
	g := sampleChunk()
	f.Add(g.dict.encode(), g.columns.encode())
	f.Add([]byte{}, []byte{1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, []byte{2, 0, 0})
	f.Fuzz(func(t *testing.T, dictionary, columns []byte) {
		dict, err := decodeDictionary(dictionary)
		if err != nil {
			return
		}
		cols, err := decodeColumns(columns, dict)
		if err != nil {
			return
		}
		cursor := 0
		for i := range cols.rows {
			cols.received(i, &cursor)
			_ = dict.kinds[cols.kind[i]]
		}
	})
}

func FuzzDecodeBlock(f *testing.F) {
	b := block{items: []item{{row: 3, received: 9, body: []byte("a")}, {row: 1 << 60, received: 7, body: nil}}}
	f.Add(int64(2), b.encodeRows(), b.encodeBodies())
	f.Add(int64(1<<40), []byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, n int64, rows, bodies []byte) {
		got, err := decodeRows(n, rows)
		if err != nil {
			return
		}
		if got.decodeBodies(bodies) == nil && got.find(got.first) == nil {
			// Rows that are not sorted are damaged; the search for one of them may miss it, but must not panic.
			return
		}
	})
}

func TestACheckpointOfAnotherEngineIsRefused(t *testing.T) {
	for _, text := range []string{"x", "sqlite1", "sqlite1.1.2", "sqlite1.1.2.-3", "sqlite1.01.2.3", "sqlite1.1.2.3.4", "elastic.1.2.3", "sqlite1.1.2.99999999999999999999"} {
		if _, err := parsePlace(text); audit.CodeOf(err) != audit.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	p := place{commit: 5, month: 24322, ordinal: 7}
	if got, err := parsePlace(p.String()); err != nil || got != p {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheTopKeepsTheGreatest(t *testing.T) {
	top := top{need: 3}
	for _, r := range []int64{5, 1, 9, 7, 3, 8, 2} {
		top.offer(r)
	}
	if got := top.descending(); !slices.Equal(got, []int64{9, 8, 7}) {
		t.Errorf("got %v", got)
	}
}

func TestARowSetFindsItsRowsInAnyOrder(t *testing.T) {
	set := rowSet{}
	for i := range int64(1000) {
		set.rows = append(set.rows, 3*i)
	}
	for _, r := range []int64{0, 3, 6, 2997, 2998, 2996, 0, 1500, 1501, 9, -1, 5000, 2997} {
		if want := r >= 0 && r <= 2997 && r%3 == 0; set.has(r) != want {
			t.Errorf("%d: want %v", r, want)
		}
	}
	if (&rowSet{}).has(1) {
		t.Error("an empty set has a row")
	}
}
