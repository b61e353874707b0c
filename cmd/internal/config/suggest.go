package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// nearestName proposes the known name that takes the fewest edits, or lists them all when none is near.
func nearestName(got string, known []string) string {
	const longest = 64
	best, distance := "", max(2, len(got)/3)+1
	for _, name := range known {
		if len(got) > longest {
			break
		}
		if d := edits(got, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return best
	}
	sorted := slices.Sorted(slices.Values(known))
	return "one of " + strings.Join(sorted, ", ")
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// exampleOf shows what a missing key could say.
func exampleOf(f reflect.StructField) string {
	key := f.Tag.Get("yaml") + ": "
	if names := f.Tag.Get("oneof"); names != "" {
		return key + strings.ReplaceAll(names, ",", " or ")
	}
	switch f.Type {
	case reflect.TypeFor[Percent]():
		return key + "50%"
	case reflect.TypeFor[Fraction]():
		return key + "0.02"
	case reflect.TypeFor[Addr]():
		return key + "127.0.0.1:8080"
	case reflect.TypeFor[time.Duration]():
		return key + "10s"
	}
	switch f.Type.Kind() {
	case reflect.Slice:
		return key + "a list"
	case reflect.Struct, reflect.Map:
		if !isScalar(f.Type) {
			return key + "a mapping"
		}
	}
	return key + "a value"
}
