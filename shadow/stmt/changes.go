package stmt

import (
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// changes reads the assignments of an UPDATE.
func changes(list []*ast.Assignment) []Change {
	var all []Change
	for _, a := range list {
		all = append(all, change(a.Column.Name.L, a.Column.Name.O, a.Expr))
	}
	return all
}

// change reads one assignment: column = column + value, value + column, column - value, or anything else.
func change(key, column string, e ast.ExprNode) Change {
	for {
		p, ok := e.(*ast.ParenthesesExpr)
		if !ok {
			break
		}
		e = p.Expr
	}
	out := Change{Column: column}
	op, ok := e.(*ast.BinaryOperationExpr)
	if !ok || op.Op != opcode.Plus && op.Op != opcode.Minus {
		return out
	}
	by := op.R
	switch {
	case isColumn(op.L, key):
	case op.Op == opcode.Plus && isColumn(op.R, key):
		by = op.L
	default:
		return out
	}
	v := valueOf(by)
	if v.Kind != Literal && v.Kind != Param {
		return out
	}
	out.Delta, out.Minus, out.By = true, op.Op == opcode.Minus, v
	return out
}

func isColumn(e ast.ExprNode, key string) bool {
	c, ok := e.(*ast.ColumnNameExpr)
	return ok && c.Name.Name.L == key
}
