package proxy

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/seed-3356bd69/touchstone/proxy/pattern"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// KeyRule says where the order number is, and where the merchant's, for services whose merchants choose the numbers.
type KeyRule struct {
	Source
	Merchant Source // zero = one merchant
}

// Source is a place in a request; the first where there is something counts.
type Source struct {
	Header string // name of a request header
	Query  string // name of a query parameter
	Path   string // name of a wildcard in the route's path
	JSON   string // path in a JSON body: "order.id"
	Form   string // name in a form body
	XML    string // path of an element below the root of an XML body: "out_trade_no"
}

// inBody tells whether the body has to be read before anything can be decided.
func (s Source) inBody() bool {
	return s.JSON != "" || s.Form != "" || s.XML != ""
}

func (k KeyRule) inBody() bool { return k.Source.inBody() || k.Merchant.inBody() }

// business is what a gray order is known by.
type business struct{ merchant, order string }

// name is unique for merchant and order: "1" of merchant "23" is not "31" of merchant "2".
func (b business) name() string {
	if b.merchant == "" {
		return b.order
	}
	return strconv.Itoa(len(b.merchant)) + ":" + b.merchant + b.order
}

// of gives the key of a request of the route; its order is "" when there is none, or its merchant is asked for and missing.
func (k *KeyRule) of(route *Route, in *inbound) business {
	b := business{order: k.Source.in(route, in)}
	if k.Merchant != (Source{}) {
		if b.merchant = k.Merchant.in(route, in); b.merchant == "" {
			return business{}
		}
	}
	return b
}

// in gives the value at the first place where there is one.
func (s *Source) in(route *Route, in *inbound) string {
	v := ""
	if s.Header != "" {
		v = in.value(s.Header)
	}
	if v == "" && s.Query != "" {
		v = in.parameter(s.Query)
	}
	if v == "" && s.Path != "" {
		v = pattern.Value(route.Path, in.path, s.Path)
	}
	if v == "" && s.JSON != "" {
		v = scalar(in.body, s.JSON)
	}
	if v == "" && s.Form != "" {
		v = formValue(in, s.Form)
	}
	if v == "" && s.XML != "" {
		v = element(in.body, s.XML)
	}
	return v
}

func formValue(in *inbound, name string) string {
	media, _, _ := mime.ParseMediaType(in.value("Content-Type"))
	if media != "application/x-www-form-urlencoded" {
		return ""
	}
	all, _ := url.ParseQuery(string(in.body)) // what can be read counts
	return all.Get(name)
}

// element gives the text of an element of an XML document; "" = it is not there, or there are two of them.
func element(data []byte, path string) (text string) {
	names := strings.Split(path, ".")
	d := xml.NewDecoder(bytes.NewReader(data))
	var at []string // below the root
	seen, depth := 0, 0
	for {
		token, err := d.Token()
		switch t := token.(type) {
		case nil:
			if !errors.Is(err, io.EOF) || seen != 1 {
				return ""
			}
			return strings.TrimSpace(text)
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return ""
			}
			if depth > 1 {
				at = append(at, t.Name.Local)
			}
			if slices.Equal(at, names) {
				seen++
			}
		case xml.EndElement:
			depth--
			at = at[:max(len(at)-1, 0)]
		case xml.CharData:
			if slices.Equal(at, names) {
				text += string(t)
			}
		}
	}
}

const maxXMLDepth = 32

// scalar gives the text of a string or number in a JSON document, by the names that lead to it; "" = it is not there.
func scalar(data []byte, path string) string {
	if !gjson.ValidBytes(data) {
		return ""
	}
	switch v := gjson.GetBytes(data, path); v.Type {
	case gjson.String:
		return v.Str
	case gjson.Number:
		return v.Raw
	}
	return ""
}

// read finds the amount in a JSON request; nil = it is not there, or not an amount.
func (a AmountRule) read(body shadow.Body) *recon.Money {
	if a.Field == "" || body.Truncated {
		return nil
	}
	amount, err := a.parse(scalar(body.Bytes, a.Field))
	if err != nil {
		return nil
	}
	return &amount
}
