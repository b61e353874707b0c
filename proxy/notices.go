package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
)

// notice is a callback of a channel whose copy goes to who reconciles: every one of its route, gray or not, and whatever
// the stable release answered. A copy that is lost costs nobody anything but a question to the channel.
type notice struct {
	to          *url.URL
	method, uri string
	header      http.Header
	body        *capture.Buffer
	length      int64 // Content-Length; -1 = chunked
}

// notices sends copies of callbacks beside everything else.
type notices struct {
	queue chan *notice
	count func(outcome string)
	way   *http.Client
}

// What becomes of a copy.
const (
	noticeSent    = "sent"
	noticeRefused = "refused" // who reconciles does not want it, and will not want it again
	noticeLost    = "lost"    // no place, not whole, or nobody answered
)

const (
	noticeSenders = 2
	noticeTries   = 3
	noticePause   = time.Second // before it is tried again
	noticeTimeout = 10 * time.Second
)

func newNotices(limits Limits, count func(string)) *notices {
	return &notices{
		queue: make(chan *notice, limits.QueueLength), count: count,
		way: &http.Client{Timeout: noticeTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: noticeSenders, DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// noticeOf begins to copy a callback; nil where nobody wants it.
func (s *Sidecar) noticeOf(r *Route, in *inbound) *notice {
	if r == nil || r.CopyTo == nil {
		return nil
	}
	return &notice{to: r.CopyTo, method: in.method, uri: in.uri, length: in.length, body: capture.NewBuffer(s.config.Limits.MaxBody, s.budget)}
}

// keeps takes over the header as it came. What belongs to one connection alone, and our own tags, stay behind.
func (n *notice) keeps(h http.Header) {
	n.header = http.Header{}
	for name, values := range h {
		if !isTag(name) && !slices.Contains([]string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Content-Length", "Host", "Expect", "Te", "Trailer", "Upgrade"}, name) {
			n.header[name] = slices.Clone(values)
		}
	}
}

// offer hands a copy over when its exchange has ended. It never waits.
func (n *notices) offer(one *notice) {
	if one == nil {
		return
	}
	body, end := one.body.Snapshot()
	whole := !body.Truncated && (end == capture.Complete || body.Size == max(one.length, 0) && one.length >= 0)
	if whole {
		select {
		case n.queue <- one:
			return
		default:
		}
	}
	n.drop(one)
}

func (n *notices) drop(one *notice) {
	one.body.Release()
	n.count(noticeLost)
}

// run sends what is offered until ended, and then what is left, for as long as ctx allows.
func (n *notices) run(ctx context.Context, ended <-chan struct{}) {
	defer n.way.CloseIdleConnections()
	for {
		select {
		case one := <-n.queue:
			n.pass(ctx, one)
		case <-ended:
			for {
				select {
				case one := <-n.queue:
					n.pass(ctx, one)
				default:
					return
				}
			}
		}
	}
}

// pass sends one copy, a few times where the other side is away or busy.
func (n *notices) pass(ctx context.Context, one *notice) {
	for range noticeTries {
		status, err := n.send(ctx, one)
		switch {
		case err == nil && status < http.StatusMultipleChoices:
			one.body.Release()
			n.count(noticeSent)
			return
		case err == nil && status < http.StatusInternalServerError && status != http.StatusTooManyRequests:
			one.body.Release()
			n.count(noticeRefused)
			return
		}
		if !wait(ctx, noticePause) {
			break
		}
	}
	n.drop(one)
}

func (n *notices) send(ctx context.Context, one *notice) (status int, err error) {
	body, _ := one.body.Snapshot()
	target := strings.TrimSuffix(one.to.String(), "/") + one.uri
	req, err := http.NewRequestWithContext(ctx, one.method, target, bytes.NewReader(body.Bytes))
	if err != nil {
		return 0, fmt.Errorf("copy a callback: %w", err)
	}
	req.Header = one.header
	if _, said := one.header["User-Agent"]; !said {
		req.Header["User-Agent"] = []string{""} // none is added
	}
	res, err := n.way.Do(req)
	if err != nil {
		return 0, fmt.Errorf("copy a callback: %w", err)
	}
	_, err = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return res.StatusCode, errors.Join(err, res.Body.Close())
}
