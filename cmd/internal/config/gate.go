package config

import "time"

// Gate says what is tolerated. Rates are of orders, from 0 to 1.
type Gate struct {
	MaxBound        Fraction      `yaml:"max_bound" required:"true" min:"0.000000001"` // largest upper bound of the mismatch rate that may pass
	Budget          Fraction      `yaml:"budget"`                                      // mismatch rate that is not rolled back; 0 = max_bound
	PromoteError    Fraction      `yaml:"promote_error" default:"0.05" min:"0.000001" max:"0.5"`
	RollbackError   Fraction      `yaml:"rollback_error" default:"0.05" min:"0.000001" max:"0.5"`
	MaxInconclusive Fraction      `yaml:"max_inconclusive" default:"0"`
	MinOrders       int           `yaml:"min_orders" default:"0" min:"0" max:"1000000000"`    // in each stratum
	MinMerchants    int           `yaml:"min_merchants" default:"0" min:"0" max:"1000000000"` // in each stratum of books
	Require         []Requirement `yaml:"require"`
	Rollout         *Rollout      `yaml:"rollout"` // nil: it decides when it is asked, and nothing follows
}

// Requirement is a stratum that must have evidence. What is left out fits all.
type Requirement struct {
	Check     string `yaml:"check" required:"true" oneof:"response,call,rows,books"`
	Route     string `yaml:"route"`
	Channel   string `yaml:"channel"`
	Operation string `yaml:"operation"` // of a call; of books payment or refund
	MinOrders int    `yaml:"min_orders" default:"1" min:"1" max:"1000000000"`
}

// Rollout is the ladder that the candidate goes up. The control plane carries it out.
type Rollout struct {
	Every    time.Duration `yaml:"every" default:"1m" min:"1s" max:"1h"` // between two judgements
	Settle   time.Duration `yaml:"settle" default:"10s" min:"100ms" max:"10m"`
	Abandon  time.Duration `yaml:"abandon" default:"10m" min:"1s" max:"24h"`
	Stale    time.Duration `yaml:"stale" default:"1m" min:"3s" max:"1h"`
	SelfTest time.Duration `yaml:"self_test" default:"30s" min:"1s" max:"10m"` // within which a seeded fault must be found
	Stages   []Stage       `yaml:"stages" required:"true"`
	People   []Person      `yaml:"people"`
	Audit    AuditLog      `yaml:"audit" required:"true"`
}

// Stage is one rung of the ladder.
type Stage struct {
	Gray      Percent       `yaml:"gray" required:"true"` // of new orders that are proved on the candidate
	Serve     Percent       `yaml:"serve" default:"0%"`   // of requests that it answers
	MinOrders int           `yaml:"min_orders" default:"0" min:"0" max:"1000000000"`
	Hold      time.Duration `yaml:"hold" default:"0s" min:"0s" max:"2160h"`
	Bound     Fraction      `yaml:"bound"` // before the next stage; 0 = max_bound
	Approval  bool          `yaml:"approval" default:"false"`
}

// Person may act on the rollout.
type Person struct {
	Name   string   `yaml:"name" required:"true"`
	Roles  []string `yaml:"roles" required:"true" oneof:"operator,approver"`
	Digest string   `yaml:"token_sha256" required:"true"` // 64 hex digits
}
