package audit

import "fmt"

// TextValue is one value that full text covers.
type TextValue struct {
	// Field is its JSON path: "message", "targets[0].id", "metadata.ticket".
	Field string
	Value string
}

// SearchedText returns what full text covers, in a fixed order: message, action, id and name of actor and targets, address, platform,
// location, old and new values of changes, and values of metadata by key. Empty values are left out. So is the metadata of events that
// record a search or a summary: it holds what was looked for, and a search must not find itself and those before it.
func SearchedText(e *Event) []TextValue {
	values := make([]TextValue, 0, 8+2*len(e.Targets)+2*len(e.Changes)+len(e.Metadata))
	add := func(field, value string) {
		if value != "" {
			values = append(values, TextValue{field, value})
		}
	}
	add("message", e.Message)
	add("action", e.Action)
	add("actor.id", e.Actor.ID)
	add("actor.name", e.Actor.Name)
	for i := range e.Targets {
		path := targetPath(i)
		add(path.id, e.Targets[i].ID)
		add(path.name, e.Targets[i].Name)
	}
	if e.Source.IP.IsValid() {
		add("source.ip", e.Source.IP.String())
	}
	add("source.platform", e.Source.Platform)
	add("source.location.country", e.Source.Location.Country)
	add("source.location.city", e.Source.Location.City)
	for i := range e.Changes {
		path := changePath(i)
		add(path.old, e.Changes[i].Old)
		add(path.new, e.Changes[i].New)
	}
	if e.Action == ActionEventsSearched || e.Action == ActionSummaryViewed {
		return values
	}
	var space [16]string
	for _, key := range sortedKeys(space[:0], e.Metadata) {
		add("metadata."+key, e.Metadata[key])
	}
	return values
}

// Paths inside targets and changes are made once: every event that is stored or checked needs some.
type (
	targetNames struct{ typ, id, name string }
	changeNames struct{ field, old, new string }
)

var targetPaths = func() (paths [MaxTargets]targetNames) {
	for i := range paths {
		paths[i] = makeTargetPath(i)
	}
	return paths
}()

var changePaths = func() (paths [MaxChanges]changeNames) {
	for i := range paths {
		paths[i] = makeChangePath(i)
	}
	return paths
}()

func makeTargetPath(i int) targetNames {
	at := fmt.Sprintf("targets[%d].", i)
	return targetNames{at + "type", at + "id", at + "name"}
}

func makeChangePath(i int) changeNames {
	at := fmt.Sprintf("changes[%d].", i)
	return changeNames{at + "field", at + "old", at + "new"}
}

func targetPath(i int) targetNames {
	if i < len(targetPaths) {
		return targetPaths[i]
	}
	return makeTargetPath(i)
}

func changePath(i int) changeNames {
	if i < len(changePaths) {
		return changePaths[i]
	}
	return makeChangePath(i)
}
