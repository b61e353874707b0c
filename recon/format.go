package recon

// FormatSpec describes a statement's lines so that the host's scanner can read them at full speed. It is plain data: an
// adapter hands it over in its description, a bank profile writes it as YAML or JSON, and the command line makes one from
// flags. A column is named as the file's header names it, or as Columns does where the file has no header.
type FormatSpec struct {
	Name    string     `json:"name" yaml:"name"`                           // of the format, for messages: "wechat trade ALL"
	Charset Charset    `json:"charset,omitempty" yaml:"charset"`           // default UTF-8
	Lines   LineRule   `json:"lines" yaml:"lines"`                         //
	Header  HeaderRule `json:"header" yaml:"header"`                       //
	Columns []Column   `json:"columns" yaml:"columns"`                     // the columns that are used or known
	KindIn  string     `json:"kind_in,omitempty" yaml:"kind_in"`           // column that says what a line books; "" = Rows[""] for every line
	Rows    []RowRule  `json:"rows" yaml:"rows"`                           // one for each kind of line
	Totals  []Total    `json:"totals,omitempty" yaml:"totals"`             // control totals the file states about itself
	Empty   []string   `json:"empty,omitempty" yaml:"empty"`               // values that mean "none" in id and optional columns, for example "0"
	Channel string     `json:"channel,omitempty" yaml:"channel"`           // goes into every record
	Strict  bool       `json:"strict,omitempty" yaml:"strict"`             // a column that Columns does not name is an error, not a diagnostic
	Open    bool       `json:"open,omitempty" yaml:"open"`                 // Columns names only what is used: others are no diagnostic
	Zone    string     `json:"zone,omitempty" yaml:"zone"`                 // IANA zone of times without an offset; default Asia/Shanghai
	Layouts []string   `json:"time_layouts,omitempty" yaml:"time_layouts"` // Go layouts of times, tried in order; default 2006-01-02 15:04:05. One without a year means the year that is nearest to the statement's day
	Entry   string     `json:"entry,omitempty" yaml:"entry"`               // pattern (path.Match) of the file's name in an archive of several, for example "*ZM_*"; default: the one whose lines fit
	Dates   []string   `json:"date_layouts,omitempty" yaml:"date_layouts"` // Go layouts of settlement dates; default 2006-01-02, 20060102
}

// Charset is how a file's text is encoded. Bytes are compared as they stand; only what leaves the engine, and ids that are
// not ASCII, are converted.
type Charset string

// The charsets. A trail byte of GB18030 can equal '|', '\' or '^', never ',' or a line end: separators are looked for
// outside of two-byte characters where the charset asks for it.
const (
	CharsetUTF8    Charset = "utf-8"
	CharsetGB18030 Charset = "gb18030" // also GBK and GB2312, its subsets
)

// LineRule says how a line is cut into cells.
type LineRule struct {
	Separator string   `json:"separator,omitempty" yaml:"separator"` // one byte, or two where the second begins every value (",`"); "" with Widths
	Runs      bool     `json:"runs,omitempty" yaml:"runs"`           // several separators in a row are one
	Widths    []Width  `json:"widths,omitempty" yaml:"widths"`       // fixed width, in bytes, instead of a separator
	Quote     bool     `json:"quote,omitempty" yaml:"quote"`         // RFC 4180: a cell in '"' may hold separators and line ends
	Trim      string   `json:"trim,omitempty" yaml:"trim"`           // ASCII characters cut from both ends of every value, for example "`\t "
	Comment   string   `json:"comment,omitempty" yaml:"comment"`     // lines that begin with it are no rows
	Summary   []string `json:"summary,omitempty" yaml:"summary"`     // first cell of the line that ends the rows: a summary's header, or a total line
	End       string   `json:"end,omitempty" yaml:"end"`             // text in a comment behind the rows; a file without it is a truncated one
	Skip      int      `json:"skip,omitempty" yaml:"skip"`           // lines before the header, whatever they hold
	Trailing  bool     `json:"trailing,omitempty" yaml:"trailing"`   // a separator may end the line
	Short     bool     `json:"short,omitempty" yaml:"short"`         // cells at the end may be missing: they are empty
	FreeText  []string `json:"free_text,omitempty" yaml:"free_text"` // columns that may hold the separator: surplus cells are theirs. Neighbours, but for readers that can try how to share them
}

// Width is one fixed-width cell.
type Width struct {
	Column string `json:"column" yaml:"column"`
	Offset int    `json:"offset" yaml:"offset"` // bytes from the line's start
	Length int    `json:"length" yaml:"length"` // bytes
}

// HeaderRule says where the names of the columns are.
type HeaderRule struct {
	None bool `json:"none,omitempty" yaml:"none"` // the file has no header: Columns gives the names in order
}

// Column is one column a format knows.
type Column struct {
	Name     string   `json:"name" yaml:"name"`
	Aliases  []string `json:"aliases,omitempty" yaml:"aliases"`   // other names it was issued under
	Optional bool     `json:"optional,omitempty" yaml:"optional"` // some variants of the file lack it
}

