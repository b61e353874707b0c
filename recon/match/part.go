package match

import (
	"fmt"
	"strconv"
	"strings"
)

// Stage is a step of a reconciliation in parts.
type Stage string

// The stages. All scans come before the first join.
const (
	StageScan Stage = "scan"
	StageJoin Stage = "join"
)

// Stages lists them.
func Stages() []Stage { return []Stage{StageScan, StageJoin} }

// Part names a part of a plan.
type Part struct {
	Stage Stage
	Side  int // of a scan
	N     int
}

// String prints "scan/0/3" or "join/7".
func (p Part) String() string {
	if p.Stage == StageScan {
		return fmt.Sprintf("%s/%d/%d", p.Stage, p.Side, p.N)
	}
	return fmt.Sprintf("%s/%d", p.Stage, p.N)
}

// ParsePart reads what String printed.
func ParsePart(text string) (Part, error) {
	words := strings.Split(text, "/")
	part, numbers := Part{Stage: Stage(words[0])}, make([]int, len(words)-1)
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.Atoi(words[i+1]); err != nil {
			return part, fmt.Errorf("no part (got %q); try: scan/0/3 or join/7", text)
		}
	}
	switch {
	case part.Stage == StageScan && len(numbers) == 2:
		part.Side, part.N = numbers[0], numbers[1]
	case part.Stage == StageJoin && len(numbers) == 1:
		part.N = numbers[0]
	default:
		return part, fmt.Errorf("no part (got %q); try: scan/0/3 or join/7", text)
	}
	return part, nil
}

func (p Part) file() string {
	if p.Stage == StageScan {
		return fmt.Sprintf("scan-%d-%d.part", p.Side, p.N)
	}
	return fmt.Sprintf("join-%d.part", p.N)
}
