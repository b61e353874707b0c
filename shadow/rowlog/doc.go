// Package rowlog reads the transactions of gray requests back from the primary's row log, its binlog in ROW format.
//
// In:    a MySQL or MariaDB server with full row images, a policy of tables, the position up to which all is done.
// Out:   write sets with images before and after, in commit order, each until somebody says it is done.
// Never: a tagged transaction left out without a word, an image by guessed columns, a position ahead of what is done.
package rowlog
