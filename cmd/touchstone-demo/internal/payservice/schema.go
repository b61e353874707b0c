package payservice

import "fmt"

// Columns are the types in which the databases of a cutover may differ.
type Columns struct {
	Amount string // type of amounts
	Text   string // type of ids
}

// Account is the demo's merchant account.
const Account = "1900000109"

// StableColumns is the schema the stable release was built on.
func StableColumns() Columns { return Columns{Amount: "DECIMAL(18,2)", Text: "VARCHAR(64)"} }

// NewColumns is the schema that a database cutover moves to.
func NewColumns() Columns { return Columns{Amount: "DECIMAL(20,4)", Text: "VARCHAR(128)"} }

// NarrowColumns is NewColumns gone wrong: it keeps one decimal less than money has.
func NarrowColumns() Columns { return Columns{Amount: "DECIMAL(20,1)", Text: "VARCHAR(128)"} }

// Schema gives the statements that create the service's tables, with the balance of its one account. A refund's order has no key that another order's
// refund could collide with.
func Schema(c Columns) []string {
	shared := fmt.Sprintf("payment_no %[1]s NOT NULL, account %[1]s NOT NULL, amount %[2]s NOT NULL, ", c.Text, c.Amount)
	booked := shared + "currency CHAR(3) NOT NULL, channel_txn " + c.Text + " NOT NULL, status VARCHAR(16) NOT NULL, created_at DATETIME NOT NULL"
	return []string{
		"CREATE TABLE payments (order_id " + c.Text + " NOT NULL PRIMARY KEY, " + booked + ")",
		"CREATE TABLE refunds (refund_id " + c.Text + " NOT NULL PRIMARY KEY, order_id " + c.Text + " NOT NULL, " + booked + ")",
		"CREATE TABLE entries (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id " + c.Text + " NOT NULL, " + shared + "direction CHAR(1) NOT NULL)",
		"CREATE TABLE balances (account " + c.Text + " NOT NULL PRIMARY KEY, amount " + c.Amount + " NOT NULL)",
		"INSERT INTO balances (account, amount) VALUES ('" + Account + "', 0)",
	}
}
