package indextest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// texts are the events that textCases ask for, newest first.
func texts() []*audit.Event {
	hour := func(n int) time.Time { return at(-time.Duration(n) * time.Hour) }
	login := log(audit.LogLogin)
	return []*audit.Event{
		event("added", hour(0), message("Alice Smith added Bob Lee to Sales"), actor("u_alice", "Alice Smith"), target("u_bob", "Bob Lee"),
			address("203.0.113.7"), platform("web"), func(e *audit.Event) { e.Source.Location = audit.Location{Country: "DE", City: "Köln"} }),
		event("removed", hour(1), message("Alice Jones removed Carol from Sales"), action("contacts.member.removed"), actor("u_jones", "Alice Jones"),
			target("u_x", "Xi Zhang"), target("u_carol", "Carol Danvers"), platform("iOS app")),
		event("login", hour(2), message("Bob Lee signed in"), login, action("login.succeeded"), actor("u_bob", "Bob Lee"), address("2001:db8::7")),
		event("japanese", hour(3), message("管理者が東京タワーの権限を変更しました"), action("roles.grant.changed"), actor("u_jp", "山田太郎")),
		event("accents", hour(4), message("José changed the Straße to Łódź, façade and Re\u0301sume\u0301"), action("roles.note.changed"), actor("u_jose", "José Müller")),
		event("emoji", hour(5), message("Deployed 🚀 to 🇩🇪 👍🏽"), action("crm.deploy.ended"), actor("key-1", ""), outcome(audit.OutcomeFailure), func(e *audit.Event) {
			e.Metadata = map[string]string{"ticket": "OPS-812", "mail": "carol@example.org", "url": "https://example.org/a/b?c=d_e"}
		}),
		event("changes", hour(6), action("crm.page.edited"), actor("key-2", ""), outcome(audit.OutcomeUnknown), func(e *audit.Event) {
			e.Changes = []audit.Change{{Field: "state", Old: "draft one", New: "published two"}, {Field: "hidden_field", Old: "three"}}
			e.Metadata = map[string]string{"aaa": "first second", "bbb": "third fourth"}
		}),
		event("long", hour(7), message("key "+strings.Repeat("x", 300)+" end"), action("crm.key.made"), actor("key-3", "")),
		event("scripts", hour(8), message("ระบบทดสอบ 한국어 사용자 עברית العربية ελληνικά Кириллица"), action("crm.key.used"), actor("key-4", "")),
		event("repeats", hour(9), message("to be or not to be that is to be"), action("crm.key.lost"), actor("key-5", "")),
	}
}

var everyText = []string{"added", "removed", "login", "japanese", "accents", "emoji", "changes", "long", "scripts", "repeats"}

// without returns every event of texts but the named ones.
func without(ids ...string) []string {
	return slices.DeleteFunc(slices.Clone(everyText), func(id string) bool { return slices.Contains(ids, id) })
}

// textRows are texts of queries and what they find.
type textRows map[string][]string

func (rows textRows) check(s *suite) {
	s.store(acme, texts()...)
	for text, want := range rows {
		s.expect(acme, audit.Query{Text: text}, want...)
	}
}

