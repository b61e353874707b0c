package framing

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const fine = "POST /pay?x=1 HTTP/1.1\r\nHost: pay.example\r\nContent-Length: 5\r\nX-A:  b \r\n\r\n"

func TestHeadOfARequest(t *testing.T) {
	var h Head
	n, err := h.ParseRequest([]byte(fine + "12345GET"))
	if err != nil || n != len(fine) {
		t.Fatalf("%d of %d, %v", n, len(fine), err)
	}
	if string(h.Method) != "POST" || string(h.Target) != "/pay?x=1" || h.Length != 5 || string(h.Value("x-a")) != "b" || h.RequestBody() != BodyLength || h.Unusual || h.Close {
		t.Errorf("%+v", h)
	}
	if got := h.Header(); len(got) != 3 || got["X-A"][0] != "b" || got["Content-Length"][0] != "5" {
		t.Errorf("%v", got)
	}
	for cut := range len(fine) {
		if n, err := h.ParseRequest([]byte(fine[:cut])); n != 0 || err != nil {
			t.Fatalf("cut at %d: %d, %v", cut, n, err)
		}
	}
}

func TestUnusualRequestsAreTold(t *testing.T) {
	for name, lines := range map[string]string{
		"upgrade": "Connection: Upgrade\r\nUpgrade: websocket\r\n", "expectation": "Expect: 100-continue\r\n", "trailers": "TE: trailers\r\n",
		"a trailer": "Trailer: X\r\n", "a named hop field": "Connection: X-A\r\n",
	} {
		var h Head
		if _, err := h.ParseRequest([]byte("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n")); err != nil || !h.Unusual {
			t.Errorf("%s: %v, unusual %v", name, err, h.Unusual)
		}
	}
	for name, head := range map[string]string{"HTTP/1.0": "GET / HTTP/1.0\r\n\r\n", "absolute": "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "asterisk": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"} {
		var h Head
		if _, err := h.ParseRequest([]byte(head)); err != nil || !h.Unusual {
			t.Errorf("%s: %v, unusual %v", name, err, h.Unusual)
		}
	}
}

// smuggled are requests that two readers could see differently, or that no honest client sends.
func smuggled() map[string]struct {
	head string
	want error
} {
	type c = struct {
		head string
		want error
	}
	post := func(fields string) string { return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
	return map[string]c{
		"CL.TE":                      {post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), ErrBothLengths},
		"TE.CL":                      {post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"), ErrBothLengths},
		"TE.TE":                      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), ErrEncoding},
		"TE twice":                   {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), ErrEncoding},
		"TE with another":            {post("Transfer-Encoding: gzip, chunked\r\n"), ErrEncoding},
		"TE misspelt":                {post("Transfer-Encoding: xchunked\r\n"), ErrEncoding},
		"TE quoted":                  {post("Transfer-Encoding: \"chunked\"\r\n"), ErrEncoding},
		"TE empty":                   {post("Transfer-Encoding:\r\n"), ErrEncoding},
		"TE with vertical tab":       {post("Transfer-Encoding: \x0bchunked\r\n"), ErrFieldValue},
		"TE with blank before colon": {post("Transfer-Encoding : chunked\r\n"), ErrFieldName},
		"TE folded":                  {post("Transfer-Encoding:\r\n chunked\r\n"), ErrEncoding},
		"a field folded":             {post("X-A: b\r\n c\r\n"), ErrFold},
		"first field folded":         {"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n", ErrFold},
		"TE in HTTP/1.0":             {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ErrBothLengths},
		"two lengths":                {post("Content-Length: 5\r\nContent-Length: 6\r\n"), ErrLength},
		"two equal lengths":          {post("Content-Length: 5\r\nContent-Length: 5\r\n"), ErrLength},
		"list of lengths":            {post("Content-Length: 5, 5\r\n"), ErrLength},
		"signed length":              {post("Content-Length: +5\r\n"), ErrLength},
		"negative length":            {post("Content-Length: -1\r\n"), ErrLength},
		"hexadecimal length":         {post("Content-Length: 0x5\r\n"), ErrLength},
		"empty length":               {post("Content-Length: \r\n"), ErrLength},
		"length beyond int64":        {post("Content-Length: 9999999999999999999\r\n"), ErrLength},
		"bare LF after the line":     {"GET / HTTP/1.1\nHost: a\r\n\r\n", ErrBareLF},
		"bare LF in the fields":      {post("X-A: b\nX-C: d\r\n"), ErrBareLF},
		"bare LF ends the head":      {"GET / HTTP/1.1\r\nHost: a\n\n", ErrBareLF},
		"bare CR in a value":         {post("X-A: b\rX-C: d\r\n"), ErrFieldValue},
		"NUL in a value":             {post("X-A: b\x00\r\n"), ErrFieldValue},
		"name with a blank":          {post("X A: b\r\n"), ErrFieldName},
		"no colon":                   {post("Content-Length 5\r\n"), ErrFieldName},
		"no name":                    {post(": b\r\n"), ErrFieldName},
		"two hosts":                  {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ErrHost},
		"no host":                    {"GET / HTTP/1.1\r\nX-A: b\r\n\r\n", ErrHost},
		"host with a path":           {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ErrHost},
		"two blanks":                 {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ErrRequestLine},
		"blank in the target":        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", ErrVersion},
		"tab in the line":            {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", ErrRequestLine},
		"empty line first":           {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrRequestLine},
		"version of the past":        {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", ErrVersion},
		"version of the future":      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", ErrVersion},
		"version in small letters":   {"GET / http/1.1\r\nHost: a\r\n\r\n", ErrVersion},
		"method is no token":         {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", ErrRequestLine},
		"CONNECT":                    {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", ErrMethod},
		"target without a slash":     {"GET pay HTTP/1.1\r\nHost: a\r\n\r\n", ErrRequestLine},
		"too many fields":            {post(strings.Repeat("A: b\r\n", MaxFields)), ErrTooManyFields},
	}
}

func TestSmuggledHeadsAreRefused(t *testing.T) {
	for name, c := range smuggled() {
		t.Run(name, func(t *testing.T) {
			var h Head
			if n, err := h.ParseRequest([]byte(c.head)); !errors.Is(err, c.want) {
				t.Errorf("got %d, %v; want %v", n, err, c.want)
			}
		})
	}
}

func TestHeadOfAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		head   string
		status int
		body   Body
		err    error
	}{
		"with a length":    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200, BodyLength, nil},
		"chunked":          {"HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n\r\n", 200, BodyChunks, nil},
		"without reason":   {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, BodyLength, nil},
		"to the close":     {"HTTP/1.0 200 OK\r\n\r\n", 200, BodyClose, nil},
		"no content":       {"HTTP/1.1 204 No Content\r\n\r\n", 204, BodyNone, nil},
		"early hints":      {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 103, BodyNone, nil},
		"both lengths":     {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 200, 0, ErrBothLengths},
		"two lengths":      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", 200, 0, ErrLength},
		"status of two":    {"HTTP/1.1 20 OK\r\n\r\n", 0, 0, ErrStatusLine},
		"status of four":   {"HTTP/1.1 2000 OK\r\n\r\n", 0, 0, ErrStatusLine},
		"other protocol":   {"ICY 200 OK\r\n\r\n", 0, 0, ErrVersion},
		"split in a value": {"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", 200, 0, ErrFieldValue},
	} {
		t.Run(name, func(t *testing.T) {
			var h Head
			_, err := h.ParseAnswer([]byte(c.head))
			if !errors.Is(err, c.err) || (err == nil && (h.Status != c.status || h.AnswerBody([]byte("GET")) != c.body)) {
				t.Errorf("%v, status %d, body %v", err, h.Status, h.AnswerBody([]byte("GET")))
			}
			if err == nil && h.AnswerBody([]byte("HEAD")) != BodyNone {
				t.Error("an answer to HEAD has a body")
			}
		})
	}
}

