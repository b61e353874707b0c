// Package recongen makes the files that reconciliation is proved with: the same day as two or three sides keep it, in
// different orders, with planted faults of every class, and the truth about what was planted.
//
// In:    a seed and a size; for each class of fault, its share of the records.
// Out:   CSV, or a file of WeChat, Alipay, UnionPay, NetsUnion or a bank, written as a stream in constant memory but for
//
//	eight bytes a planted row; the same bytes for the same Config, on any machine.
//
// Never: a shuffle in memory, real personal data, a fault that the truth does not name.
package recongen
