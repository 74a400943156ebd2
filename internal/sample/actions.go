package sample

import (
	"strconv"

	"github.com/audittrail/audittrail/audit"
)

// kind is one action: how often it happens, and what fills targets, changes and metadata and returns the rest of the sentence
// after the actor's name.
type kind struct {
	action string
	weight float64
	fill   func(g *generator, e *audit.Event) string
}

func weight(k kind) float64 { return k.weight }

// operations are the actions of the enterprise's Operation Logs.
var operations = newWeighted([]kind{
	{"contacts.member.added", 30, memberAdded},
	{"contacts.member.deleted", 8, onMember("deleted", change("status", "deactivated", "deleted"))},
	{"contacts.member.enabled", 9, onMember("enabled", change("status", "deactivated", "active"))},
	{"contacts.member.disabled", 12, onMember("disabled", change("status", "active", "deactivated"))},
	{"contacts.member.updated", 20, memberUpdated},
	{"contacts.role_group.created", 4, onNamed("role_group", "rg_", "created the role group", roleGroups, nil)},
	{"contacts.role_group.updated", 5, onNamed("role_group", "rg_", "changed the rights of the role group", roleGroups, change("export", "false", "true"))},
	{"contacts.role_group.deleted", 2, onNamed("role_group", "rg_", "deleted the role group", roleGroups, nil)},
	{"contacts.role_group.member_added", 9, inRoleGroup("added", "to")},
	{"contacts.role_group.member_removed", 5, inRoleGroup("removed", "from")},
	{"contacts.department.created", 3, onNamed("department", "d_", "created the department", departments, nil)},
	{"contacts.department.updated", 7, onNamed("department", "d_", "changed the department", departments, newLead)},
	{"contacts.department.deleted", 1.5, onNamed("department", "d_", "deleted the department", departments, nil)},
	{"open_platform.plugin.enabled", 6, onNamed("plugin", "pl_", "enabled the plugin", plugins, change("enabled", "false", "true"))},
	{"open_platform.plugin.disabled", 4, onNamed("plugin", "pl_", "disabled the plugin", plugins, change("enabled", "true", "false"))},
	{"open_platform.plugin.imported", 3, onNamed("plugin", "pl_", "imported the plugin", plugins, version)},
	{"open_platform.key.enabled", 6, onNamed("key", "k_", "enabled the key", keys, change("enabled", "false", "true"))},
	{"open_platform.key.disabled", 5, onNamed("key", "k_", "disabled the key", keys, change("enabled", "true", "false"))},
	{"enterprise.contact_group.created", 2, onNamed("contact_group", "cg_", "created the contact management group", contactGroups, nil)},
	{"enterprise.contact_group.updated", 5, onNamed("contact_group", "cg_", "changed the contact management group", contactGroups, grownBy)},
	{"enterprise.contact_group.deleted", 1, onNamed("contact_group", "cg_", "deleted the contact management group", contactGroups, nil)},
	{"enterprise.product.enabled", 4, onNamed("product", "p_", "enabled the product", productNames, change("enabled", "false", "true"))},
	{"enterprise.product.disabled", 2.5, onNamed("product", "p_", "disabled the product", productNames, change("enabled", "true", "false"))},
	{"enterprise.order.created", 5, onOrder("created the order", change("status", "", "created"))},
	{"enterprise.order.paid", 4, onOrder("paid the order", change("status", "created", "paid"))},
}, weight)

// importing is what an import of members does, many times in a row.
var importing = kind{action: "contacts.member.added", fill: memberAdded}

