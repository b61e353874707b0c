package config

import (
	"encoding/hex"
	"fmt"
	"time"
)

// check holds the rules between the keys of a comparer.
func (m *Comparer) check(c *Checker) {
	checkRelease(c, m.Release)
	m.Bus.check(c)
	m.Gate.check(c, m.ControlPlane != nil)
	checkCollisions(c, m.listeners())
	if m.Adapters != nil {
		m.Adapters.check(c)
	}
	if m.ControlPlane != nil {
		m.ControlPlane.check(c, m.Release)
	}
	if m.Sides != nil {
		m.Sides.check(c, m.Adapters)
	}
	if m.NearLine != nil {
		m.NearLine.check(c, m.Sides != nil)
	}
}

func (m *Comparer) listeners() []listener {
	all := []listener{{"listen", m.Listen}, {"bus.listen", m.Bus.Listen}}
	if m.ControlPlane != nil {
		all = append(all, listener{"control_plane.listen", m.ControlPlane.Listen})
	}
	return all
}

func (n *NearLine) check(c *Checker, books bool) {
	const day = 24 * time.Hour
	if !books {
		c.Complain("near_line", "needs the books it is about", "sides, with primary and shadow")
	}
	if n.Size > 0 && day%n.Size != 0 {
		c.Complain("near_line.size", "does not divide a day", "10s")
	}
	if open := (n.Lateness + n.Patience) / max(n.Size, time.Millisecond); open > mostOpen {
		c.Complain("near_line.size", fmt.Sprintf("would keep %d windows open", open), "a larger size, or less lateness and patience")
	}
	if _, err := time.LoadLocation(n.Zone); err != nil {
		c.Complain("near_line.zone", "is not a zone", "Asia/Shanghai")
	}
}

// mostOpen bounds the memory of near-line comparison: a window of both sides takes 4 MiB.
const mostOpen = 100

func (b ComparerBus) check(c *Checker) {
	switch {
	case c.Blamed("bus"):
	case b.Listen != "" && b.URL != nil:
		c.Complain("bus.url", "stands beside bus.listen", "listen and users for a bus of its own, or url, user and password_file for another")
	case b.URL != nil:
		b.checkRemote(c)
	case b.Listen == "":
		c.Complain("bus", "has neither listen nor url", "listen: 127.0.0.1:4222, with users")
	default:
		b.checkEmbedded(c)
	}
}

func (b ComparerBus) checkRemote(c *Checker) {
	if b.User == "" {
		c.Complain("bus.user", "is missing", "user: comparer")
	}
	if !b.PasswordFile.Set() {
		c.Complain("bus.password_file", "is missing", "password_file: FILE")
	}
	if len(b.Users) > 0 {
		c.Complain("bus.users", "belongs to a bus of its own", "take it out")
	}
}

func (b ComparerBus) checkEmbedded(c *Checker) {
	if b.User != "" || b.PasswordFile.Set() {
		c.Complain("bus.user", "belongs to a bus that is reached by url", "one of bus.users, with role comparer")
	}
	names, roles := map[string]bool{}, map[string]bool{}
	for i, u := range b.Users {
		if u.Name != "" && names[u.Name] {
			c.Complain(fmt.Sprintf("bus.users[%d].name", i), "stands here a second time", "one entry a user")
		}
		names[u.Name], roles[u.Role] = true, true
	}
	for _, role := range []string{"sidecar", "comparer"} {
		if !roles[role] {
			c.Complain("bus.users", "has nobody of role "+role, fmt.Sprintf("{name: %s, role: %s, password_file: FILE}", role, role))
		}
	}
}

func (s *Sides) check(c *Checker, adapters *Adapters) {
	checkDSNs(c, "sides.primary.dsn_file", s.Primary.DSN, "sides.shadow.dsn_file", s.Shadow.DSN)
	s.Primary.check(c, "sides.primary")
	s.Shadow.check(c, "sides.shadow")
	if s.Channel != nil {
		s.Channel.check(c, adapters)
	}
}

func (b Books) check(c *Checker, path string) {
	names := map[string]bool{}
	for i, t := range b.Tables {
		at := fmt.Sprintf("%s.tables[%d]", path, i)
		if t.Name != "" && names[t.Name] {
			c.Complain(child(at, "name"), "stands here a second time", "one entry a table")
		}
		names[t.Name] = true
		checkCurrency(c, child(at, "amount.currency"), t.Amount.Currency)
	}
}

func (h *Channel) check(c *Checker, adapters *Adapters) {
	h.checkAdapter(c, adapters)
	switch {
	case h.File == "" && h.Fetch == nil:
		c.Complain("sides.channel", "has neither file nor fetch", "file: bill.csv, or fetch: {base_url: …, account: …}")
	case h.File != "" && h.Fetch != nil:
		c.Complain("sides.channel.fetch", "stands beside file", "one of the two")
	case h.File != "" && h.Day == "":
		c.Complain("sides.channel.day", "is missing, a file covers one day", "day: 2026-11-23")
	case h.Fetch != nil && h.Hash != nil:
		c.Complain("sides.channel.hash", "belongs to a file; what is fetched brings its own", "take it out")
	}
	if h.Hash != nil {
		h.Hash.check(c)
	}
}

// checkAdapter wants a binary of the channel's own, or one that runs under its name.
func (h *Channel) checkAdapter(c *Checker, adapters *Adapters) {
	running := adapters.names(h.Name)
	switch {
	case h.Adapter == "" && !running:
		c.Complain("sides.channel.adapter", "is missing, and none of adapters.run is called "+h.Name, "adapter: FILE with sha256, or an entry of adapters.run")
	case h.Adapter != "" && running:
		c.Complain("sides.channel.adapter", "runs already, as one of adapters.run", "take adapter and sha256 out here")
	case h.Adapter != "":
		checkPin(c, "sides.channel.sha256", h.SHA256)
	case h.SHA256 != "":
		c.Complain("sides.channel.sha256", "is pinned by adapters.run", "take it out here")
	case h.Fetch != nil && len(h.Fetch.Secrets) > 0:
		c.Complain("sides.channel.fetch.secrets", "belong to the entry of adapters.run", "move them there")
	}
}

func (h *Hash) check(c *Checker) {
	size := map[string]int{"SHA1": 20, "SHA256": 32, "MD5": 16}[h.Type]
	if raw, err := hex.DecodeString(h.Value); err != nil || len(raw) != size {
		c.Complain("sides.channel.hash.value", fmt.Sprintf("is not a %s", h.Type), fmt.Sprintf("%d hex digits", 2*size))
	}
}
