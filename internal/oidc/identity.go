package oidc

import (
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// identity returns who the claims are about, in the words of the directory.
func (p *provider) identity(said claims) (audit.Identity, error) {
	who := audit.Identity{Provider: p.public(), Name: p.text(said, p.Claims.Name), Email: p.text(said, p.Claims.Email),
		RoleIsMapped: len(p.Roles) > 0, CreatesMembers: p.CreateMembers,
		Life: time.Duration(p.Session.Life), Idle: time.Duration(p.Session.Idle)}
	if who.Member = p.text(said, p.Claims.Member); who.Member == "" {
		return who, refuse(nil, "%s does not say who you are: the claim %s is missing", p.Name, p.Claims.Member)
	}
	// Whoever can write any address into their profile must not become its owner here.
	if p.Claims.Member == "email" && !slices.Equal(said.texts("email_verified"), []string{"true"}) {
		return who, refuse(nil, "%s does not say that your email address is verified", p.Name)
	}
	if p.Claims.Departments != "" {
		for _, name := range said.texts(p.Claims.Departments) {
			if name = strings.TrimSpace(name); name != "" && !slices.Contains(who.Departments, name) && len(who.Departments) < audit.MaxDepartments {
				who.Departments = append(who.Departments, name)
			}
		}
	}
	who.Role = p.role(said)
	who.CreatorIsMapped = slices.ContainsFunc(p.Roles, func(rule RoleRule) bool { return rule.Role == audit.RoleCreator })
	return who, nil
}

// text returns a claim that is one value.
func (p *provider) text(said claims, name string) string {
	texts := said.texts(name)
	if len(texts) != 1 {
		return ""
	}
	return strings.TrimSpace(texts[0])
}

// role returns the mightiest role that a rule gives.
func (p *provider) role(said claims) audit.Role {
	for _, role := range audit.Roles() {
		for _, rule := range p.Roles {
			if rule.Role == role && slices.Contains(said.texts(rule.Claim), rule.Value) {
				return role
			}
		}
	}
	return p.DefaultRole
}
