package front

import (
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/socket"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// relay is one exchange on its way.
type relay struct {
	*conn
	passage  Passage
	service  *upstream.Conn
	start    time.Time
	endless  bool
	last     bool // the client's connection ends with this exchange
	answered bool // something of the final answer has gone to the client
}

// exchange passes one request on and its answer back. It tells whether the client's connection is good for another one.
func (c *conn) exchange(message []byte, head int) (again bool) {
	c.request.Body = message[head:]
	c.relay = relay{conn: c, passage: c.port.cfg.Handler.Plain(&c.request), start: time.Now()}
	r := &c.relay
	r.last = c.request.Close || c.port.closing.Load()
	failure := shadow.FailReset // of a panic on the way
	defer func() {
		if r.service != nil {
			r.service.Close()
		}
		r.passage.End(failure)
	}()
	r.compose(message[head:])
	if failure = r.send(); failure == shadow.FailNone {
		failure = r.receive()
	}
	if failure == shadow.FailNone {
		return !r.last
	}
	return r.fail(failure)
}

// compose makes the request as the service gets it: the client's lines without those of the hop, and further fields.
func (r *relay) compose(body []byte) {
	req := &r.request
	out := append(append(r.out[:0], req.First...), "\r\n"...)
	forwarded := false
	for _, f := range req.Fields {
		switch {
		case isHop(f), !r.passage.Passes(f):
		case f.Is("X-Forwarded-For") && !forwarded:
			forwarded = true
			out = append(append(append(out, "X-Forwarded-For: "...), f.Value...), ", "...)
			out = append(append(out, hostOf(req.Remote)...), "\r\n"...)
		default:
			out = append(out, f.Line...)
		}
	}
	if !forwarded {
		out = append(append(append(out, "X-Forwarded-For: "...), hostOf(req.Remote)...), "\r\n"...)
	}
	out = append(r.passage.Fields(out), "\r\n"...)
	r.out = append(out, body...)
}

// isHop tells whether a field is for this hop only. Transfer-Encoding is not among them: the frame stays as it is.
func isHop(f framing.Field) bool {
	switch len(f.Name) {
	case len("Connection"):
		return f.Is("Connection") || f.Is("Keep-Alive")
	case len("Proxy-Connection"):
		return f.Is("Proxy-Connection")
	}
	return false
}

func hostOf(address string) string {
	if at := strings.LastIndexByte(address, ':'); at > 0 {
		return strings.Trim(address[:at], "[]")
	}
	return address
}

// send gets a connection and writes the request. On a connection that was used before, and that the service has closed
// meanwhile, it is sent once more if the service cannot have acted on it.
func (r *relay) send() shadow.Failure {
	pool := r.pool()
	if r.service = pool.Kept(); r.service == nil {
		ctx, cancel := r.background()
		defer cancel()
		var err error
		if r.service, err = pool.Get(ctx); err != nil {
			return dialFailure(err)
		}
	}
	n, err := r.transmit(r.start)
	if err == nil {
		return shadow.FailNone
	}
	if r.service.Reused && n == 0 {
		return r.resend()
	}
	return shadow.FailNone // it may have answered before it closed
}

// pool is the service that answers this request.
func (r *relay) pool() *upstream.Pool {
	if other := r.passage.Service(); other != nil {
		return other
	}
	return r.port.cfg.Service
}

func dialFailure(err error) shadow.Failure {
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() && !errors.Is(err, upstream.ErrDial) {
		return shadow.FailTimeout
	}
	return shadow.FailUnreachable
}

func (r *relay) transmit(now time.Time) (int, error) {
	if err := r.service.ReadBy(now, r.answerBy(), lookEvery); err != nil {
		return 0, err
	}
	return r.service.Ask(r.out, now.Add(r.port.cfg.Bounds.Total))
}

// answerBy is when the head of the answer has to be there.
func (r *relay) answerBy() time.Time {
	return r.start.Add(min(r.port.cfg.Bounds.AnswerWait, r.port.cfg.Bounds.Total))
}

func (r *relay) resend() shadow.Failure {
	ctx, cancel := r.background()
	defer cancel()
	r.service.Close()
	fresh, err := r.pool().Fresh(ctx)
	if err != nil {
		r.service = nil
		return dialFailure(err)
	}
	r.service = fresh
	// An answer may have come before the connection broke: reading shows it.
	_, _ = r.transmit(time.Now())
	return shadow.FailNone
}

// repeatable tells whether a request does the same when the service gets it twice.
func (r *relay) repeatable() bool {
	switch string(r.request.Method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// receive passes the answer on.
func (r *relay) receive() shadow.Failure {
	for {
		n, failure := r.answerHead()
		if failure != shadow.FailNone {
			return failure
		}
		if r.answer.Status == 101 {
			return shadow.FailReset // nobody asked for it
		}
		if r.answer.Status >= 200 {
			return r.pass(n)
		}
		if r.answer.Status != 100 { // nobody waits for it: expectations go through net/http
			if err := r.write(r.service.Buf[:n]); err != nil {
				return shadow.FailClientGone
			}
		}
		r.service.Buf = r.service.Buf[n:]
	}
}

// answerHead reads up to the end of a head.
func (r *relay) answerHead() (int, shadow.Failure) {
	until := r.answerBy()
	for {
		if len(r.service.Buf) > 0 {
			n, err := r.answer.ParseAnswer(r.service.Buf)
			switch {
			case err != nil, n == 0 && len(r.service.Buf) > r.port.cfg.Bounds.Head:
				return 0, shadow.FailReset
			case n > 0:
				return n, shadow.FailNone
			}
		}
		failure := r.fill(until)
		if failure == shadow.FailReset && r.service.Reused && len(r.service.Buf) == 0 && r.repeatable() {
			if failure = r.resend(); failure == shadow.FailNone {
				continue
			}
		}
		if failure != shadow.FailNone {
			return 0, failure
		}
	}
}

const lookEvery = time.Second

// fill reads more of the answer. While nothing comes it looks whether the client is still there.
func (r *relay) fill(until time.Time) shadow.Failure {
	for {
		if err := r.patience(until); err != nil {
			return shadow.FailReset
		}
		n, err := r.service.Fill()
		switch {
		case n > 0:
			return shadow.FailNone
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return shadow.FailReset
		case socket.Gone(r.client):
			return shadow.FailClientGone
		case !r.endless && !time.Now().Before(until):
			return shadow.FailTimeout
		}
	}
}

// patience bounds the next read of the service.
func (r *relay) patience(until time.Time) error {
	if r.service.Asked() {
		return nil
	}
	now := time.Now()
	if r.endless {
		until = now.Add(lookEvery)
	}
	return r.service.ReadBy(now, until, lookEvery)
}

// pass sends head and body of the final answer to the client.
func (r *relay) pass(n int) shadow.Failure {
	kind := r.answer.AnswerBody(r.request.Method)
	r.last = r.last || kind == framing.BodyClose || r.port.closing.Load()
	keep := kind != framing.BodyClose && !r.answer.Close
	r.endless = r.passage.Answer(&r.answer)
	r.answerLines()
	r.service.Buf = r.service.Buf[n:]
	failure := r.passBody(kind)
	if failure == shadow.FailNone && keep && len(r.service.Buf) == 0 {
		r.pool().Put(r.service)
		r.service = nil
	}
	return failure
}

// answerLines composes the head as the client gets it.
func (r *relay) answerLines() {
	out := append(r.out[:0], "HTTP/1.1"...)
	out = append(append(out, r.answer.First[len("HTTP/1.1"):]...), "\r\n"...)
	for _, f := range r.answer.Fields {
		if !isHop(f) && !f.Is(shadow.HeaderTag) {
			out = append(out, f.Line...)
		}
	}
	if r.last {
		out = append(out, "Connection: close\r\n"...)
	}
	r.out = append(out, "\r\n"...)
}

// passBody sends the head that is composed and, as it comes, the body.
func (r *relay) passBody(kind framing.Body) shadow.Failure {
	b := r.answer.Payload(kind)
	until := r.start.Add(r.port.cfg.Bounds.Total)
	for {
		n, err := b.Follow(r.service.Buf, r.passage.Piece)
		if err != nil {
			return shadow.FailReset
		}
		if failure := r.sendOn(r.service.Buf[:n]); failure != shadow.FailNone {
			return failure
		}
		r.service.Buf = r.service.Buf[n:]
		if b.Done() {
			return shadow.FailNone
		}
		switch failure := r.fill(until); {
		case failure == shadow.FailReset && kind == framing.BodyClose && r.service.Ended:
			return shadow.FailNone
		case failure != shadow.FailNone:
			return failure
		}
	}
}

// sendOn writes a piece of the answer, the first one together with the head.
func (r *relay) sendOn(piece []byte) shadow.Failure {
	if !r.answered {
		r.answered = true
		piece = append(r.out, piece...)
		r.out = piece[:0]
	}
	if len(piece) == 0 {
		return shadow.FailNone
	}
	if err := r.write(piece); err != nil {
		return shadow.FailClientGone
	}
	return shadow.FailNone
}

// fail answers for a service that gave no whole answer. Once a part of the answer is out, only an end of the connection
// tells the client.
func (r *relay) fail(failure shadow.Failure) (again bool) {
	if r.answered || failure == shadow.FailClientGone {
		return false
	}
	status := "502 Bad Gateway"
	if failure == shadow.FailTimeout {
		status = "504 Gateway Timeout"
	}
	r.out = append(append(append(r.out[:0], "HTTP/1.1 "...), status...), "\r\nContent-Length: 0\r\n"...)
	if r.last {
		r.out = append(r.out, "Connection: close\r\n"...)
	}
	err := r.write(append(r.out, "\r\n"...))
	return err == nil && !r.last
}
