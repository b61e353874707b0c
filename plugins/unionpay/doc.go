// Command unionpay is the channel adapter for UnionPay ACP: the settlement file of a merchant, order queries, notifications.
//
// In:    a settlement day's zip with the files ZM (transactions) and ZME (disputes), fixed width in bytes of GBK.
// Out:   records, rejects, remarks; a quarantine where amounts contradict each other.
// Never: characters counted where bytes are, a year guessed without the statement's day, an unsigned answer believed.
package main