var textCases = []testCase{
	{"finds words in any case, all of them, wherever they are", textRows{
		"": everyText, "sales": {"added", "removed"}, "SALES": {"added", "removed"}, "alice sales": {"added", "removed"}, "alice bob": {"added"},
		"bob": {"added", "login"}, "smith web": {"added"}, "köln": {"added"}, "koln de": {"added"}, "nothing": nil, "alice nothing": nil, "sale": nil,
		"ios": {"removed"}, "published": {"changes"}, "draft": {"changes"}, "fourth": {"changes"}, "first fourth": {"changes"}, "812": {"emoji"},
	}.check},
	{"does not search what full text does not cover", textRows{
		"hidden_field": nil, "state": nil, "ticket": nil, "operation": nil, "failure": nil, "success": nil, "acme": nil,
	}.check},
	{"finds phrases, words in order and next to each other", textRows{
		`"alice smith"`: {"added"}, `"smith alice"`: nil, `"ALICE  SMITH"`: {"added"}, `"alice added"`: nil, `"alice smith added bob lee to sales"`: {"added"},
		`"bob lee"`: {"added", "login"}, `"to be that"`: {"repeats"}, `"be to"`: nil, `"is to be"`: {"repeats"}, `"sales"`: {"added", "removed"},
		`"to be or not to be that is to be"`: {"repeats"}, `"to be or not to be that is to be or"`: nil, `"bob lee" "to sales"`: {"added"},
	}.check},
	{"does not let a phrase span two values", textRows{
		`"sales contacts"`: nil, `"second third"`: nil, `"one published"`: nil, `"two three"`: nil, `"alice alice"`: nil, `"lee u"`: nil, `"zhang u"`: nil, `"first second"`: {"changes"},
	}.check},
	{"finds prefixes of words and of the last word of a phrase", textRows{
		"rem*": {"removed"}, "REM*": {"removed"}, "ali* smi*": {"added"}, `"alice s"*`: {"added"}, `"alice j"*`: {"removed"}, `"ali s"*`: nil, "a*": {"added", "removed", "accents", "emoji"},
		"sales*": {"added", "removed"}, "salesx*": nil, "contacts.mem*": {"added", "removed"}, "contacts.*": {"added", "removed"}, "*": everyText, "ope*": nil, "東*": {"japanese"},
		"-a*": without("added", "removed", "accents", "emoji"), "jos* mül*": {"accents"}, "fac*": {"accents"}, "faç*": {"accents"},
	}.check},
	{"leaves out what is negated", textRows{
		"alice -smith": {"removed"}, "alice -jones": {"added"}, "-alice": without("added", "removed"), `-"alice smith"`: without("added"), "-alice -bob": without("added", "removed", "login"),
		"-nothing": everyText, "sales -sales": nil, `sales -"bob lee"`: {"removed"}, `-"sales contacts"`: everyText,
	}.check},
	{"takes alternatives, which bind tighter than the rest", textRows{
		"smith OR jones": {"added", "removed"}, "smith OR jones sales bob": {"added"}, "bob smith OR login": {"added", "login"}, "nothing OR carol": {"removed", "emoji"},
		`"alice smith" OR "signed in"`: {"added", "login"}, "rem* OR 812": {"removed", "emoji"}, "smith or jones": nil, "smith OR jones OR 東京": {"added", "removed", "japanese"},
		"-alice OR smith": without("removed"), "alice -smith OR jones": {"removed"}, "nothing OR never": nil, "... OR carol": {"removed", "emoji"},
	}.check},
	{"finds what punctuation joins by any part and as a whole", textRows{
		"contacts.member.added": {"added"}, "member.added": {"added"}, "contacts.added": nil, "added.member": nil, "contacts": {"added", "removed"},
		"203.0.113.7": {"added"}, "113.7": {"added"}, "113": {"added"}, "0.203": nil, "2001:db8::7": {"login"}, "carol@example.org": {"emoji"}, "example.org": {"emoji"},
		"carol": {"removed", "emoji"}, "OPS-812": {"emoji"}, "ops": {"emoji"}, "ops_812": {"emoji"}, "https://example.org/a/b?c=d_e": {"emoji"}, "d_e": {"emoji"}, "u_bob": {"added", "login"},
		"a/b?c": {"emoji"}, `-ops-812`: without("emoji"), "foo:bar": nil, "db8:": {"login"},
	}.check},
	{"lets text without a word restrict nothing", textRows{
		"...": everyText, "-...": everyText, `"?!"`: everyText, "carol ...": {"removed", "emoji"}, `carol -"--"`: {"removed", "emoji"}, "... OR ---": everyText, "  ": everyText,
	}.check},
	{"finds accented, decomposed and ligated words without their accents, and the other way", textRows{
		"jose": {"accents"}, "JOSÉ": {"accents"}, "joše": {"accents"}, "muller": {"accents"}, "MÜLLER": {"accents"}, "strasse": {"accents"}, "STRASSE": {"accents"}, "straße": {"accents"},
		"lodz": {"accents"}, "łódź": {"accents"}, "facade": {"accents"}, "resume": {"accents"}, "résumé": {"accents"}, "re\u0301sume\u0301": {"accents"}, "Köln": {"added"}, "ko\u0308ln": {"added"},
		"alicé": {"added", "removed"}, "ｓａｌｅｓ": {"added", "removed"}, "“alice”": {"added", "removed"},
	}.check},
	{"finds Chinese and Japanese by any run of characters, and other scripts by words", textRows{
		"東京": {"japanese"}, "京東": nil, "東": {"japanese"}, "権限を変更": {"japanese"}, "東京タワー": {"japanese"}, "タワー": {"japanese"}, "タワ": nil, "タワ*": {"japanese"}, "山田太郎": {"japanese"},
		"太郎 東京": {"japanese"}, "田太": {"japanese"}, "管理者 -東京": nil, "-東京": without("japanese"), "大阪": nil, "しました": {"japanese"},
		"ระบบทดสอบ": {"scripts"}, "ระบบ": nil, "ระบบ*": {"scripts"}, "한국어": {"scripts"}, "한국": nil, "한국*": {"scripts"}, "사용자 한국어": {"scripts"}, "עברית": {"scripts"}, "العربية": {"scripts"},
		"ΕΛΛΗΝΙΚΆ": {"scripts"}, "кириллица": {"scripts"}, "КИРИЛЛИЦА": {"scripts"},
	}.check},
	{"finds emoji", textRows{
		"🚀": {"emoji"}, "deployed 🚀": {"emoji"}, "🇩🇪": {"emoji"}, "🇫🇷": nil, "👍🏽": {"emoji"}, "-🚀": without("emoji"), `"🚀 to 🇩🇪"`: {"emoji"}, "🛸": nil,
	}.check},
	{"cuts words longer than 255 characters and finds them whole", textRows{
		strings.Repeat("x", 300): {"long"}, strings.Repeat("x", 299): nil, strings.Repeat("x", 299) + "*": {"long"}, strings.Repeat("x", 255): {"long"}, strings.Repeat("x", 254): nil,
		strings.Repeat("x", 10) + "*": {"long"}, strings.Repeat("X", 300): {"long"}, `"key ` + strings.Repeat("x", 300) + ` end"`: {"long"}, strings.Repeat("x", 301): nil,
	}.check},
	{"takes qualifiers of action, range, outcome, platform and address", textRows{
		"action:contacts.member.added": {"added"}, "action:CONTACTS.member.ADDED": {"added"}, "action:contacts.member": nil, "action:contacts.*": {"added", "removed"}, "action:con*": {"added", "removed"},
		"action:contacts.member.r*": {"removed"}, "-action:contacts.*": without("added", "removed"), "action:contacts.* -smith": {"removed"}, "range:contacts": {"added", "removed"}, "range:LOGIN": {"login"}, "range:contact": nil,
		"-range:crm": {"added", "removed", "login", "japanese", "accents"}, "outcome:failure": {"emoji"}, "outcome:UNKNOWN": {"changes"}, "-outcome:success": {"emoji", "changes"},
		"platform:web": {"added"}, "platform:WEB": {"added"}, `platform:"ios app"`: {"removed"}, "platform:ios": nil, "-platform:web": without("added"),
		"ip:203.0.113.7": {"added"}, "ip:203.0.113.0/24": {"added"}, "ip:2001:db8::/32": {"login"}, "ip:2001:DB8::7": {"login"}, "-ip:0.0.0.0/0": without("added"), "ip:10.0.0.0/8": nil,
		"outcome:failure OR ip:203.0.113.7": {"added", "emoji"}, "outcome:failure OR alice": {"added", "removed", "emoji"}, "-outcome:success OR smith carol": {"emoji"}, "bob -ip:203.0.113.7": {"login"},
		"-platform:web OR smith sales": {"added", "removed"},
	}.check},
	{"takes qualifiers of actor and target by words of id or name", textRows{
		"actor:alice": {"added", "removed"}, "actor:ALICE": {"added", "removed"}, `actor:"alice smith"`: {"added"}, "actor:smi*": {"added"}, "actor:u_alice": {"added"}, "actor:bob": {"login"}, "target:bob": {"added"},
		"target:u_bob": {"added"}, `target:"bob lee"`: {"added"}, "target:carol": {"removed"}, "target:xi": {"removed"}, "target:dan*": {"removed"}, "target:alice": nil, "actor:sales": nil, "-actor:alice": without("added", "removed"),
		`target:"zhang u"`: nil, `actor:"alice alice"`: nil, "actor:太郎": {"japanese"}, "actor:muller": {"accents"}, "target:bob OR actor:bob": {"added", "login"}, "-target:bob bob": {"login"}, "actor:key*": {"emoji", "changes", "long", "scripts", "repeats"},
		"actor:...": everyText, "actor:alice target:carol": {"removed"}, "actor:alice -target:carol": {"added"}, "actor:jose OR outcome:failure": {"accents", "emoji"},
	}.check},
	{"takes before and after, half open like from and to", func(s *suite) {
		s.store(acme, texts()...)
		text := func(name string, when time.Time) string { return name + ":" + when.Format(audit.TimeLayout) }
		after, before := text("after", at(-2*time.Hour)), text("before", at(-2*time.Hour))
		each(s, map[string]filterRow{
			"after is inclusive":          {audit.Query{Text: after}, []string{"added", "removed", "login"}},
			"before is exclusive":         {audit.Query{Text: before}, without("added", "removed", "login")},
			"both":                        {audit.Query{Text: after + " " + text("before", at(0))}, []string{"removed", "login"}},
			"negated":                     {audit.Query{Text: "-" + after}, without("added", "removed", "login")},
			"with words":                  {audit.Query{Text: after + " bob"}, []string{"added", "login"}},
			"as alternatives":             {audit.Query{Text: text("after", at(-time.Hour)) + " OR 東京"}, []string{"added", "removed", "japanese"}},
			"as alternatives of times":    {audit.Query{Text: text("after", at(-time.Hour)) + " OR " + text("before", at(-8*time.Hour))}, []string{"added", "removed", "repeats"}},
			"with from and to":            {audit.Query{Text: after, To: at(0)}, []string{"removed", "login"}},
			"before the horizon":          {audit.Query{Text: "before:2020-01-01"}, nil},
			"not before the horizon":      {audit.Query{Text: "-before:2020-01-01"}, everyText},
			"a millisecond after an hour": {audit.Query{Text: text("after", at(-2*time.Hour+time.Millisecond))}, []string{"added", "removed"}},
		}, func(s *suite, row filterRow) { s.expect(acme, row.query, row.want...) })
	}},
	{"answers strange texts as the language says, never with a fault of its own", func(s *suite) {
		model := NewModel(s.clock.Now)
		all := texts()
		for i, text := range hostile {
			all = append(all, event(fmt.Sprint("hostile", i), at(-time.Duration(i+20)*time.Hour), message(text)))
		}
		s.store(acme, all...)
		if _, err := model.Append(s.Context(), acme, all); err != nil {
			s.Fatal(err)
		}
		for _, text := range append(slices.Clone(hostile), strange...) {
			s.sameSearch(s.T, model, acme, audit.Search{Query: audit.Query{Text: text}, Limit: 10, CountLimit: audit.CountAll})
		}
	}},
	{"pages through what a text finds", func(s *suite) {
		var want []string
		var all []*audit.Event
		for i := range 120 {
			id := fmt.Sprint("p", i)
			words := "green"
			if i%3 == 0 {
				words, want = "green apple", append(want, id)
			}
			all = append(all, event(id, at(-time.Duration(i)*36*time.Hour), message(words)))
		}
		s.store(acme, all...)
		for _, text := range []string{"apple", `"green apple"`, "app*", "green -pear apple", "apple OR pear"} {
			got, err := s.walk(s.ix, acme, audit.Search{Query: audit.Query{Text: text}, Limit: 7})
			s.must(err)
			s.same(idsOf(got), want, "a walk of %s", text)
		}
	}},
}

// strange are texts of queries at the edges of the language.
var strange = []string{
	"OR", "a OR", "OR a", "a OR OR b", "-", "--a", "- a", "-OR", `""`, `"`, `a"b`, `"a" "b`, "*", "**", "-*", "a**", "a*b", "(a OR b) c", "NOT a", "AND", "a AND b", "NEAR(a b, 2)", "text:a", "rowid:1",
	"actor:", "action:", "ip:", "ip:x", "ip:1.2.3.4/99", "ip:::ffff:10.0.0.1", "outcome:bad", "before:x", "before:2026-11-15", "after:9999-12-31", "platform:", `platform:""`, "range:*", "action:*", "actor:*", "target:a*b", "{a}", "^a",
	"a:b:c", "\\", "'", "`", "a'b", "%", "_", "é*", "漢字 かな カナ*", "😀 OR 🇩🇪", strings.Repeat("a ", 64), strings.Repeat("a ", 65), strings.Repeat("a", 2048), strings.Repeat("(", 500), strings.Repeat("-", 500),
	"x\u0000y", "\u0301", "ß", "ı İ", "ǅ", "ﬁ", "\ufffd", "\xff",
}
