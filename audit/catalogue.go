package audit

import "slices"

// ActionInfo names and describes one action of the catalogue.
type ActionInfo struct {
	Action string `json:"action"`
	// Log is the log in which the action belongs.
	Log Log `json:"log"`
	// Title is a short name to choose it by: "Add member".
	Title string `json:"title"`
	// Description says when it is recorded, in one sentence.
	Description string `json:"description"`
}

// RangeAuditTrail is the range of what the server records itself: that the trail was read, exported or set up differently.
// Producers cannot send it.
const RangeAuditTrail = "audit_trail"

// The actions that the server records itself.
const (
	ActionEventsSearched       = "audit_trail.events.searched"
	ActionEventViewed          = "audit_trail.event.viewed"
	ActionSummaryViewed        = "audit_trail.summary.viewed"
	ActionExportsListed        = "audit_trail.exports.listed"
	ActionExportViewed         = "audit_trail.export.viewed"
	ActionExportRequested      = "audit_trail.export.requested"
	ActionExportReady          = "audit_trail.export.ready"
	ActionExportFailed         = "audit_trail.export.failed"
	ActionExportDownloaded     = "audit_trail.export.downloaded"
	ActionExportCancelled      = "audit_trail.export.cancelled"
	ActionExportRevoked        = "audit_trail.export.revoked"
	ActionExportExpired        = "audit_trail.export.expired"
	ActionRemindersListed      = "audit_trail.reminders.listed"
	ActionReminderViewed       = "audit_trail.reminder.viewed"
	ActionDeliveriesListed     = "audit_trail.deliveries.listed"
	ActionReminderCreated      = "audit_trail.reminder.created"
	ActionReminderUpdated      = "audit_trail.reminder.updated"
	ActionReminderDeleted      = "audit_trail.reminder.deleted"
	ActionReminderTested       = "audit_trail.reminder.tested"
	ActionReminderUnsubscribed = "audit_trail.reminder.unsubscribed"
	ActionAddressesListed      = "audit_trail.addresses.listed"
	ActionAddressAdded         = "audit_trail.address.added"
	ActionAddressCodeSent      = "audit_trail.address.code_sent"
	ActionAddressVerified      = "audit_trail.address.verified"
	ActionAddressDeleted       = "audit_trail.address.deleted"
	ActionKeysListed           = "audit_trail.keys.listed"
	ActionKeyCreated           = "audit_trail.key.created"
	ActionKeyRevoked           = "audit_trail.key.revoked"
	ActionKeyRotated           = "audit_trail.key.rotated"
	ActionKeyRefused           = "audit_trail.key.refused"
	ActionSessionCreated       = "audit_trail.session.created"
	ActionSessionEnded         = "audit_trail.session.ended"
	ActionLoginLinkCreated     = "audit_trail.login_link.created"
	ActionMemberViewed         = "audit_trail.member.viewed"
	ActionMembersListed        = "audit_trail.members.listed"
	ActionMemberUpdated        = "audit_trail.member.updated"
	ActionMemberErased         = "audit_trail.member.erased"
	ActionDepartmentViewed     = "audit_trail.department.viewed"
	ActionDepartmentsListed    = "audit_trail.departments.listed"
	ActionDepartmentCreated    = "audit_trail.department.created"
	ActionDepartmentUpdated    = "audit_trail.department.updated"
	ActionDepartmentDeleted    = "audit_trail.department.deleted"
	ActionOrganizationCreated  = "audit_trail.organization.created"
	ActionOrganizationUpdated  = "audit_trail.organization.updated"
	ActionRetentionRan         = "audit_trail.retention.ran"
)

// ReadingActions returns the actions by which looking at the trail records itself. Lists and streams in which every look adds a row soon show nothing
// else, so that those for people leave them out unless they are asked for.
func ReadingActions() []string {
	return []string{ActionEventsSearched, ActionEventViewed, ActionSummaryViewed, ActionMemberViewed, ActionMembersListed, ActionDepartmentViewed, ActionDepartmentsListed,
		ActionExportsListed, ActionExportViewed, ActionRemindersListed, ActionReminderViewed, ActionDeliveriesListed, ActionAddressesListed, ActionKeysListed}
}

// Catalogue returns every built-in action, by range. The caller may change the slice.
func Catalogue() []ActionInfo { return slices.Clone(catalogue) }

// Catalogue returns every built-in action and then the organization's own ones.
func (o Organization) Catalogue() []ActionInfo { return append(Catalogue(), o.Actions...) }

func isBuiltIn(action string) bool {
	return slices.ContainsFunc(catalogue, func(a ActionInfo) bool { return a.Action == action })
}

