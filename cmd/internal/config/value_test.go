package config

import (
	"fmt"
	"testing"
)

func TestPercentIsExact(t *testing.T) {
	for text, want := range map[string]int{
		"0%": 0, "50%": 500_000, "0.5%": 5000, "0.0001%": 1, "100%": 1_000_000, "33.3333%": 333_333, "007%": 70_000,
		"100.0001%": -1, "0.00001%": -1, "-1%": -1, "%": -1, "1": -1, ".5%": -1, "5.%": -1, "1e1%": -1, "１%": -1, "99999999999999999999%": -1,
	} {
		var p Percent
		bad := p.parse(text)
		if (bad == nil) != (want >= 0) || (bad == nil && int(p) != want) {
			t.Errorf("%s: got %d, %v", text, p, bad)
		}
	}
}

func TestFractionRoundTrips(t *testing.T) {
	for _, n := range []uint32{0, 1, 10, 123_456_789, 20_000_000, 999_999_999, PerBillion} {
		var back Fraction
		if bad := back.parse(Fraction(n).String()); bad != nil || back != Fraction(n) {
			t.Errorf("%d prints %s and reads %d", n, Fraction(n), back)
		}
	}
	for _, text := range []string{"1.000000001", "2", "0.0000000001", "", "-0.1", "1/2", "NaN", "0,2"} {
		if new(Fraction).parse(text) == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0B": 0, "512B": 512, "64KiB": 65536, "1MiB": 1 << 20, "2GiB": 2 << 30,
		"1MB": -1, "1": -1, "1.5MiB": -1, "KiB": -1, "-1B": -1, "9999999999GiB": -1,
	} {
		var s Size
		bad := s.parse(text)
		if (bad == nil) != (want >= 0) || (bad == nil && int64(s) != want) {
			t.Errorf("%s: got %d, %v", text, s, bad)
		}
	}
}

func TestAddr(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:8080": true, "[::1]:0": true, "pay.example:443": true, "0.0.0.0:1": true,
		":8080": false, "8080": false, "::1:80": false, "h:65536": false, "h:http": false, "h:-1": false, "user@h:1": false, "": false,
	} {
		if got := new(Addr).parse(text) == nil; got != want {
			t.Errorf("%s: accepted %v", text, got)
		}
	}
	for text, want := range map[Addr]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, "0.0.0.0:1": false, "10.0.0.1:1": false, "x": false} {
		if text.Loopback() != want {
			t.Errorf("%s: loopback %v", text, !want)
		}
	}
}

func TestCollisions(t *testing.T) {
	for pair, want := range map[[2]Addr]bool{
		{"127.0.0.1:80", "localhost:080"}:    true,
		{"0.0.0.0:80", "127.0.0.1:80"}:       true,
		{"[::]:80", "10.0.0.1:80"}:           true,
		{"127.0.0.1:0", "127.0.0.1:0"}:       false,
		{"127.0.0.1:80", "127.0.0.2:80"}:     false,
		{"127.0.0.1:80", "127.0.0.1:81"}:     false,
		{"", ""}:                             false,
		{"PAY.example:80", "pay.example:80"}: true,
	} {
		t.Run(fmt.Sprint(pair), func(t *testing.T) {
			if got := collide(pair[0], pair[1]); got != want {
				t.Errorf("collide %v", got)
			}
		})
	}
}

func TestNearestName(t *testing.T) {
	for got, want := range map[string]string{"lisen": "listen", "Listen": "listen", "quantity": "one of drain, listen, queue"} {
		if near := nearestName(got, []string{"queue", "listen", "drain"}); near != want {
			t.Errorf("%s: proposed %s", got, near)
		}
	}
}
