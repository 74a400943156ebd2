package console

// person is a member as GET /v1/people answers.
type person struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Role   string `json:"role"`
	Status string `json:"status"`
}