func TestParsingTakesNoMemory(t *testing.T) {
	var h Head
	buf := []byte(fine)
	h.ParseRequest(buf)
	if n := testing.AllocsPerRun(100, func() { h.ParseRequest(buf) }); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

// whole reads one request with its body as the product does, and tells where it ends.
func whole(data []byte) (end int, body []byte, ok bool) {
	var h Head
	n, err := h.ParseRequest(data)
	if n == 0 || err != nil {
		return 0, nil, false
	}
	switch h.RequestBody() {
	case BodyNone:
		return n, nil, true
	case BodyLength:
		if h.Length > int64(len(data)-n) {
			return 0, nil, false
		}
		return n + int(h.Length), data[n : n+int(h.Length)], true
	}
	var c Chunks
	for n < len(data) && !c.Done() {
		piece, m, err := c.Next(data[n:])
		if err != nil {
			return 0, nil, false
		}
		body, n = append(body, piece...), n+m
	}
	return n, body, c.Done()
}

// FuzzAgainstNetHTTP holds the reader against net/http's: what it accepts has the same body and the same end there.
func FuzzAgainstNetHTTP(f *testing.F) {
	f.Add([]byte(fine + "12345GET / HTTP/1.1\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\nrest"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00a;x=y\r\n0123456789\r\n0\r\n\r\n"))
	for _, c := range smuggled() {
		f.Add([]byte(c.head + "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		end, body, ok := whole(data)
		if !ok {
			return
		}
		source := bytes.NewReader(data)
		reader := bufio.NewReaderSize(source, 16)
		req, err := http.ReadRequest(reader)
		if err != nil {
			if strings.Contains(err.Error(), "parse ") { // a target that is no URL: passed on as it is
				return
			}
			t.Fatalf("accepted, and net/http says %v: %q", err, data)
		}
		theirs, err := io.ReadAll(req.Body)
		if err != nil || !bytes.Equal(theirs, body) {
			t.Fatalf("body %q, net/http has %q, %v: %q", body, theirs, err, data)
		}
		if at := len(data) - source.Len() - reader.Buffered(); at != end {
			t.Fatalf("the message ends at %d, for net/http at %d: %q", end, at, data)
		}
	})
}
