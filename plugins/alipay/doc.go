// Command alipay is the channel adapter for Alipay: the trade bill, the account bill, trade queries and notifications.
//
// In:    a day's bill as a zip of two files, or one of them; an answer of the gateway; a notification.
// Out:   records, rejects, control totals; a quarantine where the details are not the summary.
// Never: an unsigned answer believed, an error page taken for a bill, a refund read as a payment.
package main
