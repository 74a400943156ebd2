// Package notify carries a digest to one member by one channel: a message in the Message Center, a mail, or an SMS. It renders the
// digest for each of them and says, in the words of audit.Error, whether trying again can help.
//
// It does not decide who is reminded of what or when, does not retry, and keeps no record: its callers do. It logs nothing, and
// its errors hold no address, number or secret, so that callers may log and show them.
package notify

import (
	"time"

	"github.com/audittrail/audittrail/audit"
)

// State says whether a channel can be used, for the log at start and the API's answers.
type State struct {
	Channel audit.Channel `json:"channel"`
	On      bool          `json:"on"`
	// Detail says through what it sends, or what is missing; never a secret.
	Detail string `json:"detail"`
}

// defaultTimeout bounds one sending whose context has no sooner deadline.
const defaultTimeout = 30 * time.Second

// retryAfter is the advice on passing trouble, where the other side gave none.
const retryAfter = 10 * time.Second
