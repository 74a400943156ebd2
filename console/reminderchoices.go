package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// rangeChoice is a range of the catalogue to choose actions of.
type rangeChoice struct {
	Range, Name string
	// Pattern means all of it; Whole says that it is chosen.
	Pattern string
	Whole   bool
	Wrong   string
	Actions []actionChoice
	// Chosen is how many single ones are.
	Chosen int
}

// Open says that there is something to see within.
func (c rangeChoice) Open() bool { return c.Whole || c.Chosen > 0 }

type actionChoice struct {
	audit.ActionInfo
	Chosen bool
	Wrong  string
}

// ranges puts the catalogue before whoever chooses, and returns what is chosen and not in it, one a line.
func (r *request) ranges(f reminderForm, p *problem) ([]rangeChoice, string, error) {
	var catalogue struct {
		Ranges []struct {
			Range   string             `json:"range"`
			Actions []audit.ActionInfo `json:"actions"`
		} `json:"ranges"`
	}
	if err := r.get("/v1/actions", nil, &catalogue); err != nil {
		return nil, "", err
	}
	others := slices.Clone(f.Actions)
	take := func(pattern string) bool {
		i := slices.Index(others, pattern)
		if i >= 0 {
			others = slices.Delete(others, i, i+1)
		}
		return i >= 0
	}
	choices := make([]rangeChoice, 0, len(catalogue.Ranges))
	for _, some := range catalogue.Ranges {
		c := rangeChoice{Range: some.Range, Name: humanName(some.Range), Pattern: some.Range + ".*"}
		c.Whole, c.Wrong = take(c.Pattern), f.wrongAt(p, "actions", f.Actions, c.Pattern)
		for _, a := range some.Actions {
			one := actionChoice{ActionInfo: a, Chosen: take(a.Action), Wrong: f.wrongAt(p, "actions", f.Actions, a.Action)}
			if one.Chosen {
				c.Chosen++
			}
			c.Actions = append(c.Actions, one)
		}
		choices = append(choices, c)
	}
	return choices, strings.Join(others, "\n"), nil
}

// channelChoice is a channel to choose.
type channelChoice struct {
	channelState
	Chosen bool
	Means  string
}

// Locked says that it can only be left out: nothing would be sent by it.
func (c channelChoice) Locked() bool { return !c.On && !c.Chosen }

func (r *request) channels(f reminderForm) ([]channelChoice, error) {
	var organization struct {
		Channels []channelState `json:"channels"`
	}
	if err := r.get("/v1/organization", nil, &organization); err != nil {
		return nil, err
	}
	means := map[audit.Channel]string{audit.ChannelInbox: "In the Message Center, with the number in the bell.",
		audit.ChannelEmail: "To the mail address that the directory has of each recipient, and to other addresses.", audit.ChannelSMS: "To the phone number that the directory has of each recipient, and to other numbers."}
	choices := make([]channelChoice, len(organization.Channels))
	for i, state := range organization.Channels {
		state.Reason = strings.TrimPrefix(state.Reason, "off: ")
		choices[i] = channelChoice{channelState: state, Chosen: slices.Contains(f.Channels, string(state.Channel)), Means: means[state.Channel]}
	}
	return choices, nil
}

// recipientChoice is a recipient in the form.
type recipientChoice struct {
	ID, Name, Role string
	Me             bool
	// Left says that the member is not in the organization any more; OptedOut are the channels that they unsubscribed from.
	Left     bool
	OptedOut []string
	Wrong    string
}

func (r *request) recipients(f reminderForm, stored []audit.Recipient, p *problem) []recipientChoice {
	choices, known := make([]recipientChoice, len(f.Recipients)), map[string]person{}
	for some := range slices.Chunk(f.Recipients, maxNamed) {
		people, _ := r.peopleOf(some) // an id without a name is better than no form
		for _, found := range people {
			known[found.ID] = found
		}
	}
	for i, id := range f.Recipients {
		c := recipientChoice{ID: id, Name: id, Me: id == r.by.Member, Wrong: f.wrongAt(p, "recipients", f.Recipients, id)}
		if c.Me {
			c.Name, c.Role = r.by.MemberName, roleName(r.by.Role)
		} else if found, ok := known[id]; ok {
			c.Name, c.Role, c.Left = found.Name, roleName(audit.Role(found.Role)), !found.Included()
		}
		for _, recipient := range stored {
			if recipient.Member == id {
				for _, channel := range recipient.Unsubscribed {
					c.OptedOut = append(c.OptedOut, channelName(channel))
				}
			}
		}
		choices[i] = c
	}
	return choices
}

func (r *request) searchPeople(query url.Values) ([]person, error) {
	var answer struct {
		People []person `json:"people"`
	}
	return answer.People, r.get("/v1/people", query, &answer)
}

// foundPeople are members to add.
type foundPeople struct {
	Text string
	// Added are members whom the list has already, by id.
	People []person
	Added  []string
}

// Has says that the member is a recipient already.
func (f foundPeople) Has(id string) bool { return slices.Contains(f.Added, id) }

// Included says that the member is in the organization, and so can be told of something.
func (p person) Included() bool { return p.Status == string(audit.MemberActive) }

// RoleName is the role in words.
func (p person) RoleName() string { return roleName(audit.Role(p.Role)) }

func (r *request) findPeople(text string, f reminderForm) (*foundPeople, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil //nolint:nilnil // nothing was asked for
	}
	// Only who sees what others do can be reminded of it, and those are the operators.
	people, err := r.searchPeople(url.Values{"q": {text}, "limit": {"8"}, "operators": {"true"}})
	return &foundPeople{Text: text, People: people, Added: f.Recipients}, err
}

// asInvalid returns what is wrong with the form, where the API said that.
func asInvalid(err error) (p *problem, invalid bool) {
	invalid = errors.As(err, &p) && (p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusBadRequest)
	return p, invalid
}

// addressChoice is an address to choose in the form of a reminder.
type addressChoice struct {
	ID, Name, Address, By string
	Chosen, OptedOut      bool
	Wrong                 string
}

// addressChoices are the verified addresses, and those that the reminder has and the member does not see.
func (r *request) addressChoices(f reminderForm, unsubscribed []string, p *problem) ([]addressChoice, error) {
	all, err := r.otherAddresses()
	if err != nil {
		return nil, err
	}
	var choices []addressChoice
	unseen := slices.Clone(f.Addresses)
	for _, a := range all {
		unseen = slices.DeleteFunc(unseen, func(id string) bool { return id == a.ID })
		if chosen := slices.Contains(f.Addresses, a.ID); a.Verified || chosen {
			choices = append(choices, addressChoice{ID: a.ID, Name: a.Name(), Address: a.Address, By: a.By(), Chosen: chosen})
		}
	}
	for _, id := range unseen {
		choices = append(choices, addressChoice{ID: id, Name: "An address that somebody else added", Chosen: true})
	}
	for i := range choices {
		choices[i].OptedOut = slices.Contains(unsubscribed, choices[i].ID)
		choices[i].Wrong = f.wrongAt(p, "addresses", f.Addresses, choices[i].ID)
	}
	return choices, nil
}
