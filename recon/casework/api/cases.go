package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// File is a case with all that belongs to it.
type File struct {
	Case       casework.Case     `json:"case"`
	Definition string            `json:"definition"` // of the case's label
	Age        string            `json:"age"`        // since the other side was due
	Overdue    bool              `json:"overdue"`
	Events     []casework.Event  `json:"events"`
	Repairs    []casework.Repair `json:"repairs"`
	Traces     []Trace           `json:"traces,omitempty"`    // of the requests that made the order
	NoTraces   string            `json:"no_traces,omitempty"` // why they could not be asked for
}

// filterOf reads the parameters of a list; others are refused, and so are those that stand beside business and have no effect.
func filterOf(q url.Values, now time.Time) (f casework.Filter, business string, err error) {
	for name, values := range q {
		value := values[0]
		switch name {
		case "state":
			f.State = casework.State(value)
		case "open":
			f.Open, err = strconv.ParseBool(value)
		case "overdue":
			var overdue bool
			if overdue, err = strconv.ParseBool(value); overdue {
				f.Overdue = now
			}
		case "owner":
			f.Owner = value
		case "channel":
			f.Channel = value
		case "day":
			f.Day = value
		case "break":
			f.Break = recon.Break(value)
		case "after":
			f.After = value
		case "limit":
			f.Limit, err = strconv.Atoi(value)
		case "business":
			business = value
		default:
			err = fmt.Errorf("is no parameter")
		}
		if err != nil {
			return f, business, fmt.Errorf("%s: %w: %w", name, casework.ErrInput, err)
		}
	}
	if business != "" && len(q) > 1 {
		return f, business, fmt.Errorf("business: %w: stands alone: all cases of one number are given; try: without the rest", casework.ErrInput)
	}
	return f, business, nil
}

func (a *API) list(r *request) (answer, error) {
	f, business, err := filterOf(r.URL.Query(), a.Desk.Now())
	if err != nil {
		return answer{}, err
	}
	if business != "" {
		cases, err := a.Desk.Of(r.Context(), business)
		return answer{http.StatusOK, casework.Page{Cases: cases}}, err
	}
	page, err := a.Desk.List(r.Context(), f)
	return answer{http.StatusOK, page}, err
}

func (a *API) show(r *request) (answer, error) {
	id := r.PathValue("id")
	c, err := a.Desk.Get(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	events, err := a.Desk.Events(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	repairs, err := a.Desk.Repairs(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	now := a.Desk.Now()
	file := File{
		Case: c, Definition: c.Label.Definition(), Age: casework.Age(c.Expected, now).Round(time.Minute).String(),
		Overdue: c.State != casework.StateClosed && now.After(c.Due), Events: events, Repairs: repairs,
	}
	if a.Traces != nil && c.Order != "" {
		if file.Traces, err = a.Traces.Of(r.Context(), c.Order); err != nil {
			file.NoTraces = err.Error()
		}
	}
	return answer{http.StatusOK, file}, nil
}

func caseAnswer(c casework.Case, err error) (answer, error) { return answer{http.StatusOK, c}, err }

func (a *API) take(r *request) (answer, error) {
	return caseAnswer(a.Desk.Take(r.Context(), r.who, r.PathValue("id")))
}

func (a *API) assign(r *request) (answer, error) {
	var in struct {
		Owner string `json:"owner"`
	}
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return caseAnswer(a.Desk.Assign(r.Context(), r.who, r.PathValue("id"), in.Owner))
}

func (a *API) comment(r *request) (answer, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return caseAnswer(a.Desk.Comment(r.Context(), r.who, r.PathValue("id"), in.Text))
}

func (a *API) attach(r *request) (answer, error) {
	c, digest, err := a.Desk.Attach(r.Context(), r.who, r.PathValue("id"), r.URL.Query().Get("name"), r.Body)
	return answer{http.StatusCreated, struct {
		SHA256 string        `json:"sha256"`
		Case   casework.Case `json:"case"`
	}{digest, c}}, err
}

func (a *API) move(r *request) (answer, error) {
	var in struct {
		State    casework.State `json:"state"`
		Expected time.Time      `json:"expected"`
		Reason   string         `json:"reason"`
	}
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return caseAnswer(a.Desk.Move(r.Context(), r.who, r.PathValue("id"), in.State, in.Expected, in.Reason))
}

func (a *API) close(r *request) (answer, error) {
	var in struct {
		Resolution casework.Resolution `json:"resolution"`
		Reason     string              `json:"reason"`
	}
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return caseAnswer(a.Desk.Close(r.Context(), r.who, r.PathValue("id"), in.Resolution, in.Reason))
}

// reason is the body of what needs nothing else.
type reason struct {
	Reason string `json:"reason"`
}

func (a *API) reopen(r *request) (answer, error) {
	var in reason
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return caseAnswer(a.Desk.Reopen(r.Context(), r.who, r.PathValue("id"), in.Reason))
}

func (a *API) sla(r *request) (answer, error) {
	since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	if err != nil {
		return answer{}, fmt.Errorf("since: %w: is no time (got %q); try: 2026-11-27T00:00:00+08:00", casework.ErrInput, r.URL.Query().Get("since"))
	}
	kept, err := a.Desk.Keeping(r.Context(), since)
	return answer{http.StatusOK, struct {
		casework.Kept
		Want int  `json:"want"`
		Met  bool `json:"met"`
	}{kept, a.Desk.SLA.Share, a.Desk.SLA.Met(kept)}}, err
}
