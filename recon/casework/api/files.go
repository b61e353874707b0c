package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/export"
)

func (a *API) attachment(w http.ResponseWriter, r *http.Request) {
	_, err := a.actor(r, casework.ActRead)
	var data []byte
	if err == nil {
		data, err = a.Desk.Attachments.Get(r.PathValue("sha256"))
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream") // whatever it is, no browser shall run it
	w.Header().Set("Content-Disposition", "attachment")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data) // a client that went away cannot be told
}

// export streams a table. An error in the middle cuts the connection: a part must not look like a whole.
func (a *API) export(w http.ResponseWriter, r *http.Request) {
	_, err := a.actor(r, casework.ActExport)
	query := r.URL.Query()
	form := export.Form(query.Get("format"))
	query.Del("format")
	var f casework.Filter
	if err == nil {
		f, err = exportFilter(query, a.Desk.Now())
	}
	var table *export.Table
	if err == nil {
		table, err = export.Open(export.What(r.PathValue("what")), form)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", table.ContentType())
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", table.Name()))
	out := &counted{to: w}
	switch err := table.Write(r.Context(), a.Desk, f, out); {
	case err != nil && out.n == 0:
		w.Header().Del("Content-Disposition")
		refuse(w, err)
	case err != nil:
		panic(http.ErrAbortHandler)
	}
}

// exportFilter refuses what only pages of a list have: an export is whole.
func exportFilter(q url.Values, now time.Time) (casework.Filter, error) {
	for _, name := range []string{"after", "business", "limit"} {
		if q.Has(name) {
			return casework.Filter{}, fmt.Errorf("%s: %w: has no effect on an export; try: without it", name, casework.ErrInput)
		}
	}
	f, _, err := filterOf(q, now)
	return f, err
}

// counted knows whether anything was sent.
type counted struct {
	to http.ResponseWriter
	n  int
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	if c.n += n; err == nil && n < len(p) {
		err = errors.New("short write")
	}
	return n, err
}
