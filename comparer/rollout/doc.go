// Package rollout takes a candidate up a ladder of stages, as the gate's decisions and people allow, and back down.
//
// In:    decisions; what people with a token ask for; which subscribers have a policy in force.
// Out:   policies to a Publisher, one at a time; an audit entry before each act, and after a rollback; a state that survives
// the process.
// Never: a rollback that waits for the audit, a promotion that is not in it or not acknowledged before the next, one after a
// rollback that nobody cleared, one approved by who proposed it, or a stage that a clock made shorter.
package rollout
