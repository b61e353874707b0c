// Command badadapter is an adapter that misbehaves on demand, for the tests of the host.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

func main() {
	mode, _ := os.LookupEnv("BADADAPTER_START")
	switch mode {
	case "garbage":
		fmt.Println("hello, I am not an adapter")
		_, _ = io.Copy(io.Discard, os.Stdin)
		time.Sleep(time.Minute)
	case "silent":
		time.Sleep(time.Minute)
	case "late":
		time.Sleep(500 * time.Millisecond)
		plugins.Serve(&adapter{})
	case "exit":
		fmt.Fprintln(os.Stderr, "no licence key")
		os.Exit(3)
	case "contract1":
		serveRaw(1)
	case "contract2":
		serveRaw(2)
	case "contract99":
		serveRaw(99)
	case "grandchild":
		child := exec.Command("/bin/sleep", "60")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			fmt.Fprintln(os.Stderr, "start grandchild:", strings.TrimSpace(err.Error()))
			os.Exit(1)
		}
		plugins.Serve(&adapter{})
	default:
		plugins.Serve(&adapter{})
	}
}
