package export

import (
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// CaseRow is one case. Amounts are in minor units, and once more as people read them; times are RFC 3339 in UTC, "" = none.
type CaseRow struct {
	ID          string `json:"id" parquet:"id"`
	Statement   string `json:"statement" parquet:"statement"`
	Channel     string `json:"channel" parquet:"channel,dict"`
	Account     string `json:"account" parquet:"account,dict"`
	Day         string `json:"day" parquet:"day,dict"`
	Break       string `json:"break" parquet:"break,dict"`
	Class       string `json:"class" parquet:"class,dict"`
	Kind        string `json:"kind" parquet:"kind,dict"`
	Key         string `json:"key" parquet:"key"`
	Occurrence  int64  `json:"occurrence" parquet:"occurrence"`
	Order       string `json:"order" parquet:"order"`
	Gap         string `json:"gap" parquet:"gap"`
	GapMinor    int64  `json:"gap_minor" parquet:"gap_minor"`
	GapCurrency string `json:"gap_currency" parquet:"gap_currency,dict"`
	Label       string `json:"label" parquet:"label,dict"`
	Definition  string `json:"definition" parquet:"definition,dict"`
	State       string `json:"state" parquet:"state,dict"`
	Resolution  string `json:"resolution" parquet:"resolution,dict"`
	Owner       string `json:"owner" parquet:"owner,dict"`
	Expected    string `json:"expected" parquet:"expected"`
	Opened      string `json:"opened" parquet:"opened"`
	Due         string `json:"due" parquet:"due"`
	Closed      string `json:"closed" parquet:"closed"`
}

func caseRow(c *casework.Case) CaseRow {
	r := CaseRow{
		ID: c.ID, Statement: c.Statement, Channel: c.Channel, Account: c.Account, Day: c.Day, Break: string(c.Break), Class: string(c.Class), Kind: string(c.Key.Kind),
		Key: c.Key.ID, Occurrence: int64(c.Occurrence), Order: c.Order, Label: string(c.Label), Definition: c.Label.Definition(), State: string(c.State),
		Resolution: string(c.Resolution), Owner: c.Owner, Expected: stamp(c.Expected), Opened: stamp(c.Opened), Due: stamp(c.Due), Closed: stamp(c.Closed),
	}
	if c.Gap != nil {
		r.Gap, r.GapMinor, r.GapCurrency = c.Gap.Major(), c.Gap.Minor, string(c.Gap.Currency)
	}
	return r
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (CaseRow) columns() []string {
	return []string{"id", "statement", "channel", "account", "day", "break", "class", "kind", "key", "occurrence", "order", "gap", "gap_minor", "gap_currency", "label", "definition",
		"state", "resolution", "owner", "expected", "opened", "due", "closed"}
}

func (r CaseRow) cells() []string {
	return []string{r.ID, r.Statement, r.Channel, r.Account, r.Day, r.Break, r.Class, r.Kind, r.Key, strconv.FormatInt(r.Occurrence, 10), r.Order, r.Gap,
		strconv.FormatInt(r.GapMinor, 10), r.GapCurrency, r.Label, r.Definition, r.State, r.Resolution, r.Owner, r.Expected, r.Opened, r.Due, r.Closed}
}

// BreakRow is both sides of one break, with the places they were read.
type BreakRow struct {
	Case             string `json:"case" parquet:"case"`
	Batch            string `json:"batch" parquet:"batch,dict"`
	Break            string `json:"break" parquet:"break,dict"`
	Class            string `json:"class" parquet:"class,dict"`
	Kind             string `json:"kind" parquet:"kind,dict"`
	Key              string `json:"key" parquet:"key"`
	Occurrence       int64  `json:"occurrence" parquet:"occurrence"`
	Fields           string `json:"fields" parquet:"fields,dict"`
	InternalPlace    string `json:"internal_place" parquet:"internal_place"`
	InternalMinor    *int64 `json:"internal_minor" parquet:"internal_minor,optional"`
	InternalCurrency string `json:"internal_currency" parquet:"internal_currency,dict"`
	InternalStatus   string `json:"internal_status" parquet:"internal_status,dict"`
	InternalTime     string `json:"internal_time" parquet:"internal_time"`
	ChannelPlace     string `json:"channel_place" parquet:"channel_place"`
	ChannelMinor     *int64 `json:"channel_minor" parquet:"channel_minor,optional"`
	ChannelCurrency  string `json:"channel_currency" parquet:"channel_currency,dict"`
	ChannelStatus    string `json:"channel_status" parquet:"channel_status,dict"`
	ChannelTime      string `json:"channel_time" parquet:"channel_time"`
	ChannelSHA256    string `json:"channel_sha256" parquet:"channel_sha256,dict"`
}

func breakRow(c *casework.Case) BreakRow {
	r := BreakRow{Case: c.ID, Batch: c.Batch, Break: string(c.Break), Class: string(c.Class), Kind: string(c.Key.Kind), Key: c.Key.ID, Occurrence: int64(c.Occurrence)}
	var fields []string
	for _, f := range c.Detail.Fields {
		fields = append(fields, string(f.Field))
	}
	r.Fields = strings.Join(fields, " ")
	if books := side(c, 0); books != nil {
		r.InternalPlace, r.InternalMinor, r.InternalCurrency, r.InternalStatus, r.InternalTime = books.Origin.String(), &books.Amount.Minor, string(books.Amount.Currency), string(books.Status), stamp(books.Time)
	}
	if there := side(c, 1); there != nil {
		r.ChannelPlace, r.ChannelMinor, r.ChannelCurrency, r.ChannelStatus, r.ChannelTime = there.Origin.String(), &there.Amount.Minor, string(there.Amount.Currency), string(there.Status), stamp(there.Time)
		r.ChannelSHA256 = there.Origin.SHA256
	}
	return r
}

func side(c *casework.Case, i int) *recon.Record {
	if i >= len(c.Detail.Records) {
		return nil
	}
	return c.Detail.Records[i]
}

func (BreakRow) columns() []string {
	return []string{"case", "batch", "break", "class", "kind", "key", "occurrence", "fields", "internal_place", "internal_minor", "internal_currency", "internal_status", "internal_time",
		"channel_place", "channel_minor", "channel_currency", "channel_status", "channel_time", "channel_sha256"}
}

func (r BreakRow) cells() []string {
	return []string{r.Case, r.Batch, r.Break, r.Class, r.Kind, r.Key, strconv.FormatInt(r.Occurrence, 10), r.Fields, r.InternalPlace, minor(r.InternalMinor), r.InternalCurrency, r.InternalStatus, r.InternalTime,
		r.ChannelPlace, minor(r.ChannelMinor), r.ChannelCurrency, r.ChannelStatus, r.ChannelTime, r.ChannelSHA256}
}

func minor(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
