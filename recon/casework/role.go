package casework

import (
	"errors"
	"fmt"
	"slices"
)

// Role says what somebody may do.
type Role string

// The roles; each may do what those before it may.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RoleReviewer Role = "reviewer"
	RoleAdmin    Role = "admin"
)

// Roles lists the roles, the least first.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RoleReviewer, RoleAdmin} }

// Actor is who acts.
type Actor struct {
	Name  string
	Role  Role
	Trace string // trace id of the request
}

// Action is something a person does.
type Action string

// The actions.
const (
	ActRead    Action = "read"
	ActTake    Action = "take"
	ActAssign  Action = "assign"
	ActComment Action = "comment"
	ActAttach  Action = "attach"
	ActMove    Action = "move"
	ActClose   Action = "close"
	ActReopen  Action = "reopen"
	ActPropose Action = "propose"
	ActApprove Action = "approve"
	ActReject  Action = "reject"
	ActApply   Action = "apply"
	ActExport  Action = "export"
)

// Errors of permission.
var (
	ErrForbidden = errors.New("not allowed")
	ErrFourEyes  = errors.New("needs a second person")
)

// least is the role that an action needs.
func (a Action) least() Role {
	switch a {
	case ActRead:
		return RoleViewer
	case ActTake, ActComment, ActAttach, ActMove, ActClose, ActPropose, ActExport:
		return RoleOperator
	case ActReopen, ActApprove, ActReject, ActApply:
		return RoleReviewer
	}
	return RoleAdmin
}

// May tells whether a role may do something; a role that is none may nothing.
func (r Role) May(a Action) bool {
	have := slices.Index(Roles(), r)
	return have >= 0 && have >= slices.Index(Roles(), a.least())
}

// check tells whether somebody may do something.
func (a Actor) check(do Action) error {
	if a.Name == "" || !a.Role.May(do) {
		return fmt.Errorf("%w: %s needs the role %s (%q has %q)", ErrForbidden, do, do.least(), a.Name, a.Role)
	}
	return nil
}
