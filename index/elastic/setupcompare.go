package elastic

import "strings"

// diffPolicy compares lifecycle policies. What Elasticsearch fills in by itself is no difference.
func diffPolicy(have, want map[string]any) []Difference {
	return diff(flatPolicy(have), flatPolicy(want))
}

func flatPolicy(policy map[string]any) map[string]leaf {
	leaves := map[string]leaf{}
	for path, l := range flatten(policy) {
		parts := strings.Split(path, ".")
		switch {
		case len(parts) == 3 && parts[0] == "phases" && parts[2] == "min_age" && l.key == "0 ms": // what a phase without one has
		case path == "deprecated" && l.key == "false":
		case strings.HasSuffix(path, ".actions.delete") && l.key == "{}": // its one parameter has a default
			leaves[path+".delete_searchable_snapshot"] = leaf{text: "true", key: "true"}
		default:
			leaves[path] = l
		}
	}
	return leaves
}

// diffTemplate compares index templates. What Elasticsearch adds and cannot mean anything is no difference.
func diffTemplate(have, want map[string]any) []Difference {
	differences := diff(flatTemplate(have), flatTemplate(want))
	kept := differences[:0]
	for _, d := range differences {
		if d.Want == "" && !meaningful(d) {
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// meaningful says whether something that the template has and should not have changes what it does.
func meaningful(d Difference) bool {
	if d.Have == "{}" || d.Have == "[]" || d.Have == "false" || d.Have == "null" {
		return false
	}
	for _, part := range []string{"template.", "_meta.", "composed_of", "index_patterns", "data_stream", "allow_auto_create"} {
		if strings.HasPrefix(d.Path, part) {
			return true
		}
	}
	return false
}

func flatTemplate(template map[string]any) map[string]leaf {
	leaves := flatten(template)
	for path := range leaves {
		if strings.HasPrefix(path, "template.settings") {
			delete(leaves, path)
		}
	}
	if _, ok := template["data_stream"]; ok {
		leaves["data_stream"] = leaf{text: "{}", key: "{}"} // whatever is inside
	}
	inner, _ := template["template"].(map[string]any)
	for path, value := range flatSettings(inner["settings"]) {
		leaves["template.settings."+path] = leafOf(value)
	}
	return leaves
}

// implied are parameters of a mapping that Elasticsearch leaves out of its answer where they say what is the case anyway.
var implied = map[string]string{
	"type": "object", "index": "true", "doc_values": "true", "enabled": "true", "store": "false", "norms": "true", "dynamic": "true",
	"search_analyzer": "", "index_options": "positions", "coerce": "true", "ignore_malformed": "false", "subobjects": "true",
}

// codecSetting is how a backing index packs the documents that it keeps, and packed is what one packs as that has no such setting.
const (
	codecSetting = "index.codec"
	packed       = "default"
)

// fixed says that a setting of a backing index is decided when it is made, and that pages depend on it: the analysis of text, the order, the packing.
func fixed(path string) bool {
	return path == codecSetting || strings.HasPrefix(path, "index.analysis.") || strings.HasPrefix(path, "index.sort.")
}

// diffIndex compares a backing index with what a new one would be: every field of ours as it should be, and the settings that are fixed. What the
// index has beyond that does no harm. additions says that all of it can be added to the index as it is.
func diffIndex(mapping, settings map[string]any, want definition) (differences []Difference, additions bool) {
	have := flatten(mapping)
	additions = true
	for path, w := range flatten(want.mappings()) {
		h, ok := have[path]
		parameter := path[strings.LastIndexByte(path, '.')+1:]
		if ok && h.key == w.key || !ok && implied[parameter] == w.key {
			continue
		}
		differences = append(differences, Difference{Path: "mappings." + path, Have: h.text, Want: w.text})
		if !strings.HasPrefix(path, "_meta.") && !newField(have, path) {
			additions = false
		}
	}
	for path, value := range want.settings() {
		if !fixed(path) {
			continue
		}
		w, h := leafOf(value), leaf{}
		if v, ok := settings[path]; ok {
			h = leafOf(v)
		}
		unsaid := path == codecSetting && h.key == "" && w.key == packed
		if h.key != w.key && !unsaid {
			differences = append(differences, Difference{Path: "settings." + path, Have: h.text, Want: w.text})
			additions = false
		}
	}
	sortDifferences(differences)
	return differences, additions
}

// newField says that the path belongs to a field, or a field of a field, of which the index has nothing yet.
func newField(have map[string]leaf, path string) bool {
	parts := strings.Split(path, ".")
	for i := range parts {
		if parts[i] != "properties" && parts[i] != "fields" || i+2 > len(parts) {
			continue
		}
		prefix := strings.Join(parts[:i+2], ".") + "."
		if !hasPrefix(have, prefix) {
			return true
		}
	}
	return false
}

func hasPrefix(leaves map[string]leaf, prefix string) bool {
	for path := range leaves {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
