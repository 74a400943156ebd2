package elastic

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Difference is one path where the cluster has something else than it should. Values are JSON; "" means that nothing is there.
type Difference struct {
	Path string `json:"path"`
	Have string `json:"have"`
	Want string `json:"want"`
}

// String returns the path and both values, for people.
func (d Difference) String() string {
	switch {
	case d.Have == "":
		return fmt.Sprintf("%s: should be %s, is not set", d.Path, d.Want)
	case d.Want == "":
		return fmt.Sprintf("%s: is %s, should not be set", d.Path, d.Have)
	}
	return fmt.Sprintf("%s: is %s, should be %s", d.Path, d.Have, d.Want)
}

// leaf is a value at the end of a path: how it is shown, and what makes it equal to another one.
type leaf struct{ text, key string }

// flatten returns the leaves of a tree by their path. An empty object is a leaf too: the presence of an action can be all it says.
func flatten(tree map[string]any) map[string]leaf {
	leaves := map[string]leaf{}
	walk("", tree, leaves)
	return leaves
}

func walk(path string, value any, into map[string]leaf) {
	object, ok := value.(map[string]any)
	if !ok || len(object) == 0 && path != "" {
		into[path] = leafOf(value)
		return
	}
	for key, v := range object {
		if path != "" {
			key = path + "." + key
		}
		walk(key, v, into)
	}
}

// leafOf makes a leaf. Elasticsearch answers numbers and booleans as text in some places and not in others, so that types do not count.
func leafOf(value any) leaf {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte(fmt.Sprint(value))
	}
	l := leaf{text: string(text), key: string(text)}
	switch v := value.(type) {
	case string:
		l.key = amount(v)
	case []any:
		keys := make([]string, len(v))
		for i, item := range v {
			keys[i] = leafOf(item).key
		}
		l.key = strings.Join(keys, "\x00")
	}
	return l
}

// spanOrSize is a time or a size as Elasticsearch writes it: "30d", "50gb".
var spanOrSize = regexp.MustCompile(`^([0-9]+)(ms|s|m|h|d|b|kb|mb|gb|tb)$`)

var units = map[string]int64{
	"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
	"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40,
}

// amount makes "720h" and "30d" the same. Other text stays what it is.
func amount(text string) string {
	n, unit, ok := parseAmount(text)
	if !ok {
		return text
	}
	if strings.HasSuffix(unit, "b") {
		return strconv.FormatInt(n, 10) + " B"
	}
	return strconv.FormatInt(n, 10) + " ms"
}

func parseAmount(text string) (n int64, unit string, ok bool) {
	match := spanOrSize.FindStringSubmatch(strings.ToLower(text))
	if match == nil {
		return 0, "", false
	}
	n, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || n > (1<<62)/units[match[2]] {
		return 0, "", false
	}
	return n * units[match[2]], match[2], true
}

// parseSpan reads a time as Elasticsearch writes it.
func parseSpan(text string) (time.Duration, bool) {
	n, unit, ok := parseAmount(text)
	if !ok || strings.HasSuffix(unit, "b") || n > int64(1<<63-1)/int64(time.Millisecond) {
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, true
}

// diff compares leaf by leaf, in the order of their paths.
func diff(have, want map[string]leaf) []Difference {
	var list []Difference
	for path, w := range want {
		if h, ok := have[path]; !ok || h.key != w.key {
			list = append(list, Difference{Path: path, Have: h.text, Want: w.text})
		}
	}
	for path, h := range have {
		if _, ok := want[path]; !ok {
			list = append(list, Difference{Path: path, Have: h.text})
		}
	}
	sortDifferences(list)
	return list
}

func sortDifferences(list []Difference) {
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
}

// flatSettings returns settings by their full names, whichever way they are nested: "index.number_of_shards".
func flatSettings(settings any) map[string]any {
	flat := map[string]any{}
	var descend func(path string, value any)
	descend = func(path string, value any) {
		object, ok := value.(map[string]any)
		if ok {
			for key, v := range object {
				descend(strings.TrimPrefix(path+"."+key, "."), v)
			}
			return
		}
		if !strings.HasPrefix(path, "index.") {
			path = "index." + path
		}
		flat[path] = value
	}
	descend("", settings)
	return flat
}