// RowRule says how one kind of line becomes a Record. A list of columns means: the first that the line fills.
type RowRule struct {
	Match      []string  `json:"match,omitempty" yaml:"match"`             // values of FormatSpec.KindIn; without it the rule of every line
	Kind       Kind      `json:"kind,omitempty" yaml:"kind"`               // "" with Ignore, or where the amount's sign tells (SignKind)
	Ignore     string    `json:"ignore,omitempty" yaml:"ignore"`           // why such lines are no bookings; they are counted
	Key        []string  `json:"key,omitempty" yaml:"key"`                 //
	KeyAll     bool      `json:"key_all,omitempty" yaml:"key_all"`         // the key is all the columns of Key together
	Order      []string  `json:"order,omitempty" yaml:"order"`             // default: the key
	ChannelTxn []string  `json:"channel_txn,omitempty" yaml:"channel_txn"` //
	Account    []string  `json:"account,omitempty" yaml:"account"`         //
	Amount     Amount    `json:"amount" yaml:"amount"`                     //
	Fee        *Amount   `json:"fee,omitempty" yaml:"fee"`                 //
	Currency   Currency  `json:"currency,omitempty" yaml:"currency"`       // of every line, or:
	CurrencyIn string    `json:"currency_in,omitempty" yaml:"currency_in"` // column
	Status     StatusMap `json:"status" yaml:"status"`                     // without a column every line is StatusSuccess
	Time       []string  `json:"time,omitempty" yaml:"time"`               // columns, joined by a space where TimeAll
	TimeAll    bool      `json:"time_all,omitempty" yaml:"time_all"`       //
	Original   []string  `json:"original,omitempty" yaml:"original"`       // the channel's id of the payment that money out belongs to
	Settled    string    `json:"settled,omitempty" yaml:"settled"`         // settlement date, by the first of FormatSpec.Dates that fits
	Compare    []string  `json:"compare,omitempty" yaml:"compare"`         // further columns whose text is compared
}

// StatusMap reads a state. A value that it does not name is a reject, never success.
type StatusMap struct {
	Column string            `json:"column,omitempty" yaml:"column"`
	Values map[string]Status `json:"values,omitempty" yaml:"values"`
	Empty  Status            `json:"empty,omitempty" yaml:"empty"` // where the cell is empty; "" = reject
}

// Amount says where an amount stands and how it is written.
type Amount struct {
	Columns   []string `json:"columns" yaml:"columns"`               // the first that is filled and not zero, else the first that is filled
	Unit      Unit     `json:"unit" yaml:"unit"`                     //
	Sign      Sign     `json:"sign,omitempty" yaml:"sign"`           // default SignPlain
	Prefix    string   `json:"prefix,omitempty" yaml:"prefix"`       // may stand before the number: "CNY", "¥"
	Thousands bool     `json:"thousands,omitempty" yaml:"thousands"` // "1,100.00" is allowed
}

// Sign says what the sign of a written amount means. The amount of a Record is never negative: its kind has the direction.
// A fee is the cost to the merchant, negative where it is given back.
type Sign string

// The rules of signs.
const (
	SignPlain Sign = ""         // an amount without a sign, a negative number is a reject; of a fee: positive is a cost
	SignFlip  Sign = "negative" // an amount written negative, or zero; of a fee: negative is a cost
	SignAny   Sign = "any"      // an amount with or without a sign; the kind has the direction
	SignKind  Sign = "kind"     // an amount whose sign tells the kind: negative is a refund, else a payment
	SignCD    Sign = "cd"       // a letter in front: C credits the merchant, D debits, a space with zero; it must agree with the kind
)

// TotalOf says what a control total adds up.
type TotalOf string

// What totals add up over the lines of their kinds.
const (
	TotalCount  TotalOf = "count"
	TotalAmount TotalOf = "amount"
	TotalFee    TotalOf = "fee"
)

// Total is one figure a statement states about itself, in a summary row under a name, or in a comment or summary line by
// a pattern. The figure is held against the lines; a difference quarantines the file.
type Total struct {
	Names    []string `json:"names,omitempty" yaml:"names"`         // column of the summary, newest first
	Pattern  string   `json:"pattern,omitempty" yaml:"pattern"`     // regular expression over the line's text with one group: the number
	Of       TotalOf  `json:"of" yaml:"of"`                         //
	Kinds    []Kind   `json:"kinds,omitempty" yaml:"kinds"`         // of the lines that count; all without it
	Columns  []string `json:"columns,omitempty" yaml:"columns"`     // the figure is the sum of the first of them that the file has, over the lines of Kinds, rejected ones too as far as they can be read
	Unit     Unit     `json:"unit,omitempty" yaml:"unit"`           // of amounts and fees
	Sign     Sign     `json:"sign,omitempty" yaml:"sign"`           // of amounts and fees, as of lines
	Required bool     `json:"required,omitempty" yaml:"required"`   // a file without it is a truncated one
	WithRows bool     `json:"with_rows,omitempty" yaml:"with_rows"` // a file without it is a truncated one if it has rows that it is about
}
