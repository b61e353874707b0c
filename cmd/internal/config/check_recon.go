package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// StoreURL is where the state is. It may hold a password.
func (r *Recon) StoreURL() string {
	if r.StoreFile.Set() {
		return r.StoreFile.Text()
	}
	return r.Store
}

// check holds the rules between the keys.
func (r *Recon) check(c *Checker) {
	r.checkStore(c)
	if r.Queue != nil {
		r.Queue.check(c)
		listeners := []listener{{"listen", r.Listen}, {"queue.listen", r.Queue.Listen}}
		if r.Events != nil {
			listeners = append(listeners, listener{"events.listen", r.Events.Listen})
		}
		checkCollisions(c, listeners)
	}
	seen := map[string]int{}
	for i := range r.Channels {
		s := &r.Channels[i]
		path := fmt.Sprintf("channels[%d]", i)
		s.check(c, path)
		name := s.Name + "/" + s.Account + "/" + s.Kind
		if earlier, twice := seen[name]; twice {
			c.Complain(path+".name", fmt.Sprintf("has the account and kind of channels[%d]", earlier), "one entry for each channel, account and kind")
		}
		seen[name] = i
	}
	r.checkAdapters(c)
	r.checkEvents(c)
	if r.Operations != nil {
		r.Operations.check(c)
	}
	if r.Retention != nil {
		r.Retention.check(c)
	}
}

// checkEvents wants one statement of an account to have its callbacks, and an adapter to read them.
func (r *Recon) checkEvents(c *Checker) {
	heard := map[[2]string]int{}
	for i := range r.Channels {
		s := &r.Channels[i]
		if s.Callbacks == nil {
			continue
		}
		path := fmt.Sprintf("channels[%d].callbacks", i)
		if s.Adapter == nil {
			c.Complain(path, "needs an adapter, which reads them", "adapter, or no callbacks")
		}
		if earlier, twice := heard[[2]string{s.Name, s.Account}]; twice {
			c.Complain(path, fmt.Sprintf("of this account belong to channels[%d] already", earlier), "one statement of an account")
		}
		heard[[2]string{s.Name, s.Account}] = i
	}
	if r.Events != nil && len(heard) == 0 {
		c.Complain("events", "are taken, and no channel has callbacks", "callbacks: {queries: 1000}, at the channel")
	}
}

// checkAdapters wants one process for each name of an adapter.
func (r *Recon) checkAdapters(c *Checker) {
	if r.Adapters != nil {
		r.Adapters.check(c)
	}
	seen := map[string]*ReconAdapter{}
	for i := range r.Channels {
		a := r.Channels[i].Adapter
		if a == nil {
			continue
		}
		path := fmt.Sprintf("channels[%d].adapter", i)
		runs := r.Adapters.names(a.Name)
		switch earlier := seen[a.Name]; {
		case a.Path == "" && !runs:
			c.Complain(path+".path", "is missing, and adapters runs none of this name", "path and sha256, or adapters: {folder: …, run: [{name: "+a.Name+", sha256: …}]}")
		case a.Path != "" && runs:
			c.Complain(path+".path", "stands beside the adapter of this name that adapters runs", "without path, sha256 and secrets, or another name")
		case a.Path == "" && (a.SHA256 != "" || len(a.Secrets) > 0):
			c.Complain(path+".sha256", "and secrets belong to a path", "those of adapters.run")
		case a.Path != "" && earlier != nil && !earlier.same(a):
			c.Complain(path+".name", "is that of another channel's adapter with another path, sha256 or secrets", "the same everywhere, or another name")
		}
		if a.Path != "" {
			checkPin(c, path+".sha256", a.SHA256)
		}
		seen[a.Name] = a
	}
}

// same tells whether both mean the same process.
func (a *ReconAdapter) same(b *ReconAdapter) bool {
	return a.Path == b.Path && strings.EqualFold(a.SHA256, b.SHA256) && maps.EqualFunc(a.Secrets, b.Secrets, func(x, y SecretFile) bool { return x.Path() == y.Path() })
}

