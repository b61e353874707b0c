package wire

import "testing"

// Whatever a server sends, the follower of answers ends with an error or goes on; it never panics.
func FuzzAnswer(f *testing.F) {
	f.Add(ComQuery, true, []byte("\x00\x01\x02\x02\x00\x00\x00"))
	f.Add(ComQuery, false, []byte("\x01\xfe\x00\x00\x02\x00"))
	f.Add(ComStmtPrepare, false, []byte("\x00\x01\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00"))
	f.Add(ComStmtExecute, true, []byte("\xff\x10\x04#42000"))
	f.Add(ComChangeUser, true, []byte("\xfemysql_native_password\x00"))
	f.Fuzz(func(t *testing.T, code byte, deprecate bool, b []byte) {
		caps := uint32(0)
		if deprecate {
			caps = capDeprecateEOF | capSessionTrack
		}
		a := newAnswer(code, caps)
		for n := 0; n < 100 && len(b) > 0; n++ {
			size := min(len(b), 1+int(b[0])%40)
			done, err := a.packet(b[:size], size)
			if done || err != nil {
				return
			}
			b = b[size:]
		}
	})
}

// Whatever a client or server says at the start, reading it never panics, and what is withheld stays withheld.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x0a5.5.5-10.11\x00\x01\x00\x00\x0012345678\x00\xfe\xf7\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x00123456789012\x00mysql_native_password\x00"))
	f.Add([]byte("\x85\xa2\x0b\x00\x00\x00\x00\x01\x2d\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00root\x00\x00app\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		greeting := append([]byte(nil), b...)
		if caps, err := maskGreeting(greeting, false); err == nil && caps&withheld != 0 {
			t.Fatalf("offered %#x", caps)
		}
		if l, err := parseLogin(b, ^withheld); err == nil && l.caps&withheld != 0 {
			t.Fatalf("took %#x", l.caps)
		}
		_, _ = parseChangeUser(b, capSecureConnection)
	})
}

// Whatever stands before a text, reading the attributes never panics and never gives more text than there was.
func FuzzAttributes(f *testing.F) {
	f.Add([]byte("\x00\x01SELECT 1"))
	f.Add([]byte("\x01\x01\x00\x01\xfe\x00\x05order\x02A1SELECT 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		attributes, text, err := splitAttributes(b)
		if err == nil && (len(text)+2 > len(b) || len(attributes) > len(b)) {
			t.Fatalf("%d attributes and %d bytes of text from %d bytes", len(attributes), len(text), len(b))
		}
	})
}
