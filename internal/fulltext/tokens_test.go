package fulltext

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func textsOf(tokens []Token) []string {
	texts := []string{}
	for _, t := range tokens {
		texts = append(texts, t.Text)
	}
	return texts
}

func TestTextIsCutAndFolded(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want string // tokens with | between
	}{
		"nothing":                     {"", ""},
		"only punctuation":            {"... -- ?!", ""},
		"ASCII punctuation separates": {"contacts.member.added a@b.org 10.0.0.1 d_e it's", "contacts|member|added|a|b|org|10|0|0|1|d|e|it|s"},
		"what folds to ASCII punctuation separates":      {"O’Brien “x”—y（z）", "o|brien|x|y|z"},
		"capitals become small":                          {"Alice SMITH ÉLAN ΩΣ", "alice|smith|elan|ωσ"},
		"accents and ligatures are folded":               {"Straße ẞ Œuvre Łódź ﬁn Ångström", "strasse|ss|oeuvre|lodz|fin|angstrom"},
		"decomposed accents are folded too":              {"re\u0301sume\u0301 A\u030angstro\u0308m", "resume|angstrom"},
		"Turkish capitals":                               {"İstanbul", "istanbul"},
		"full width becomes ASCII":                       {"ＡＢＣ１２", "abc12"},
		"Han and Hiragana one by one, Katakana in runs":  {"東京タワーです", "東|京|タワー|で|す"},
		"Hangul in runs":                                 {"한국어 사용자", "한국어|사용자"},
		"Thai, Lao, Khmer and Myanmar in runs":           {"ระบบทดสอบ ພາສາ123 ភាសា မြန်မာ", "ระบบทดสอบ|ພາສາ|123|ភាសា|မြန်မာ"},
		"emoji are kept whole":                           {"go🚀now 👩‍👩‍👧 🇩🇪🇫🇷 👍🏽", "go|🚀|now|👩\u200d👩\u200d👧|🇩🇪|🇫🇷|👍🏽"},
		"style selectors make no difference":             {"❤️ ❤", "❤|❤"},
		"half a flag is no word":                         {"🇩 a", "a"},
		"symbols are no words":                           {"a ± b ½ → ²", "a|b"},
		"private use is no word":                         {"a\ue000b \ue001", "a|b"},
		"letters inside words are not folded if unknown": {"Кириллица עברית", "кириллица|עברית"},
		"invalid UTF-8 does no harm":                     {"ab\xffcd é\xc3 \xed\xa0\x80", "ab|cd|e\ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(textsOf(AppendTokens(nil, row.text)), "|"); got != row.want {
				t.Errorf("tokens of %q are %q, want %q", row.text, got, row.want)
			}
		})
	}
}

func TestLongWordsAreCutAt255CodeUnits(t *testing.T) {
	for text, want := range map[string][]int{
		strings.Repeat("x", 255): {255}, strings.Repeat("x", 256): {255, 1}, strings.Repeat("X", 600): {255, 255, 90},
		strings.Repeat("é", 256): {255, 1}, strings.Repeat("𝒳", 200): {127, 73}, strings.Repeat("ก", 300): {255, 45}, strings.Repeat("ß", 255): {510},
		"x" + strings.Repeat("\u0301", 1000): {1},
	} {
		var got []int
		for _, token := range AppendTokens(nil, text) {
			got = append(got, utf8.RuneCountInString(token.Text))
		}
		if !slices.Equal(got, want) {
			t.Errorf("tokens of %d characters %.8q have the lengths %v, want %v", utf8.RuneCountInString(text), text, got, want)
		}
	}
}

func TestTokensSayWhereTheyStand(t *testing.T) {
	const text = "Alice, ÉLAN 東京 b"
	want := []Token{{"alice", 0, 5}, {"elan", 7, 12}, {"東", 13, 16}, {"京", 16, 19}, {"b", 20, 21}}
	if got := AppendTokens(nil, text); !slices.Equal(got, want) {
		t.Errorf("tokens are %v, want %v", got, want)
	}
	if got := AppendTokens(want[:1:1], "x"); !slices.Equal(got, []Token{want[0], {"x", 0, 1}}) {
		t.Errorf("appended tokens are %v", got)
	}
}

// testdata/lucene.jsonl holds what Lucene 9.12.2 made of each text: a char filter that turns ASCII punctuation and wideSeparators into spaces and
// drops what isDropped names, StandardTokenizer, LowerCaseFilter, ASCIIFoldingFilter and LowerCaseFilter again.
func TestTokensAgreeWithLucene(t *testing.T) {
	// Newer Unicode attaches a skin tone to the punctuation before it; a Hindi mark that begins a Khmer word is in neither script.
	known := []string{"京タ、🏽々👨」々", "\u094d\u17c2"}
	file, err := os.Open("testdata/lucene.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	lines := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); lines++ {
		var row struct {
			Text   string   `json:"text"`
			Tokens []string `json:"tokens"`
		}
		if err := json.Unmarshal(scanner.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		got := textsOf(AppendTokens(nil, row.Text))
		if agrees := slices.Equal(got, row.Tokens); agrees == slices.Contains(known, row.Text) {
			t.Errorf("tokens of %q are %q, and Lucene's %q", row.Text, got, row.Tokens)
		}
	}
	if lines < 400 {
		t.Errorf("only %d texts were compared", lines)
	}
}

func FuzzAppendTokens(f *testing.F) {
	for _, text := range []string{"", "Alice Smith", "O’Brien—x", "東京タワー", "ระบบ", "👩‍👩‍👧🇩🇪", "e\u0301", "\xff\xfe", "a\xc3", "\ufe0f\u200d", strings.Repeat("é", 300)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, end := AppendTokens(nil, text), 0
		for _, token := range tokens {
			if token.Start < end || token.End <= token.Start || token.End > len(text) || token.Text == "" {
				t.Fatalf("token %+v of %q is out of place", token, text)
			}
			end = token.End
			for _, r := range token.Text {
				if r < utf8.RuneSelf && byteClass[byte(r)] != byteSmall || r != unicode.ToLower(r) {
					t.Fatalf("token %q of %q holds %q", token.Text, text, r)
				}
			}
			if utf8.ValidString(text) && token.Text != "" {
				again := textsOf(AppendTokens(nil, token.Text))
				if strings.Join(again, "") != token.Text && len(token.Text) < MaxTokenUnits {
					t.Fatalf("token %q of %q becomes %q when it is cut again", token.Text, text, again)
				}
			}
		}
	})
}

func BenchmarkAppendTokens(b *testing.B) {
	for name, text := range map[string]string{
		"small ASCII": "alice smith added bob lee to sales, contacts.member.added from 203.0.113.7 by the web console",
		"mixed ASCII": "An account was successfully logged on. Subject: Security ID: S-1-5-18 Account Name: WIN-ABC$ Logon Type: 3",
		"accents":     "José Müller änderte die Straße nach Łódź, façade résumé naïve Zoë Ångström",
		"Japanese":    "管理者が東京タワーの権限を変更しました",
	} {
		b.Run(name, func(b *testing.B) {
			text := strings.Repeat(text+" ", 10)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var tokens []Token
			for b.Loop() {
				tokens = AppendTokens(tokens[:0], text)
			}
		})
	}
}
