// Package channelsim is a payment channel for tests and demonstrations: it books what reaches it, and issues the day's
// trade bill in WeChat's format.
//
// In:    HTTP requests of a merchant, in the shape of API v3.
// Out:   answers, the list of what arrived, the books, and the bill.
// Never: anything of the adapter that reads the bill: both are written from the format's description, so that each can
// find the other's mistakes.
package channelsim
