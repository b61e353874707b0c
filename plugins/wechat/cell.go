package main

import "strings"

// splitRow cuts a detail or summary row. Every value begins with a backtick and nothing is quoted: free text holds
// commas and quotes as they are, so only a comma with a backtick separates.
func splitRow(row string, cells []string) ([]string, bool) {
	rest, ok := strings.CutPrefix(row, "`")
	if !ok {
		return nil, false
	}
	for {
		cell, after, more := strings.Cut(rest, ",`")
		cells = append(cells, cell)
		if !more {
			return cells, true
		}
		rest = after
	}
}

// splitNames cuts a header, whose names have no backticks in the channel's own files, and have them in some exports.
func splitNames(line string) []string {
	names := strings.Split(line, ",")
	for i, name := range names {
		names[i] = strings.TrimPrefix(strings.TrimSpace(name), "`")
	}
	return names
}

// columnOf gives the byte column, from 1, where cell i begins in its row.
func columnOf(cells []string, i int) int {
	column := 2 // behind the first backtick
	for _, cell := range cells[:min(i, len(cells))] {
		column += len(cell) + len(",`")
	}
	return column
}
