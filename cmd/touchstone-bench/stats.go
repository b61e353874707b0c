package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// median gives the middle of a list, or the mean of the two in the middle.
func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	if len(s) == 0 {
		return 0
	}
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// queries reads how many queries a run of sysbench made.
func queries(out string) (float64, error) {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "total:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, errors.New("sysbench printed no total of queries")
}

const ticksPerSecond = 100 // of /proc on Linux, whatever the kernel's own clock

// cpu reads the processor time a process has used, in seconds.
func cpu(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return parseCPU(string(data))
}

func parseCPU(stat string) (float64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("processor time: /proc has another form than expected")
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond, errors.Join(err, err2)
}

// memory is what a process has resident, in MiB.
type memory struct {
	peak       float64 // the most it ever had, of its own and of files
	own, files float64 // now; of files: the pages of its program that were used
}

// memoryOf reads it.
func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, fmt.Errorf("read memory: %w", err)
	}
	var m memory
	for field, into := range map[string]*float64{"VmHWM": &m.peak, "RssAnon": &m.own, "RssFile": &m.files} {
		_, rest, _ := strings.Cut(string(text), "\n"+field+":")
		if _, err := fmt.Sscanf(rest, "%f kB", into); err != nil {
			return memory{}, fmt.Errorf("read memory: %s of /proc has another form than expected: %w", field, err)
		}
		*into /= 1024
	}
	return m, nil
}