// products are the actions of single products, which belong to the Product Logs.
var products = newWeighted([]kind{
	{"crm.deal.updated", 22, onNumbered("deal", "deal_", "moved the deal", deals, stage)},
	{"crm.deal.deleted", 4, onNumbered("deal", "deal_", "deleted the deal", deals, nil)},
	{"crm.contact.exported", 3, onNumbered("list", "list_", "exported the contact list", contactLists, nil)},
	{"crm.pipeline.updated", 2, onNumbered("pipeline", "pipe_", "changed the pipeline", contactLists, nil)},
	{"helpdesk.ticket.merged", 12, onNumbered("ticket", "t_", "merged tickets into", subjects, nil)},
	{"helpdesk.macro.updated", 4, onNumbered("macro", "m_", "changed the macro", subjects, nil)},
	{"projects.board.shared", 9, onNumbered("board", "b_", "shared the board", deals, change("visibility", "team", "enterprise"))},
	{"projects.task.deleted", 7, onNumbered("task", "task_", "deleted the task", subjects, nil)},
	{"expenses.report.approved", 12, onNumbered("report", "x_", "approved the expense report", trips, change("status", "submitted", "approved"))},
	{"expenses.report.rejected", 4, onNumbered("report", "x_", "rejected the expense report", trips, change("status", "submitted", "rejected"))},
	{"expenses.limit.updated", 1, onNumbered("limit", "lim_", "changed the spending limit for", departments, limit)},
}, weight)

// productActions declares the products' actions, which are not in the built-in catalogue.
func productActions() []audit.ActionInfo {
	titles := map[string][2]string{
		"crm.deal.updated":         {"Update deal", "A deal was moved or edited."},
		"crm.deal.deleted":         {"Delete deal", "A deal was deleted."},
		"crm.contact.exported":     {"Export contacts", "A contact list was exported."},
		"crm.pipeline.updated":     {"Update pipeline", "The stages of a pipeline were changed."},
		"helpdesk.ticket.merged":   {"Merge tickets", "Tickets were merged into one."},
		"helpdesk.macro.updated":   {"Update macro", "A prepared answer was changed."},
		"projects.board.shared":    {"Share board", "A board was opened to more people."},
		"projects.task.deleted":    {"Delete task", "A task was deleted."},
		"expenses.report.approved": {"Approve expenses", "An expense report was approved."},
		"expenses.report.rejected": {"Reject expenses", "An expense report was rejected."},
		"expenses.limit.updated":   {"Update spending limit", "A department's spending limit was changed."},
	}
	var infos []audit.ActionInfo
	for _, k := range products.of {
		title := titles[k.action]
		infos = append(infos, audit.ActionInfo{Action: k.action, Log: audit.LogProduct, Title: title[0], Description: title[1]})
	}
	return infos
}

var (
	roleGroups    = []string{"Approvers", "Auditors", "Team leads", "Payroll", "On-call", "Data stewards", "Zeichnungsberechtigte", "承認者"}
	plugins       = []string{"Calendar Bridge", "Invoice Reader", "Travel Desk", "Badge Printer", "Survey Kit", "Translate Pro", "Single Sign-On Connector"}
	keys          = []string{"Payroll feed", "Data warehouse", "Build server", "Status page", "Partner portal"}
	contactGroups = []string{"Contacts Europe", "Contacts Asia-Pacific", "Contacts Americas", "Contractors", "Executives"}
	productNames  = []string{"crm", "helpdesk", "projects", "expenses"}
	deals         = []string{"Harbour Crane Retrofit", "Northern Rail Sensors", "Brücke Süd", "Clinic Network 2027", "Solar Farm Évora", "Metro Line 4", "物流センター"}
	contactLists  = []string{"Trade fair leads", "Newsletter Europe", "Key accounts", "Churn watch"}
	subjects      = []string{"Printer offline", "Cannot open invoice", "Passwort zurücksetzen", "Slow dashboard", "Missing delivery note", "VPN drops", "請求書の件"}
	trips         = []string{"Customer visit in Porto", "Trade fair in Osaka", "Training in Leeds", "Site survey in Malmö", "Team week in Lyon"}
	places        = []string{"portal", "directory import", "HR request"}
)

// details makes the changes of one event.
type details func(g *generator, e *audit.Event)

// change sets one field from a value to another.
func change(field, old, new string) details {
	return func(_ *generator, e *audit.Event) { e.Changes = []audit.Change{{Field: field, Old: old, New: new}} }
}

func grownBy(g *generator, e *audit.Event) {
	before := g.random.between(2, 80)
	e.Changes = []audit.Change{{Field: "members", Old: strconv.Itoa(before), New: strconv.Itoa(before + g.random.between(1, 5))}}
}

func newLead(g *generator, e *audit.Event) {
	e.Changes = []audit.Change{{Field: "lead", Old: g.people[g.random.n(len(g.people))].name, New: g.people[g.random.n(len(g.people))].name}}
}

