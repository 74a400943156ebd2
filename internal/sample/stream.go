package sample

import (
	"iter"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// generator makes the events of one reading of Events.
type generator struct {
	*Enterprise
	random *random
	// nearby is how busy each office is in the hour at hand, summed up.
	nearby []float64
}

// Events yields Count events, oldest first, each one new and the caller's to keep. Memory does not grow with Count. Every call
// yields the same events. Organization and ReceivedAt are left for the engine to set, so that their JSON is what a producer sends.
func (e *Enterprise) Events() iter.Seq[*audit.Event] {
	return func(yield func(*audit.Event) bool) {
		g := &generator{Enterprise: e, random: newRandom(e.opts.Seed, 2), nearby: make([]float64, len(e.offices))}
		g.run(yield)
	}
}

// run spreads the events over the hours of the span as busy as each one is, and merges the bursts in.
func (g *generator) run(yield func(*audit.Event) bool) {
	bursts := g.plan()
	regular := g.opts.Count
	for _, b := range bursts {
		regular -= b.size
	}
	total := 0.0
	for from, to := range g.hours() {
		total += g.weigh(from, to)
	}
	sum, done := 0.0, 0
	var running []*burst
	for from, to := range g.hours() {
		sum += g.weigh(from, to)
		upTo := min(int(float64(regular)*sum/total), regular)
		if to.Equal(g.opts.End) {
			upTo = regular
		}
		n := upTo - done
		for i := range n {
			at := from.Add(time.Duration((float64(i) + g.random.unit()) / float64(n) * float64(to.Sub(from))))
			if running, bursts = g.drain(running, bursts, at, yield); running == nil && bursts == nil {
				return
			}
			if !yield(g.event(at.Truncate(audit.TimePrecision))) {
				return
			}
		}
		done = upTo
	}
	g.drain(running, bursts, g.opts.End, yield)
}

// hours yields the full hours of the span, the first and the last cut to it.
func (g *generator) hours() iter.Seq2[time.Time, time.Time] {
	return func(yield func(time.Time, time.Time) bool) {
		for from := g.opts.Start; from.Before(g.opts.End); {
			to := from.Truncate(time.Hour).Add(time.Hour)
			if to.After(g.opts.End) {
				to = g.opts.End
			}
			if !yield(from, to) {
				return
			}
			from = to
		}
	}
}

// weigh returns how many events the hour attracts, and notes each office's part.
func (g *generator) weigh(from, to time.Time) float64 {
	sum := 0.0
	for i := range g.offices {
		sum += g.offices[i].busy(from)
		g.nearby[i] = sum
	}
	return sum * to.Sub(from).Hours()
}

// someone draws an active member of an office that is at work in the hour at hand.
func (g *generator) someone() int {
	at := g.random.unit() * g.nearby[len(g.nearby)-1]
	for i, upTo := range g.nearby {
		if at < upTo && len(g.byDesk[i]) > 0 {
			return g.byDesk[i][g.desk[i].draw(g.random)]
		}
	}
	return 0
}

// burst is a run of events in a short time: somebody guessing passwords, or an import of members.
type burst struct {
	next    time.Time
	start   time.Time
	length  time.Duration
	size    int
	sent    int
	attack  bool
	spray   bool // many accounts, few tries each
	member  int  // the account attacked, or the administrator who imports
	tool    string
	succeed bool // the last try gets in
	key     uint64
}

// maxBursts bounds the memory that the plan takes.
const maxBursts = 2000

// plan decides when the bursts begin, soonest first. They are about 7 in 100 events, fewer of several million.
func (g *generator) plan() []*burst {
	r := newRandom(g.opts.Seed, 3)
	span := g.opts.End.Sub(g.opts.Start)
	bursts := make([]*burst, min(g.opts.Count/1500, maxBursts))
	for i := range bursts {
		b := &burst{size: r.between(20, 190), attack: !r.chance(3), key: r.next()}
		b.length = min(time.Duration(b.size)*1200*time.Millisecond, span/20)
		b.start = g.opts.Start.Add(time.Duration(r.unit() * float64(span-b.length)))
		if b.attack {
			b.spray, b.succeed, b.tool = r.chance(3), r.chance(8), pick(r, attackTools)
			b.member = g.byDesk[0][r.n(len(g.byDesk[0]))]
		} else {
			for try := 0; try < 50 && g.offices[0].busy(b.start) < 0.1; try++ { // imports are office work
				b.start = g.opts.Start.Add(time.Duration(r.unit() * float64(span-b.length)))
			}
			b.member = g.admins[g.admin.draw(r)]
		}
		b.next = b.start
		bursts[i] = b
	}
	slices.SortFunc(bursts, func(a, b *burst) int { return a.start.Compare(b.start) })
	return bursts
}

// drain yields what the bursts send before the time, and returns those that run and those to come; nil and nil where the
// reader has had enough.
func (g *generator) drain(running, bursts []*burst, until time.Time, yield func(*audit.Event) bool) ([]*burst, []*burst) {
	if running == nil {
		running = []*burst{}
	}
	for {
		for len(bursts) > 0 && bursts[0].start.Before(until) {
			running, bursts = append(running, bursts[0]), bursts[1:]
		}
		first := -1
		for i, b := range running {
			if b.next.Before(until) && (first < 0 || b.next.Before(running[first].next)) {
				first = i
			}
		}
		if first < 0 {
			return running, bursts
		}
		b := running[first]
		if !yield(g.burstEvent(b)) {
			return nil, nil
		}
		b.sent++
		if b.sent == b.size {
			running = slices.Delete(running, first, first+1)
			continue
		}
		b.next = b.start.Add(time.Duration((float64(b.sent) + g.random.unit()) / float64(b.size) * float64(b.length)))
	}
}

// identify gives the event a UUID of version 7 made of its time and of the stream's random numbers.
func (g *generator) identify(at time.Time) string {
	const hex = "0123456789abcdef"
	var b [16]byte
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	high, low := g.random.next(), g.random.next()
	b[6], b[7] = 0x70|byte(high)&0x0f, byte(high>>8)
	for i := range 8 {
		b[8+i] = byte(low >> (8 * i))
	}
	b[8] = 0x80 | b[8]&0x3f
	var text [36]byte
	at2 := 0
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at2] = '-'
			at2++
		}
		text[at2], text[at2+1] = hex[c>>4], hex[c&15]
		at2 += 2
	}
	return string(text[:])
}
