package xds

import (
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Directive is a policy with the rollback that it stands behind: what a sidecar is told.
//
// The first one of a control plane that has published nothing yet has epoch 0, and asks for nothing.
type Directive struct {
	shadow.Policy
	Fence uint64 `json:"fence"` // epoch of the last rollback: tags older than it are refused, and memberships end with it
}

// idle tells whether all stays with the stable release.
func (d Directive) idle() bool { return d.Gray == 0 && d.Serve == 0 }

// check says what no sidecar may take.
func (d Directive) check() error {
	p := d.Policy
	if p.Epoch == 0 && d.idle() && !p.RolledBack {
		p.Epoch = 1 // before the first policy
	}
	if err := p.Check(); err != nil {
		return err
	}
	if d.Epoch <= d.Fence && !d.idle() {
		return fmt.Errorf("policy: epoch %d is not newer than the rollback %d", d.Epoch, d.Fence)
	}
	return nil
}

// metadata writes the directive in the form of a route configuration's metadata, as one text: the numbers of a Struct
// are floats.
func (d Directive) metadata() (*structpb.Struct, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write directive: %w", err)
	}
	return structpb.NewStruct(map[string]any{directiveField: string(text)})
}

const (
	directiveFilter = "touchstone.directive" // of filter_metadata
	directiveField  = "json"
)

var errNoDirective = errors.New("route configuration has no metadata " + directiveFilter)

func readDirective(m *structpb.Struct) (d Directive, err error) {
	text := m.GetFields()[directiveField].GetStringValue()
	if text == "" {
		return d, errNoDirective
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("read directive %.200s: %w", protojson.Format(m), err)
	}
	return d, d.check()
}
