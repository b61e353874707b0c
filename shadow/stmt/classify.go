package stmt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/test_driver"
)

// ErrUnclassified means that a text could not be read. It carries no part of the text.
var ErrUnclassified = errors.New("statement cannot be classified")

// Classifier reads statements. It is safe for concurrent use.
type Classifier struct{ parsers sync.Pool }

// New makes a classifier.
func New() *Classifier {
	return &Classifier{parsers: sync.Pool{New: func() any { return parser.New() }}}
}

// Classify reads a text of one or more statements. Whatever the parser makes of a text, it does not panic.
func (c *Classifier) Classify(sql string, mode Mode) (all []Statement, err error) {
	p := c.parsers.Get().(*parser.Parser)
	defer func() {
		if recover() != nil {
			all, err = nil, fmt.Errorf("%w: the parser gave up", ErrUnclassified)
			return
		}
		c.parsers.Put(p)
	}()
	flags := mysql.SQLMode(0)
	if mode&NoBackslashEscapes != 0 {
		flags = mysql.ModeNoBackslashEscapes
	}
	p.SetSQLMode(flags)
	if HasExecutableComment(sql, mode) { // which server runs it depends on its version
		return nil, ErrUnclassified
	}
	nodes, _, failure := p.ParseSQL(sql)
	if failure != nil || len(nodes) == 0 {
		return nil, ErrUnclassified
	}
	for _, node := range nodes {
		s := read(node)
		s.Masked = Mask(node.Text(), mode)
		all = append(all, s)
	}
	return all, nil
}

func read(node ast.StmtNode) Statement {
	v := &visitor{}
	node.Accept(v)
	v.numberParams()
	s := Statement{Tables: v.tables, Aliases: v.aliases, Schemas: v.schemas, Functions: v.functions, Outfile: v.outfile, Params: len(v.params), Varies: v.varies}
	v.class(node, &s)
	if s.Class == Read && v.locking {
		s.Class = LockingRead
	}
	if (s.Class == Read || s.Class == LockingRead) && len(s.Functions) > 0 {
		s.Class = CallingRead
	}
	return s
}

// visitor collects what is named anywhere in a statement.
type visitor struct {
	tables    []Table
	aliases   []string
	schemas   []string
	functions []string
	params    []*test_driver.ParamMarkerExpr
	locking   bool
	outfile   bool
	writes    bool
	varies    bool
}

// Enter looks at one node.
func (v *visitor) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.TableName:
		v.tables = append(v.tables, Table{n.Schema.O, n.Name.O})
	case *ast.TableSource:
		v.alias(n.AsName.L)
	case *ast.CommonTableExpression:
		v.alias(n.Name.L)
	case *ast.ColumnName:
		v.schema(n.Schema.O)
	case *ast.FuncCallExpr:
		v.schema(n.Schema.O)
		if name := n.FnName.L; n.Schema.O != "" || !IsPure(name) {
			v.functions = append(v.functions, name)
		}
		v.varies = v.varies || varies(n.FnName.L)
	case *ast.VariableExpr:
		v.varies = true
	case *test_driver.ParamMarkerExpr:
		v.params = append(v.params, n)
	case *ast.SelectStmt:
		v.locking = v.locking || n.LockInfo != nil && n.LockInfo.LockType != ast.SelectLockNone
		v.outfile = v.outfile || n.SelectIntoOpt != nil
	case *ast.InsertStmt, *ast.UpdateStmt, *ast.DeleteStmt:
		v.writes = true
	}
	return n, false
}

// Leave goes on with the next node.
func (v *visitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func (v *visitor) alias(name string) {
	if name != "" {
		v.aliases = append(v.aliases, name)
	}
}

func (v *visitor) schema(name string) {
	if name != "" {
		v.schemas = append(v.schemas, name)
	}
}

// numberParams gives placeholders the order in which they stand in the text.
func (v *visitor) numberParams() {
	slices.SortFunc(v.params, func(a, b *test_driver.ParamMarkerExpr) int { return a.Offset - b.Offset })
	for i, p := range v.params {
		p.SetOrder(i)
	}
}

func (v *visitor) class(node ast.StmtNode, s *Statement) {
	switch n := node.(type) {
	case *ast.SelectStmt:
		s.Class, s.Verb, s.Target, s.Where = Read, "select", targetOf(n.From), equals(n.Where)
		s.Ordered, s.Limited = n.OrderBy != nil, n.Limit != nil
	case *ast.SetOprStmt:
		s.Class, s.Verb = Read, "select"
	case *ast.InsertStmt:
		s.Class, s.Verb = Insert, "insert"
		if n.IsReplace {
			s.Class, s.Verb = Replace, "replace"
		}
		s.Target, s.Insert = targetOf(n.Table), insertValues(n)
	case *ast.UpdateStmt:
		s.Class, s.Verb, s.Target, s.Where, s.Changes = Update, "update", targetOf(n.TableRefs), equals(n.Where), changes(n.List)
	case *ast.DeleteStmt:
		s.Class, s.Verb, s.Target, s.Where = Delete, "delete", targetOf(n.TableRefs), equals(n.Where)
	case *ast.BeginStmt:
		s.Class, s.Verb = TransactionEnd, "begin"
	case *ast.CommitStmt:
		s.Class, s.Verb = TransactionEnd, "commit"
	case *ast.RollbackStmt:
		s.Class, s.Verb = TransactionEnd, "rollback"
	case *ast.SavepointStmt:
		s.Class, s.Verb = TransactionEnd, "savepoint"
	case *ast.ReleaseSavepointStmt:
		s.Class, s.Verb = TransactionEnd, "release"
	case *ast.SetStmt:
		s.Class, s.Verb, s.Settings = Set, "set", settings(n)
	case *ast.UseStmt:
		s.Class, s.Verb = Use, "use"
		s.Schemas = append(s.Schemas, n.DBName)
	case *ast.ShowStmt:
		s.Class, s.Verb = Show, "show"
		if n.DBName != "" {
			s.Schemas = append(s.Schemas, n.DBName)
		}
	case *ast.ExplainStmt:
		s.Class, s.Verb = Show, "explain"
		if v.writes || n.Analyze {
			s.Class = Admin
		}
	case ast.DDLNode:
		s.Class, s.Verb = DDL, "ddl"
	default:
		s.Class, s.Verb = Admin, strings.ToLower(firstWord(node.Text()))
	}
}

func firstWord(sql string) string {
	w := words{lexer: lexer{src: sql}}
	return w.next()
}

// targetOf names the one table a write goes to; the zero Table when there are several.
func targetOf(refs *ast.TableRefsClause) Table {
	if refs == nil || refs.TableRefs == nil || refs.TableRefs.Right != nil {
		return Table{}
	}
	source, ok := refs.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return Table{}
	}
	name, ok := source.Source.(*ast.TableName)
	if !ok {
		return Table{}
	}
	return Table{name.Schema.O, name.Name.O}
}

func settings(n *ast.SetStmt) []Setting {
	var all []Setting
	for _, v := range n.Variables {
		name := strings.ToLower(v.Name)
		if v.Name == ast.SetNames || v.Name == ast.SetCharset {
			name = "names"
		}
		user := !v.IsSystem && name != "names"
		all = append(all, Setting{Name: name, Global: v.IsGlobal || v.IsInstance, User: user})
	}
	return all
}