var catalogue = slices.Concat(
	operations(contactsActions), operations(openPlatformActions), operations(enterpriseActions),
	loginActions, operations(auditTrailActions),
)

// operations puts actions into Operation Logs.
func operations(actions []ActionInfo) []ActionInfo {
	for i := range actions {
		actions[i].Log = LogOperation
	}
	return actions
}

var contactsActions = []ActionInfo{
	{Action: "contacts.member.added", Title: "Add member", Description: "A member was added to the directory."},
	{Action: "contacts.member.deleted", Title: "Delete member", Description: "A member was deleted from the directory."},
	{Action: "contacts.member.enabled", Title: "Enable member", Description: "A deactivated member was made active again."},
	{Action: "contacts.member.disabled", Title: "Disable member", Description: "A member was deactivated and can no longer sign in."},
	{Action: "contacts.member.updated", Title: "Edit member", Description: "A member's details, departments or role were changed."},
	{Action: "contacts.role_group.created", Title: "Create role group", Description: "A role group was created."},
	{Action: "contacts.role_group.updated", Title: "Edit role group", Description: "A role group's name or rights were changed."},
	{Action: "contacts.role_group.deleted", Title: "Delete role group", Description: "A role group was deleted."},
	{Action: "contacts.role_group.member_added", Title: "Add member to role group", Description: "A member was given the rights of a role group."},
	{Action: "contacts.role_group.member_removed", Title: "Remove member from role group", Description: "A member lost the rights of a role group."},
	{Action: "contacts.department.created", Title: "Create department", Description: "A department was created."},
	{Action: "contacts.department.updated", Title: "Edit department", Description: "A department was renamed, moved or given another manager."},
	{Action: "contacts.department.deleted", Title: "Delete department", Description: "A department was deleted."},
}

var openPlatformActions = []ActionInfo{
	{Action: "open_platform.plugin.enabled", Title: "Enable plugin", Description: "A plugin was switched on for the enterprise."},
	{Action: "open_platform.plugin.disabled", Title: "Disable plugin", Description: "A plugin was switched off for the enterprise."},
	{Action: "open_platform.plugin.imported", Title: "Import plugin", Description: "A plugin was imported from a file or the marketplace."},
	{Action: "open_platform.key.enabled", Title: "Enable key", Description: "A key of the open platform was switched on."},
	{Action: "open_platform.key.disabled", Title: "Disable key", Description: "A key of the open platform was switched off."},
}

var enterpriseActions = []ActionInfo{
	{Action: "enterprise.contact_group.created", Title: "Create contact management group", Description: "A contact management group was created."},
	{Action: "enterprise.contact_group.updated", Title: "Edit contact management group", Description: "A contact management group's members or scope were changed."},
	{Action: "enterprise.contact_group.deleted", Title: "Delete contact management group", Description: "A contact management group was deleted."},
	{Action: "enterprise.product.enabled", Title: "Enable product", Description: "A product was switched on for the enterprise."},
	{Action: "enterprise.product.disabled", Title: "Disable product", Description: "A product was switched off for the enterprise."},
	{Action: "enterprise.order.created", Title: "Create order", Description: "An order for products or seats was placed."},
	{Action: "enterprise.order.paid", Title: "Pay order", Description: "An order was paid."},
}

var loginActions = []ActionInfo{
	{Action: "login.succeeded", Log: LogLogin, Title: "Sign in", Description: "A member signed in."},
	{Action: "login.failed", Log: LogLogin, Title: "Failed sign-in", Description: "An attempt to sign in was refused."},
	{Action: "login.ended", Log: LogLogin, Title: "Sign out", Description: "A member signed out, or the session ended."},
}