func (r *Recon) checkStore(c *Checker) {
	switch {
	case c.Blamed("store") || c.Blamed("store_file"):
	case (r.Store == "") == !r.StoreFile.Set():
		c.Complain("store", "needs one of store and store_file", "store: sqlite:///var/lib/touchstone/state.db")
	case r.Store != "" && strings.HasPrefix(r.Store, "mysql:"):
		c.Complain("store", "is a server, whose URL holds a password", "store_file: FILE, with the URL in it")
	default:
		if err := store.CheckURL(r.StoreURL()); err != nil {
			path := "store"
			if r.StoreFile.Set() {
				path = "store_file"
			}
			c.Complain(path, "names no store: "+strings.TrimPrefix(err.Error(), "store: "), "")
		}
	}
}

func (q *Queue) check(c *Checker) {
	switch {
	case c.Blamed("queue"):
	case (q.Listen == "") == (q.URL == nil):
		c.Complain("queue", "needs one of listen and url", "listen: 127.0.0.1:4223, with data, for a bus of its own")
	case q.URL == nil && q.Data == "":
		c.Complain("queue.data", "is missing", "data: ./queue")
	case q.URL == nil && !q.Listen.Loopback():
		c.Complain("queue.listen", "is open to other machines without encryption", "127.0.0.1:4223, or url of a bus with TLS")
	}
}

// offHolidays stands in off for all days that are no business days of the calendar.
const offHolidays = "holidays"

// OnBusinessDays tells whether a statement comes on business days only.
func (s *ReconStatement) OnBusinessDays() bool { return slices.Contains(s.Off, offHolidays) }

func (s *ReconStatement) check(c *Checker, path string) {
	for _, part := range []struct{ name, text string }{{"name", s.Name}, {"account", s.Account}, {"kind", s.Kind}} {
		if strings.ContainsAny(part.text, "/@#") || len(part.text) > 64 {
			c.Complain(path+"."+part.name, "has a /, @ or #, or more than 64 bytes", "a plain name")
		}
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		c.Complain(path+".zone", "is not a zone", "Asia/Shanghai")
	}
	s.calendar = c.calendar(path+".calendar", s.Calendar)
	if s.OnBusinessDays() && s.Calendar == "" {
		c.Complain(path+".calendar", "is missing, and off names holidays", "calendar: FILE, with lines such as 2026-10-01 holiday")
	}
	if s.Rules != nil {
		s.built = s.Rules.Build(c, path+".rules", zone, s.calendar, s.Compared())
	}
	if s.Due < s.From {
		c.Complain(path+".due", "is before from", "an hour after the file is usually there")
	}
	if s.Folder != nil {
		checkPattern(c, path+".folder.file", s.Folder.File)
	}
	s.Books.check(c, path+".books")
	switch {
	case s.Adapter == nil && s.Folder == nil:
		c.Complain(path+".folder", "is missing, and so is adapter", `folder: {path: ./statements, file: "bill-{day}.csv", format: bill.json}`)
	case s.Adapter != nil && s.Folder != nil:
		c.Complain(path+".folder", "stands beside adapter", "one of the two")
	}
}

func (b *ReconBooks) check(c *Checker, path string) {
	switch {
	case c.Blamed(path):
	case (b.File == "") == !b.TableFile.Set():
		c.Complain(path, "needs one of file and table_file", "file: \"books-{day}.csv\", with path")
	case b.File != "":
		checkPattern(c, path+".file", b.File)
		if b.Path == "" {
			c.Complain(path+".path", "is missing", "path: ./books")
		}
	case b.Time == "":
		c.Complain(path+".time", "is missing", "time: paid_at, the column that says on which day a row is")
	default:
		if source, err := ledger.ParseURL(b.TableFile.Text()); err != nil {
			c.Complain(path+".table_file", "names no table: "+err.Error(), "")
		} else if source.Time.Column != "" {
			c.Complain(path+".table_file", "has a range of time of its own", "without time, from and until")
		}
	}
}

// checkPattern wants a file's name that is another one each day, and stays in its folder.
func checkPattern(c *Checker, path, pattern string) {
	switch {
	case c.Blamed(path):
	case !strings.Contains(pattern, "{day}") && !strings.Contains(pattern, "{yyyymmdd}"):
		c.Complain(path, "is the same on every day", "bill-{day}.csv, or bill-{yyyymmdd}.csv")
	case strings.Contains(pattern, "/"):
		c.Complain(path, "has a folder", "path for the folder")
	}
}
