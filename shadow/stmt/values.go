package stmt

import (
	"strconv"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
	"github.com/pingcap/tidb/pkg/parser/test_driver"
)

func insertValues(n *ast.InsertStmt) *InsertValues {
	out := &InsertValues{Ignore: n.IgnoreErr, OnDuplicate: len(n.OnDuplicate) > 0, Select: n.Select != nil}
	for _, c := range n.Columns {
		out.Columns = append(out.Columns, c.Name.O)
	}
	for _, list := range n.Lists {
		row := make([]Value, len(list))
		for i, e := range list {
			row[i] = valueOf(e)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// equals lists the conditions column = value that all must hold.
func equals(e ast.ExprNode) []Equal {
	switch e := e.(type) {
	case *ast.ParenthesesExpr:
		return equals(e.Expr)
	case *ast.BinaryOperationExpr:
		switch e.Op {
		case opcode.LogicAnd:
			return append(equals(e.L), equals(e.R)...)
		case opcode.EQ:
			if eq, ok := equal(e.L, e.R); ok {
				return []Equal{eq}
			}
			if eq, ok := equal(e.R, e.L); ok {
				return []Equal{eq}
			}
		}
	case *ast.PatternInExpr:
		if !e.Not && len(e.List) == 1 {
			if eq, ok := equal(e.Expr, e.List[0]); ok {
				return []Equal{eq}
			}
		}
	}
	return nil
}

func equal(column, value ast.ExprNode) (Equal, bool) {
	name, ok := column.(*ast.ColumnNameExpr)
	if !ok {
		return Equal{}, false
	}
	v := valueOf(value)
	return Equal{Column: name.Name.Name.O, Value: v}, v.Kind == Literal || v.Kind == Param
}

func valueOf(e ast.ExprNode) Value {
	switch e := e.(type) {
	case *test_driver.ParamMarkerExpr:
		return Value{Kind: Param, Index: e.Order}
	case *test_driver.ValueExpr:
		return literal(e)
	case *ast.ParenthesesExpr:
		return valueOf(e.Expr)
	case *ast.UnaryOperationExpr:
		return signed(e)
	case *ast.DefaultExpr:
		if e.Name == nil {
			return Value{Kind: ByDefault}
		}
	}
	return Value{Kind: Computed}
}

// signed reads a number with a sign before it.
func signed(e *ast.UnaryOperationExpr) Value {
	inner, ok := e.V.(*test_driver.ValueExpr)
	if !ok || (e.Op != opcode.Minus && e.Op != opcode.Plus) {
		return Value{Kind: Computed}
	}
	switch inner.Kind() {
	case test_driver.KindInt64, test_driver.KindUint64, test_driver.KindFloat64, test_driver.KindMysqlDecimal:
	default:
		return Value{Kind: Computed}
	}
	v := literal(inner)
	if e.Op == opcode.Minus {
		v.Text = "-" + v.Text
	}
	return v
}

func literal(e *test_driver.ValueExpr) Value {
	switch e.Kind() {
	case test_driver.KindNull:
		return Value{Kind: Null}
	case test_driver.KindInt64:
		return Value{Kind: Literal, Text: strconv.FormatInt(e.GetInt64(), 10)}
	case test_driver.KindUint64:
		return Value{Kind: Literal, Text: strconv.FormatUint(e.GetUint64(), 10)}
	case test_driver.KindFloat64:
		return Value{Kind: Literal, Text: strconv.FormatFloat(e.GetFloat64(), 'g', -1, 64)}
	case test_driver.KindMysqlDecimal:
		return Value{Kind: Literal, Text: e.GetMysqlDecimal().String()}
	case test_driver.KindString, test_driver.KindBytes:
		return textLiteral(e)
	case test_driver.KindBinaryLiteral:
		return Value{Kind: Literal, Text: string(e.GetBinaryLiteral()), Binary: true, Hex: true}
	}
	return Value{Kind: Computed}
}

// textLiteral reads a string. One whose introducer names a character set other than UTF-8 or binary is not converted.
func textLiteral(e *test_driver.ValueExpr) Value {
	v := Value{Kind: Literal, Text: e.GetString()}
	switch e.Type.GetCharset() {
	case "", "utf8", "utf8mb3", "utf8mb4", "ascii":
	case "binary":
		v.Binary = true
	default:
		return Value{Kind: Computed}
	}
	return v
}