var auditTrailActions = []ActionInfo{
	{Action: ActionEventsSearched, Title: "Search events", Description: "Someone searched, listed or followed events."},
	{Action: ActionEventViewed, Title: "View event", Description: "Someone opened one event."},
	{Action: ActionSummaryViewed, Title: "View summary", Description: "Someone looked at counts of events, also before an export."},
	{Action: ActionExportsListed, Title: "List exports", Description: "Someone looked at the list of exports."},
	{Action: ActionExportViewed, Title: "View export", Description: "Someone looked at an export and how far it is."},
	{Action: ActionExportRequested, Title: "Request export", Description: "Someone asked for events as files."},
	{Action: ActionExportReady, Title: "Finish export", Description: "The files of an export became ready."},
	{Action: ActionExportFailed, Title: "Fail export", Description: "An export could not be finished."},
	{Action: ActionExportDownloaded, Title: "Download export", Description: "Someone fetched a file of an export."},
	{Action: ActionExportCancelled, Title: "Cancel export", Description: "Someone stopped an export before it was ready."},
	{Action: ActionExportRevoked, Title: "Revoke export", Description: "Someone took the files of an export back before they expired."},
	{Action: ActionExportExpired, Title: "Expire export", Description: "The files of an export were deleted when their 24 hours were over."},
	{Action: ActionRemindersListed, Title: "List reminders", Description: "Someone looked at the list of reminders."},
	{Action: ActionReminderViewed, Title: "View reminder", Description: "Someone looked at the settings of a reminder."},
	{Action: ActionDeliveriesListed, Title: "View deliveries", Description: "Someone looked at what a reminder sent, and to whom."},
	{Action: ActionReminderCreated, Title: "Create reminder", Description: "Someone created a reminder."},
	{Action: ActionReminderUpdated, Title: "Edit reminder", Description: "Someone changed, paused or resumed a reminder."},
	{Action: ActionReminderDeleted, Title: "Delete reminder", Description: "Someone deleted a reminder."},
	{Action: ActionReminderTested, Title: "Test reminder", Description: "Someone sent a test message of a reminder."},
	{Action: ActionReminderUnsubscribed, Title: "Unsubscribe from reminder", Description: "A recipient opted out of a channel of a reminder."},
	{Action: ActionAddressesListed, Title: "List other addresses", Description: "Someone looked at the list of addresses beside those of members."},
	{Action: ActionAddressAdded, Title: "Add other address", Description: "Someone added an address beside those of members, and a code was sent to it."},
	{Action: ActionAddressCodeSent, Title: "Send code to address", Description: "Someone had a new code sent to an address that is not verified yet."},
	{Action: ActionAddressVerified, Title: "Verify other address", Description: "Someone entered the code that was sent to an address, or a wrong one."},
	{Action: ActionAddressDeleted, Title: "Delete other address", Description: "Someone deleted an address beside those of members."},
	{Action: ActionKeysListed, Title: "List API keys", Description: "Someone looked at the list of API keys."},
	{Action: ActionKeyCreated, Title: "Create API key", Description: "Someone created an API key of the audit trail."},
	{Action: ActionKeyRevoked, Title: "Revoke API key", Description: "Someone revoked an API key of the audit trail."},
	{Action: ActionKeyRotated, Title: "Rotate API key", Description: "Someone gave an API key of the audit trail a new secret."},
	{Action: ActionKeyRefused, Title: "Refuse API key", Description: "A request with an API key was refused: from an address that is not allowed, or with a secret that does not work."},
	{Action: ActionSessionCreated, Title: "Sign in to the audit trail", Description: "Someone signed in to the console of the audit trail, or was refused."},
	{Action: ActionSessionEnded, Title: "Sign out of the audit trail", Description: "Someone signed out of the console, or their sessions were ended."},
	{Action: ActionLoginLinkCreated, Title: "Create sign-in link", Description: "A one-time link that signs in to the console was made."},
	{Action: ActionMemberViewed, Title: "View member", Description: "Someone opened the card of a member."},
	{Action: ActionMembersListed, Title: "List members", Description: "Someone listed or searched the directory."},
	{Action: ActionMemberUpdated, Title: "Edit directory entry", Description: "Someone changed a member's entry in the audit trail's directory."},
	{Action: ActionMemberErased, Title: "Erase member", Description: "Someone put a pseudonym in the place of a member for good, in the directory and wherever events are shown."},
	{Action: ActionDepartmentViewed, Title: "View department", Description: "An identity provider, or someone by its protocol, looked at a department and who is in it."},
	{Action: ActionDepartmentsListed, Title: "List departments", Description: "An identity provider, or someone by its protocol, listed or searched departments."},
	{Action: ActionDepartmentCreated, Title: "Create department in the directory", Description: "An identity provider made or took over a department of the audit trail's directory."},
	{Action: ActionDepartmentUpdated, Title: "Edit department in the directory", Description: "An identity provider renamed a department of the audit trail's directory, or changed who is in it."},
	{Action: ActionDepartmentDeleted, Title: "Delete department from the directory", Description: "An identity provider deleted a department of the audit trail's directory; its members were kept."},
	{Action: ActionOrganizationCreated, Title: "Create organization", Description: "The organization was set up."},
	{Action: ActionOrganizationUpdated, Title: "Edit organization", Description: "Someone changed the organization's name or its own actions."},
	{Action: ActionRetentionRan, Title: "Run retention", Description: "The daily run checked the six months and deleted what was past them."},
}
