// Command wechat is the adapter of WeChat Pay's API v3 trade bill (type ALL).
//
// In:    the bill's bytes, or a merchant account and a day to fetch it for.
// Out:   payments, refunds and reversals; rejects with line and column; the bill's own totals beside the counted ones.
// Never: a column bound by its position, an unknown state taken for success, a bill accepted against its summary or hash.
package main
