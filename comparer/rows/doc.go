// Package rows compares what an order left in the primary database with what it left in the shadow, row by row, exactly.
//
// In:    orders, the ids already learned of them, and a policy that says of each table its key, its money, its generated ids.
// Out:   for each order its differences (table, column, expected, actual), the ids bound on the way, or why nothing can be said.
// Never: a float, an equal row de-duplicated, a bound id bound anew, a column or table left out in silence, a write.
//
// An order's rows are joined in this sequence, over all tables, from the start again after each step that joined something:
//
//	natural key known, one row a side   ──► joined, whatever the rest says
//	everything equal, one row a side    ──► joined, its generated ids bound
//	a foreign key of a joined row       ──► decides between rows that are equal but for their ids
//	still equal but for their ids       ──► joined in the order of their times and ids
//	same key, different rest            ──► joined by the fewest differences
//	same rest, another id was learned   ──► joined, and the id is a difference
//	everything else                     ──► missing, or extra
package rows
