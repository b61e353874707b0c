package response

import (
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func xmlPair(primary, shadowed string) shadow.Pair {
	return shadow.Pair{
		Order: "P1", Route: "pay",
		Primary: exchange(shadow.Primary, 200, "text/xml", primary),
		Shadow:  exchange(shadow.Shadow, 200, "text/xml; charset=utf-8", shadowed),
	}
}

func TestXMLBodies(t *testing.T) {
	c := newComparer(t, Config{
		Fields: []Field{
			{Path: "xml.total_fee", Class: shadow.ClassMoney, Unit: recon.UnitMinor},
			{Path: "xml.nonce_str", Class: shadow.ClassNoise},
		},
		Lists: []List{{Path: "xml.coupon", Key: "id"}},
	})
	for name, s := range map[string]struct {
		primary, shadowed string
		want              []string
	}{
		"layout means nothing":   {"<xml><a>1</a><b><![CDATA[x]]></b></xml>", "<?xml version=\"1.0\"?>\n<xml>\n  <b>x</b>\n  <a>1</a>\n</xml>\n", nil},
		"money":                  {"<xml><total_fee>29</total_fee></xml>", "<xml><total_fee>28</total_fee></xml>", []string{`xml.total_fee value money 29>28`}},
		"declared noise":         {"<xml><nonce_str>a</nonce_str></xml>", "<xml><nonce_str>b</nonce_str></xml>", nil},
		"missing element":        {"<xml><a>1</a><b>2</b></xml>", "<xml><a>1</a></xml>", []string{`xml.b missing plain "2">`}},
		"attribute":              {`<xml><a v="1">x</a></xml>`, `<xml><a v="2">x</a></xml>`, []string{`xml.a.@v value plain 1>2`}},
		"keyed list in an order": {"<xml><coupon><id>1</id><fee>5</fee></coupon><coupon><id>2</id></coupon></xml>", "<xml><coupon><id>2</id></coupon><coupon><id>1</id><fee>5</fee></coupon></xml>", nil},
		"mixed content":          {"<xml>a<b>1</b></xml>", "<xml>a<b>2</b></xml>", []string{"body value plain <xml>a<b>1</b></xml>><xml>a<b>2</b></xml>"}},
		"document type":          {"<!DOCTYPE xml [<!ENTITY a \"1\">]><xml>1</xml>", "<xml>1</xml>", []string{"body value plain <!DOCTYPE xml [<!ENTITY a \"1\">]><xml>1</xml>><xml>1</xml>"}},
		"two documents":          {"<xml>1</xml><xml>2</xml>", "<xml>1</xml>", []string{"body value plain <xml>1</xml><xml>2</xml>><xml>1</xml>"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := c.Compare(xmlPair(s.primary, s.shadowed))
			expect(t, v, s.want...)
		})
	}
}

func TestNoiseEnds(t *testing.T) {
	now := time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)
	c := newComparer(t, Config{
		Now:    func() time.Time { return now },
		Fields: []Field{{Path: "trace", Class: shadow.ClassNoise, Until: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}},
	})
	v, _ := c.Compare(jsonPair("P1", `{"trace":"a"}`, `{"trace":"b"}`))
	expect(t, v)
	now = now.Add(time.Hour)
	v, _ = c.Compare(jsonPair("P1", `{"trace":"a"}`, `{"trace":"b"}`))
	expect(t, v, `trace value plain a>b`)
}
