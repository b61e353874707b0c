package adapters

import (
	"os"
	"time"
)

// stamp tells two states of a file apart. A file that is replaced by a rename, as a mounted ConfigMap is, has another time
// or size.
type stamp struct {
	size int64
	at   time.Time
}

// stamps looks at the files; one that cannot be seen has the zero stamp.
func stamps(files []string) map[string]stamp {
	out := map[string]stamp{}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			out[f] = stamp{info.Size(), info.ModTime()}
		}
	}
	return out
}
