package audit

import (
	"slices"
	"time"
)

// MaxGroupMembers is how many members a group may have where it is changed as a whole.
const MaxGroupMembers = 10_000

// Group is what an identity provider knows of a department. Who is in it, members say themselves, by their departments: a department that no identity
// provider made or took over has no Group.
type Group struct {
	ID           string `json:"id"`
	Organization string `json:"-"`
	// Name is the department's. No other group of the organization has the same, whatever its case.
	Name string `json:"name"`
	// Former is the name before, from when the group gets a new one until all its members have it too: until then both name the department.
	Former     string    `json:"former,omitempty"`
	ExternalID string    `json:"external_id,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	// Version counts the changes that were made to it as a group; a writer names the one it read, 0 for a new group.
	Version int64 `json:"version"`
}

// GroupFilter chooses groups. Empty fields restrict nothing.
type GroupFilter struct {
	// Names are alternatives, at most 1,000, that are compared whatever their case with the name and the former one.
	Names []string
	// ExternalID is compared exactly.
	ExternalID string
	// After continues behind this id, and Skip leaves out that many more; Limit is 1 to 1,000.
	After string
	Skip  int
	Limit int
}

// Departments returns the names by which members say that they are in the group.
func (g Group) Departments() []string {
	if g.Former == "" {
		return []string{g.Name}
	}
	return []string{g.Name, g.Former}
}

// Has says whether the member is in the group.
func (g Group) Has(m Member) bool {
	return slices.ContainsFunc(g.Departments(), func(name string) bool { return slices.Contains(m.Departments, name) })
}

// Placed returns the member as they are once they are in the group, under its name and in the place of the former one, or no longer in it.
func (g Group) Placed(m Member, in bool) Member {
	departments := []string{}
	for _, name := range m.Departments {
		if name == g.Former && g.Former != "" {
			name = g.Name
		}
		if name != g.Name || in && !slices.Contains(departments, name) {
			departments = append(departments, name)
		}
	}
	if in && !slices.Contains(departments, g.Name) {
		departments = append(departments, g.Name)
	}
	if own := m.Provisioned.Department; own != "" && slices.Contains(g.Departments(), own) {
		m.Provisioned.Department = ""
		if in {
			m.Provisioned.Department = g.Name
		}
	}
	m.Departments = departments
	return m
}

// Validate says whether the group may be stored.
func (g Group) Validate() error {
	var c checker
	c.required("id", g.ID, MaxIDBytes)
	c.required("name", g.Name, MaxNameBytes)
	c.name("external_id", g.ExternalID, MaxNameBytes)
	return c.err()
}
