package config

import (
	"fmt"
	"regexp"
	"strconv"
)

// Days is a number of days, written "400d". 0 = none was given.
type Days int

func (d *Days) parse(text string) *complaint {
	m := regexp.MustCompile(`^(\d{1,6})d$`).FindStringSubmatch(text)
	if m == nil {
		return &complaint{"is not a number of days", "days such as 400d"}
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return &complaint{"is not a number of days", "days such as 400d"}
	}
	*d = Days(n)
	return nil
}

// ReconRetention says for how long things stay in the store before they go to the archive. What is not named stays for ever. A
// term is longer than a worker can look back (Back).
type ReconRetention struct {
	Findings   Days `yaml:"findings" min:"32d" max:"36500d"`   // findings, write-offs, settlements; from the statement's day
	Batches    Days `yaml:"batches" min:"32d" max:"36500d"`    // and what belongs to them; from the statement's day
	Cases      Days `yaml:"cases" min:"32d" max:"36500d"`      // with history and repairs; from their close
	Operations Days `yaml:"operations" min:"32d" max:"36500d"` // what was asked and answered; from their end
}

func (r *ReconRetention) check(c *Checker) {
	const path = "retention"
	switch {
	case c.Blamed(path):
	case *r == ReconRetention{}:
		c.Complain(path, "names no term: nothing would ever leave the store", "retention: {findings: 400d, cases: 1100d, operations: 400d, batches: 1100d}, or without retention")
	case r.Batches > 0 && r.Findings > r.Batches:
		c.Complain(path+".findings", fmt.Sprintf("is longer than that of their batches, %dd", r.Batches), fmt.Sprintf("findings: %dd or less", r.Batches))
	}
}
