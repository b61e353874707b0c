package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

const (
	retryAfter = 30 * time.Minute // while the channel makes the bill
	urlTries   = 2                // download addresses asked for: one lives 30 s
	readyHour  = 9                // Beijing, of the next day: before it a bill that does not exist may only be late
	lateHour   = 10
)

// errLate is a download address that was too old: a new one may work.
var errLate = errors.New("download address was too old")

// Fetch asks for the day's bill and copies the zip. The channel declares no hash: the zip's own checksums and the totals
// inside must do.
func (a *adapter) Fetch(ctx context.Context, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	if billOf(req.Kind) == nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	day, err := time.ParseInLocation(time.DateOnly, req.Date, a.zone)
	if err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureConfig, "date %q is not of the form %s", req.Date, time.DateOnly)
	}
	if end := day.AddDate(0, 0, 1); a.now().Before(end) {
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: end.Add(readyHour * time.Hour).Sub(a.now())}, nil
	}
	g, err := a.gateway(req.Settings)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	hosts := req.Settings[settingHosts]
	if hosts == "" {
		hosts = defaultHosts
	}
	for try := 1; ; try++ {
		res, err := a.fetchOnce(ctx, g, req, strings.Split(hosts, ","), w)
		if errors.Is(err, errLate) && try < urlTries {
			continue
		}
		if errors.Is(err, errLate) {
			err = plugins.Fail(plugins.FailureUnavailable, "%v, %d times", err, try)
		}
		if p, ok := errors.AsType[*problem](err); ok {
			return a.refused(p, day)
		}
		return res, err
	}
}

// refused tells a day without trades from one whose bill is late: until the time bills are promised for, a bill that does
// not exist is not an empty day.
func (a *adapter) refused(p *problem, day time.Time) (plugins.FetchResult, error) {
	if !p.is("BILL_NOT_EXIST") {
		return plugins.FetchResult{}, p.failure()
	}
	if promised := day.AddDate(0, 0, 1).Add(lateHour * time.Hour); a.now().Before(promised) {
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: min(retryAfter, promised.Sub(a.now()))}, nil
	}
	return plugins.FetchResult{Status: plugins.FetchEmpty}, nil
}

func (a *adapter) fetchOnce(ctx context.Context, g *gateway, req plugins.FetchRequest, hosts []string, w io.Writer) (plugins.FetchResult, error) {
	var ticket struct {
		URL string `json:"bill_download_url"`
	}
	ask := map[string]string{"bill_type": req.Kind, "bill_date": req.Date}
	if err := g.call(ctx, "alipay.data.dataservice.bill.downloadurl.query", ask, &ticket); err != nil {
		return plugins.FetchResult{}, err
	}
	target, err := channel.OnHost(ticket.URL, hosts...)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return plugins.FetchResult{}, fmt.Errorf("build request: %w", err)
	}
	res, err := channel.Do(a.client, get)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "download answered %d", res.StatusCode)
	}
	if err := copyZip(res.Body, w); err != nil {
		return plugins.FetchResult{}, err
	}
	return plugins.FetchResult{Status: plugins.FetchReady}, nil
}

// copyZip stores the download, unless it is the page that says, with 200, that the address was too old.
func copyZip(body io.Reader, w io.Writer) error {
	in := bufio.NewReaderSize(body, channel.Buffer)
	head, err := in.Peek(len(zipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return plugins.Fail(plugins.FailureUnavailable, "download broke: %v", err)
	}
	if string(head) != zipMagic {
		page, _ := io.ReadAll(io.LimitReader(in, channel.Buffer)) // what there is of it tells enough
		if text := decodeText(page); strings.Contains(text, "超时") {
			return errLate
		}
		return plugins.Fail(plugins.FailureUnavailable, "download is no zip but a page of %d bytes", len(page))
	}
	_, err = channel.Copy(w, in)
	return err
}
