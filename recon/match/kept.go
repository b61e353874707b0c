package match

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/recon"
)

// odd begins the form in which a text is kept that JSON would not give back as it is: not UTF-8, or begun alike.
const odd = "\x00base64:"

func keptText(text string) string {
	if utf8.ValidString(text) && !strings.HasPrefix(text, odd) {
		return text
	}
	return odd + base64.StdEncoding.EncodeToString([]byte(text))
}

func restoredText(text string) (string, error) {
	rest, is := strings.CutPrefix(text, odd)
	if !is {
		return text, nil
	}
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return "", fmt.Errorf("restore text of a difference: %w", err)
	}
	return string(raw), nil
}

// kept is a difference as it is written down. Statements hold bytes of charsets that nobody told: they come back.
func kept(d *Difference) *Difference {
	out := *d
	out.Records = slices.Clone(d.Records)
	for i, r := range d.Records {
		if r != nil {
			c := *r
			c.Further = slices.Clone(r.Further)
			out.Records[i] = &c
		}
	}
	out.Fields = slices.Clone(d.Fields)
	for i := range out.Fields {
		out.Fields[i].Values = slices.Clone(out.Fields[i].Values)
	}
	for _, text := range out.texts() {
		*text = keptText(*text)
	}
	return &out
}

// restore undoes what kept did, in place.
func restore(d *Difference) error {
	for _, text := range d.texts() {
		var err error
		if *text, err = restoredText(*text); err != nil {
			return err
		}
	}
	return nil
}

// texts are the places of all texts that a side's file says.
func (d *Difference) texts() []*string {
	all := []*string{&d.Key.ID}
	for _, r := range d.Records {
		if r != nil {
			all = append(all, recordTexts(r)...)
		}
	}
	for i := range d.Fields {
		for j := range d.Fields[i].Values {
			all = append(all, &d.Fields[i].Values[j])
		}
	}
	return all
}

func recordTexts(r *recon.Record) []*string {
	all := []*string{&r.Key.ID, &r.Order, &r.ChannelTxn, &r.Account, &r.Original, &r.Origin.File, &r.Origin.Table, &r.Origin.Row}
	for i := range r.Further {
		all = append(all, &r.Further[i].Value)
	}
	return all
}