func version(g *generator, e *audit.Event) {
	minor := g.random.n(9)
	e.Changes = []audit.Change{{Field: "version", Old: "3." + strconv.Itoa(minor), New: "3." + strconv.Itoa(minor+1)}}
}

var stages = []string{"Lead", "Qualified", "Offer sent", "Negotiation", "Won"}

func stage(g *generator, e *audit.Event) {
	at := g.random.n(len(stages) - 1)
	e.Changes = []audit.Change{{Field: "stage", Old: stages[at], New: stages[at+1]}}
}

func limit(g *generator, e *audit.Event) {
	old := g.random.between(1, 20) * 500
	e.Changes = []audit.Change{{Field: "limit_eur", Old: strconv.Itoa(old), New: strconv.Itoa(old + 1500)}}
}

func memberAdded(g *generator, e *audit.Event) string {
	member := &g.Members[g.random.n(len(g.Members))]
	e.Targets = []audit.Target{{Type: "member", ID: member.ID, Name: member.Name}}
	e.Changes = []audit.Change{{Field: "department", New: member.Departments[0]}, {Field: "role", New: "member"}}
	return "added " + member.Name + " to " + member.Departments[0]
}

// memberUpdated moves a member to another department.
func memberUpdated(g *generator, e *audit.Event) string {
	member, to := &g.Members[g.random.n(len(g.Members))], pick(g.random, departments)
	e.Targets = []audit.Target{{Type: "member", ID: member.ID, Name: member.Name}}
	e.Changes = []audit.Change{{Field: "department", Old: member.Departments[0], New: to}}
	return "moved " + member.Name + " to " + to
}

func inRoleGroup(verb, preposition string) func(*generator, *audit.Event) string {
	return func(g *generator, e *audit.Event) string {
		member, at := &g.Members[g.random.n(len(g.Members))], g.random.n(len(roleGroups))
		e.Targets = []audit.Target{
			{Type: "member", ID: member.ID, Name: member.Name},
			{Type: "role_group", ID: "rg_" + strconv.Itoa(at+1), Name: roleGroups[at]},
		}
		return verb + " " + member.Name + " " + preposition + " the role group " + roleGroups[at]
	}
}

func onMember(verb string, d details) func(*generator, *audit.Event) string {
	return func(g *generator, e *audit.Event) string {
		member := &g.Members[g.random.n(len(g.Members))]
		e.Targets = []audit.Target{{Type: "member", ID: member.ID, Name: member.Name}}
		e.Metadata["origin"] = pick(g.random, places)
		d(g, e)
		return verb + " " + member.Name + " of " + member.Departments[0]
	}
}

// onNamed acts on one of few things, whose ids follow from their places in the list.
func onNamed(kind, prefix, verb string, names []string, d details) func(*generator, *audit.Event) string {
	return func(g *generator, e *audit.Event) string {
		at := g.random.n(len(names))
		e.Targets = []audit.Target{{Type: kind, ID: prefix + strconv.Itoa(at+1), Name: names[at]}}
		if d != nil {
			d(g, e)
		}
		return verb + " " + names[at]
	}
}

// onNumbered acts on one of many things that share names.
func onNumbered(kind, prefix, verb string, names []string, d details) func(*generator, *audit.Event) string {
	return func(g *generator, e *audit.Event) string {
		name, number := pick(g.random, names), strconv.Itoa(g.random.between(1000, 99999))
		e.Targets = []audit.Target{{Type: kind, ID: prefix + number, Name: name}}
		if d != nil {
			d(g, e)
		}
		return verb + " " + name + " (" + number + ")"
	}
}

func onOrder(verb string, d details) func(*generator, *audit.Event) string {
	return func(g *generator, e *audit.Event) string {
		number := "ORD-" + strconv.Itoa(g.random.between(20000, 89999))
		seats := strconv.Itoa(g.random.between(1, 30) * 5)
		e.Targets = []audit.Target{{Type: "order", ID: number, Name: seats + " seats"}}
		e.Metadata["amount_eur"] = strconv.Itoa(g.random.between(40, 9000)) + ".00"
		d(g, e)
		return verb + " " + number + " for " + seats + " seats"
	}
}
