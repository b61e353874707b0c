// Package channelsim is payment channels for tests and demonstrations: WeChat Pay (APIs v3 and v2), Alipay, UnionPay, and
// the file server of a bank. They book what reaches them, verify signatures, and issue the day's files, with faults on demand.
//
// In:    HTTP requests of a merchant, or rows to book; a folder for the file server.
// Out:   signed answers and callbacks, the list of what arrived, the books, and the files in each channel's format.
// Never: anything of the adapters that read the files: both are written from the formats' description, so that each can
// find the other's mistakes.
package channelsim
