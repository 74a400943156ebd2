package console

import "net/url"

// person is a member as GET /v1/people answers.
type person struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Role   string `json:"role"`
	Status string `json:"status"`
}

// peopleOf asks who the members of the ids are: at most maxNamed.
func (r *request) peopleOf(ids []string) ([]person, error) {
	return r.searchPeople(url.Values{"id": ids})
}
