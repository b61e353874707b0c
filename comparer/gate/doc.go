// Package gate turns evidence into a decision: promote, hold or roll back. Pure.
//
// In:    a comparer.Judgement, a Policy, and what is known about the run: how old the evidence is, what the self-test found.
// Out:   a Decision with its reasons, the bounds reached, and the orders still needed.
// Never: a pass without data, over an unbalanced ledger, with a self-test that found nothing, or over a single cent that is
// the candidate's fault; and no error that grows with the number of looks.
package gate
