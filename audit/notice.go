package audit

// Notice is one digest on its way to one member by one channel.
type Notice struct {
	// Delivery is the id of the delivery: the same at every retry, so that a Message-ID can be made of it.
	Delivery     string
	Organization Organization
	Reminder     Reminder
	Member       Member
	Digest       Digest
	// UnsubscribeURL takes the RFC 8058 one-click POST; OpenURL shows the events. Either may be empty where the server
	// has no public address.
	UnsubscribeURL string
	OpenURL        string
	// CallbackURL is where Twilio reports what became of an SMS; empty where the server has no public address.
	CallbackURL string
}

// Receipt says what a channel did with a notice.
type Receipt struct {
	// Provider is the Message-ID of the mail, the SID of the SMS or the id of the message.
	Provider string
	// Address is where it went, masked for showing: "a***@example.com".
	Address string
}
