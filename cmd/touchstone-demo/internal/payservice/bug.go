package payservice

import (
	"fmt"
	"hash/fnv"
	"strconv"
)

// Bug is a fault that the candidate release can be built with.
type Bug string

// The faults of the service itself; others (a narrow column, a wrong channel file, a killed process) are the demo's.
const (
	NoBug        Bug = ""
	Rounding     Bug = "rounding"      // books the amount by way of a float: a cent less on some amounts
	LostRefund   Bug = "lost-refund"   // answers a refund without booking it
	DoubleCharge Bug = "double-charge" // calls the channel twice for one payment
	WrongOrder   Bug = "wrong-order"   // books a refund on another order
	WrongBalance Bug = "balance"       // adds a refund to the account's balance instead of taking it off
	Slow         Bug = "slow"          // takes two seconds
	RollsBack    Bug = "rollback"      // gives up one transaction in ten and does it again
)

// Hits tells whether a fault strikes the booking with this id: one in n of them, and the same ones in every run.
func Hits(id string, n uint32) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash never fails
	return h.Sum32()%n == 0
}

// How often the faults strike, one in so many.
const (
	LostRefundEvery   = 5
	DoubleChargeEvery = 20
	WrongOrderEvery   = 5
	WrongBalanceEvery = 5
	RollbackEvery     = 10
)

// RoundedAmount is what the rounding fault makes of a decimal text: the classic truncation of a binary fraction.
func RoundedAmount(text string) (string, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", fmt.Errorf("parse amount: %w", err)
	}
	fen := int64(f * 100)
	return fmt.Sprintf("%d.%02d", fen/100, fen%100), nil
}
